import { checkSuitesOfHttp2 } from "./cipher-suites.ts";
import { ConfigError } from "./errors.ts";
import type { FlagReader } from "./flag-reader.ts";
import { generatedFiles, generatedPair, turnedOffWarning } from "./generated-pair.ts";
import { checkClientPair, checkPair, type TlsProtocol, type TlsSettings } from "./tls-settings.ts";

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
  const secure = secureListenUrls(read);
  if (certFile === "") checkNoneSecure(secure);
  if (isEmpty(secure)) {
    if (certFile !== "" || clientCertAuth) {
      warnings.push("TLS files or client certificates are configured, but every client URL is plaintext");
    }
    return undefined;
  }
  if (secure.serveHttp2) checkSuitesOfHttp2(read.list("cipher-suites"));
  // Nothing is dialled with it, but as in etcd it has to be one.
  const clientCertFile = read.string("client-cert-file");
  const clientKeyFile = read.string("client-key-file");
  checkClientPair(clientCertFile, clientKeyFile);
  return Object.freeze({
    ...ONLY_LISTENS,
    certFile,
    keyFile,
    clientCertFile,
    clientKeyFile,
    trustedCaFile,
    requireClientCertificate: clientCertAuth || trustedCaFile !== "",
    namesClients: clientCertAuth,
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
  const generated = generatedPair(read, [
    ...read.list("listen-client-urls"),
    ...read.list("listen-client-http-urls"),
  ]);
  const turnedOff = turnedOffWarning(read, "auto-tls", FLAGS_TURNED_OFF);
  if (turnedOff !== undefined) warnings.push(turnedOff);
  const secure = secureListenUrls(read);
  if (isEmpty(secure)) {
    warnings.push("--auto-tls is given, but every client URL is plaintext");
    return undefined;
  }
  if (secure.serveHttp2) checkSuitesOfHttp2(read.list("cipher-suites"));
  return Object.freeze({
    ...ONLY_LISTENS,
    ...generatedFiles(dataDir, "client"),
    generated,
    trustedCaFile: "",
    requireClientCertificate: false,
    namesClients: false,
    allowedHostnames: [],
    crlFile: "",
    ...protocol,
  });
}

/** The first URL of each kind that TLS is wanted for. */
interface SecureUrls {
  readonly client: string | undefined;
  readonly metrics: string | undefined;
  /** Whether an HTTP server answers on one of those for clients, and not gRPC alone. */
  readonly serveHttp2: boolean;
}

function secureListenUrls(read: FlagReader): SecureUrls {
  const secureIn = (flag: string) => read.list(flag).find((url) => /^(https|unixs):/.test(url));
  const [mixed, http] = [secureIn("listen-client-urls"), secureIn("listen-client-http-urls")];
  const isSplit = read.list("listen-client-http-urls").length > 0;
  return {
    client: mixed ?? http,
    metrics: secureIn("listen-metrics-urls"),
    serveHttp2: (isSplit ? http : mixed) !== undefined,
  };
}

function isEmpty({ client, metrics }: SecureUrls): boolean {
  return client === undefined && metrics === undefined;
}

/** Where there is no certificate. */
function checkNoneSecure({ client, metrics }: SecureUrls): void {
  if (client !== undefined) {
    throw new ConfigError(
      `TLS key/cert (--cert-file, --key-file) must be provided for client url ${client} with HTTPS scheme`,
    );
  }
  if (metrics !== undefined) {
    throw new ConfigError(
      "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url",
    );
  }
}
