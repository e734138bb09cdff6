import { checkSuitesOfHttp2 } from "./cipher-suites.ts";
import { ConfigError } from "./errors.ts";
import type { FlagReader } from "./flag-reader.ts";
import { generatedFiles, generatedPair, turnedOffWarning } from "./generated-pair.ts";
import { checkPair, type TlsProtocol, type TlsSettings } from "./tls-settings.ts";

/** TLS of the client listeners. */
export function clientTls(
  read: FlagReader,
  dataDir: string,
  protocol: TlsProtocol,
  warnings: string[],
): TlsSettings | undefined {
  const certFile = read.string("cert-file");
  const keyFile = read.string("key-file");
  const trustedCaFile = read.string("trusted-ca-file");
  const clientCertAuth = read.boolean("client-cert-auth");
  checkPair(certFile, keyFile);
  if (read.boolean("auto-tls")) {
    if (certFile === "") return automaticClientTls(read, dataDir, protocol, warnings);
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
  checkSuitesOfHttp2(read.list("cipher-suites"));
  return Object.freeze({
    ...ONLY_LISTENS,
    certFile,
    keyFile,
    trustedCaFile,
    requireClientCertificate: clientCertAuth || trustedCaFile !== "",
    allowedHostnames: read.list("client-cert-allowed-hostname"),
    crlFile: read.string("client-crl-file"),
    ...protocol,
  });
}

/** What no flag says of this side: it dials nobody, and a certificate is good from every address. */
const ONLY_LISTENS = {
  clientCertFile: "",
  clientKeyFile: "",
  allowedCommonNames: [],
  verifyClientAddress: false,
} as const;

/** As in etcd, which replaces all settings of this side by those of the generated pair. */
const FLAGS_TURNED_OFF = [
  "client-cert-auth",
  "trusted-ca-file",
  "client-crl-file",
  "client-cert-allowed-hostname",
] as const;

function automaticClientTls(
  read: FlagReader,
  dataDir: string,
  protocol: TlsProtocol,
  warnings: string[],
): TlsSettings | undefined {
  const generated = generatedPair(read, read.list("listen-client-urls"));
  const turnedOff = turnedOffWarning(read, "auto-tls", FLAGS_TURNED_OFF);
  if (turnedOff !== undefined) warnings.push(turnedOff);
  if (secureListenUrl(read) === undefined) {
    warnings.push("--auto-tls is given, but every client URL is plaintext");
    return undefined;
  }
  checkSuitesOfHttp2(read.list("cipher-suites"));
  return Object.freeze({
    ...ONLY_LISTENS,
    ...generatedFiles(dataDir, "client"),
    generated,
    trustedCaFile: "",
    requireClientCertificate: false,
    allowedHostnames: [],
    crlFile: "",
    ...protocol,
  });
}

function secureListenUrl(read: FlagReader): string | undefined {
  return read.list("listen-client-urls").find((url) => /^(https|unixs):/.test(url));
}
