import { cipherList } from "./cipher-suites.ts";
import { ConfigError } from "./errors.ts";
import type { FlagReader } from "./flag-reader.ts";
import type { GeneratedPair } from "./generated-pair.ts";

export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** TLS of one side, for both roles. Key pairs, the CA and the CRL are used as they are on disk at each handshake. */
export interface TlsSettings {
  /** With the key: what a listener presents. Both empty when this side only dials. */
  readonly certFile: string;
  readonly keyFile: string;
  /** When given, the two files are made if one of them is missing, and who is dialled is not verified. */
  readonly generated?: GeneratedPair;
  /** What is presented when dialling. */
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
  /** Empty: the system's roots. */
  readonly trustedCaFile: string;
  /** Who connects must present a certificate that leads to the CA. */
  readonly requireClientCertificate: boolean;
  /** Under authentication, whoever comes with a certificate and without a token is the user that it names. */
  readonly namesClients: boolean;
  /** Names of which a verified leaf must have one; at most one of the two lists has any. */
  readonly allowedCommonNames: readonly string[];
  readonly allowedHostnames: readonly string[];
  /** DER; empty when there is none. */
  readonly crlFile: string;
  /** Whether the SANs of who connects must match the address it comes from. */
  readonly verifyClientAddress: boolean;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion | undefined;
  /** As the runtime takes them; undefined: the runtime's own choice. */
  readonly ciphers: string | undefined;
}

/** What both sides may agree on with whoever they speak to. */
export type TlsProtocol = Pick<TlsSettings, "minVersion" | "maxVersion" | "ciphers">;

/** Of a side without any flags: it can only dial, and trusts whom the system trusts. */
export const NO_TLS_SETTINGS: TlsSettings = Object.freeze({
  certFile: "",
  keyFile: "",
  clientCertFile: "",
  clientKeyFile: "",
  trustedCaFile: "",
  requireClientCertificate: false,
  namesClients: false,
  allowedCommonNames: [],
  allowedHostnames: [],
  crlFile: "",
  verifyClientAddress: false,
  minVersion: "TLSv1.2",
  maxVersion: undefined,
  ciphers: undefined,
});

const VERSIONS: Readonly<Record<string, TlsVersion>> = { "TLS1.2": "TLSv1.2", "TLS1.3": "TLSv1.3" };

/** The same for clients and peers. Throws `ConfigError`. */
export function tlsProtocol(read: FlagReader): TlsProtocol {
  return tlsProtocolOf(
    read.string("tls-min-version"),
    read.string("tls-max-version"),
    read.list("cipher-suites"),
  );
}

/** Versions and suites as flags name them; empty ones are the usual ones. Throws `ConfigError`. */
export function tlsProtocolOf(minVersion: string, max: string, suites: readonly string[]): TlsProtocol {
  const min = minVersion || "TLS1.2";
  for (const version of [min, max]) {
    if (version !== "" && VERSIONS[version] === undefined) {
      throw new ConfigError(`unexpected TLS version "${version}" (must be one of: TLS1.2, TLS1.3)`);
    }
  }
  if (min === "TLS1.3" && max === "TLS1.2") {
    throw new ConfigError("min version (TLS1.3) is greater than max version (TLS1.2)");
  }
  if (min === "TLS1.3" && suites.length > 0) {
    throw new ConfigError("cipher suites cannot be configured when only TLS1.3 is enabled");
  }
  return { minVersion: VERSIONS[min]!, maxVersion: VERSIONS[max], ciphers: cipherList(suites) };
}

/** A certificate without its key, or the reverse, stops the start. */
export function checkPair(certFile: string, keyFile: string): void {
  if ((certFile === "") === (keyFile === "")) return;
  throw new ConfigError(`KeyFile and CertFile must both be present[key: ${keyFile}, cert: ${certFile}]`);
}

/** The same of the pair that is presented when dialling, in etcd's words. */
export function checkClientPair(certFile: string, keyFile: string): void {
  if ((certFile === "") === (keyFile === "")) return;
  throw new ConfigError(
    `ClientKeyFile and ClientCertFile must both be present or both absent: key: ${keyFile}, cert: ${certFile}]`,
  );
}
