import { ConfigError } from "./errors.ts";

/**
 * Names that Go has for suites, with OpenSSL's name of those of TLS 1.2 that can be had: the ones that are chosen first come
 * first, whatever their order on the command line.
 */
const SUITES: ReadonlyMap<string, string | undefined> = new Map([
  ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"],
  ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"],
  ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"],
  ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"],
  ["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"],
  ["TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"],
  ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256"],
  ["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"],
  ["TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"],
  ["TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"],
  ["TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"],
  ["TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"],
  ["TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256"],
  // Broken ones that the runtime's TLS does not have: they are never agreed on.
  ["TLS_RSA_WITH_3DES_EDE_CBC_SHA", undefined],
  ["TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", undefined],
  ["TLS_RSA_WITH_RC4_128_SHA", undefined],
  ["TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", undefined],
  ["TLS_ECDHE_RSA_WITH_RC4_128_SHA", undefined],
  // Those of TLS 1.3 are all there, always.
  ["TLS_AES_128_GCM_SHA256", undefined],
  ["TLS_AES_256_GCM_SHA384", undefined],
  ["TLS_CHACHA20_POLY1305_SHA256", undefined],
]);

const TLS13_SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/** HTTP/2 over TLS 1.2 wants one of them. */
const OF_HTTP2 = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];

/**
 * The list of suites as the runtime takes it, from Go's names; undefined, which is the runtime's own choice, without any. Throws
 * `ConfigError` for a name that is none.
 */
export function cipherList(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const unknown = names.find((name) => !SUITES.has(name));
  if (unknown !== undefined) throw new ConfigError(`unexpected TLS cipher suite "${unknown}"`);
  const chosen = [...SUITES].flatMap(([name, suite]) =>
    suite !== undefined && names.includes(name) ? [suite] : [],
  );
  return [...TLS13_SUITES, ...new Set(chosen)].join(":");
}

/** Throws `ConfigError` for a list with which nobody could speak HTTP/2 over TLS 1.2. */
export function checkSuitesOfHttp2(names: readonly string[]): void {
  if (names.length === 0 || OF_HTTP2.some((name) => names.includes(name))) return;
  throw new ConfigError(`--cipher-suites must have ${OF_HTTP2.join(" or ")}: HTTP/2 needs it`);
}
