import { ConfigError } from "./errors.ts";
import type { FlagReader } from "./flag-reader.ts";
import { generatedFiles, generatedPair, turnedOffWarning } from "./generated-pair.ts";
import {
  checkClientPair,
  checkPair,
  NO_TLS_SETTINGS,
  type TlsProtocol,
  type TlsSettings,
} from "./tls-settings.ts";

/** TLS between members. */
export function peerTls(
  read: FlagReader,
  dataDir: string,
  protocol: TlsProtocol,
  warnings: string[],
): TlsSettings | undefined {
  const certFile = read.string("peer-cert-file");
  const keyFile = read.string("peer-key-file");
  const clientCertFile = read.string("peer-client-cert-file");
  const clientKeyFile = read.string("peer-client-key-file");
  const trustedCaFile = read.string("peer-trusted-ca-file");
  const clientCertAuth = read.boolean("peer-client-cert-auth");
  const allowedCommonNames = read.list("peer-cert-allowed-cn");
  const allowedHostnames = read.list("peer-cert-allowed-hostname");
  checkPair(certFile, keyFile);
  if (read.boolean("peer-auto-tls")) {
    if (certFile === "") return automaticPeerTls(read, dataDir, protocol, warnings);
    warnings.push("ignoring peer auto TLS since certs given");
  }
  checkClientPair(clientCertFile, clientKeyFile);
  if (allowedCommonNames.length > 0 && allowedHostnames.length > 0) {
    throw new ConfigError(
      "AllowedCNs and AllowedHostnames are mutually exclusive " +
        `(cns=${quoted(allowedCommonNames)}, hostnames=${quoted(allowedHostnames)})`,
    );
  }
  const secureUrl = secureListenUrl(read);
  if (secureUrl !== undefined && certFile === "") {
    const address = secureUrl.replace(/^[a-z]+:\/\//, "");
    throw new ConfigError(`cannot listen on TLS for ${address}: KeyFile and CertFile are not presented`);
  }
  const isConfigured =
    [certFile, clientCertFile, trustedCaFile].some((file) => file !== "") || clientCertAuth;
  if (!isConfigured) return undefined;
  if (secureUrl === undefined) {
    warnings.push(
      "TLS files or client certificates of peers are configured, but every peer URL is plaintext",
    );
  }
  return Object.freeze({
    certFile,
    keyFile,
    clientCertFile: clientCertFile || certFile,
    clientKeyFile: clientKeyFile || keyFile,
    trustedCaFile,
    requireClientCertificate: clientCertAuth || trustedCaFile !== "",
    namesClients: false,
    allowedCommonNames,
    allowedHostnames,
    crlFile: read.string("peer-crl-file"),
    verifyClientAddress: !read.boolean("peer-skip-client-san-verification"),
    ...protocol,
  });
}

/** As in etcd, which replaces all settings of this side by those of the generated pair. */
const FLAGS_TURNED_OFF = [
  "peer-client-cert-file",
  "peer-client-key-file",
  "peer-trusted-ca-file",
  "peer-client-cert-auth",
  "peer-cert-allowed-cn",
  "peer-cert-allowed-hostname",
  "peer-crl-file",
] as const;

function automaticPeerTls(
  read: FlagReader,
  dataDir: string,
  protocol: TlsProtocol,
  warnings: string[],
): TlsSettings {
  const generated = generatedPair(read, read.list("listen-peer-urls"));
  const { certFile, keyFile } = generatedFiles(dataDir, "peer");
  const turnedOff = turnedOffWarning(read, "peer-auto-tls", FLAGS_TURNED_OFF);
  if (turnedOff !== undefined) warnings.push(turnedOff);
  if (secureListenUrl(read) === undefined) {
    warnings.push("--peer-auto-tls is given, but every peer URL is plaintext");
  }
  return Object.freeze({
    ...NO_TLS_SETTINGS,
    certFile,
    keyFile,
    generated,
    clientCertFile: certFile,
    clientKeyFile: keyFile,
    ...protocol,
  });
}

function secureListenUrl(read: FlagReader): string | undefined {
  return read.list("listen-peer-urls").find((url) => /^(https|unixs):/.test(url));
}

/** As Go prints a list of quoted strings. */
function quoted(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(" ")}]`;
}
