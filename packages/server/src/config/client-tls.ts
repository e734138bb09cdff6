import { ConfigError } from "./errors.ts";
import { type GeneratedPair, generatedFiles, generatedPair, turnedOffWarning } from "./generated-pair.ts";
import { type TlsVersion, tlsVersions } from "./peer-tls.ts";
import type { FlagReader } from "./server-config.ts";

/** TLS of the client listeners. */
export interface ClientTls {
  readonly certFile: string;
  readonly keyFile: string;
  /** When given, the two files are made if one of them is missing. */
  readonly generated?: GeneratedPair;
  readonly trustedCaFile: string;
  /** A client must present a certificate that the CA signed. */
  readonly requireClientCertificate: boolean;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion | undefined;
}

export function clientTls(read: FlagReader, dataDir: string, warnings: string[]): ClientTls | undefined {
  const certFile = read.string("cert-file");
  const keyFile = read.string("key-file");
  const trustedCaFile = read.string("trusted-ca-file");
  const clientCertAuth = read.boolean("client-cert-auth");
  if ((certFile === "") !== (keyFile === "")) {
    throw new ConfigError(`KeyFile and CertFile must both be present[key: ${keyFile}, cert: ${certFile}]`);
  }
  if (read.boolean("auto-tls")) {
    if (certFile === "") return automaticClientTls(read, dataDir, warnings);
    warnings.push("ignoring client auto TLS since certs given");
  }
  const secureUrl = secureListenUrl(read);
  if (secureUrl === undefined) {
    if (certFile !== "" || clientCertAuth) {
      warnings.push("TLS files or client certificates are configured, but every client URL is plaintext");
    }
    return undefined;
  }
  if (certFile === "") {
    throw new ConfigError(
      `TLS key/cert (--cert-file, --key-file) must be provided for client url ${secureUrl} with HTTPS scheme`,
    );
  }
  return Object.freeze({
    certFile,
    keyFile,
    trustedCaFile,
    requireClientCertificate: clientCertAuth || trustedCaFile !== "",
    ...tlsVersions(read),
  });
}

function automaticClientTls(read: FlagReader, dataDir: string, warnings: string[]): ClientTls | undefined {
  const generated = generatedPair(read, read.list("listen-client-urls"));
  const turnedOff = turnedOffWarning(read, "auto-tls", ["client-cert-auth", "trusted-ca-file"]);
  if (turnedOff !== undefined) warnings.push(turnedOff);
  if (secureListenUrl(read) === undefined) {
    warnings.push("--auto-tls is given, but every client URL is plaintext");
    return undefined;
  }
  return Object.freeze({
    ...generatedFiles(dataDir, "client"),
    generated,
    trustedCaFile: "",
    requireClientCertificate: false,
    ...tlsVersions(read),
  });
}

function secureListenUrl(read: FlagReader): string | undefined {
  return read.list("listen-client-urls").find((url) => /^(https|unixs):/.test(url));
}
