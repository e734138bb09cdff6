import { isIP } from "node:net";
import { ConfigError } from "./errors.ts";
import type { FlagReader } from "./flag-reader.ts";

/** A certificate and key that the member makes itself as long as it has none. */
export interface GeneratedPair {
  /** Names and addresses that the certificate is for. */
  readonly hosts: readonly string[];
  /** In years of 365 days. */
  readonly validityYears: number;
}

/** etcd counts nanoseconds in 64 bits: beyond this its certificates would end before they begin. */
const MAX_VALIDITY_YEARS = 292;

/** The pair for listeners at these URLs. */
export function generatedPair(read: FlagReader, listenUrls: readonly string[]): GeneratedPair {
  return pairForListeners(listenUrls, read.number("self-signed-cert-validity"));
}

/** The same, valid for so many years. Throws `ConfigError`. */
export function pairForListeners(listenUrls: readonly string[], validityYears: number): GeneratedPair {
  if (validityYears === 0) {
    throw new ConfigError("selfSignedCertValidity is invalid,it should be greater than 0");
  }
  if (validityYears > MAX_VALIDITY_YEARS) {
    throw new ConfigError(
      `--self-signed-cert-validity must be at most ${MAX_VALIDITY_YEARS} years (set to ${validityYears})`,
    );
  }
  const hosts = listenUrls.map(hostOf).filter((host) => host !== undefined);
  return Object.freeze({ hosts: Object.freeze([...new Set(hosts)]), validityYears });
}

export function generatedFiles(dataDir: string, side: "client" | "peer") {
  const directory = `${dataDir}/fixtures/${side}`;
  return { certFile: `${directory}/cert.pem`, keyFile: `${directory}/key.pem` };
}

/** What the operator must know when `--auto-tls` or `--peer-auto-tls` wins over flags that ask for more. */
export function turnedOffWarning(
  read: FlagReader,
  autoFlag: string,
  flagsTurnedOff: readonly string[],
): string | undefined {
  const given = flagsTurnedOff.filter((name) => read.isSet(name)).map((name) => `--${name}`);
  if (given.length === 0) return undefined;
  return `--${autoFlag} turns ${given.join(", ")} off: connections are encrypted, but nobody is authenticated`;
}

/** What of a URL a certificate can name; undefined for the path of a socket. */
function hostOf(url: string): string | undefined {
  const match = /^[a-z]+:\/\/(?:\[([^\]]+)\]|([!-~]+)):\d+$/.exec(url);
  // A zone means something on this machine only.
  const host = (match?.[1] ?? match?.[2])?.replace(/%.*$/, "");
  if (host === undefined || isIP(host) !== 6) return host;
  const mappedIpv4 = /^::ffff:([\d.]+)$/i.exec(host)?.[1];
  return mappedIpv4 ?? new URL(`http://[${host}]`).hostname.slice(1, -1);
}
