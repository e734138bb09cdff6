import { parseDurationMs } from "./duration.ts";
import { ConfigError } from "./errors.ts";
import type { FlagReader } from "./flag-reader.ts";

/** What tokens this member makes for users, and takes from them. */
export type AuthTokenSettings =
  | { readonly kind: "simple"; readonly ttlMs: number }
  | JwtSettings
  /** None, and so nobody gets in who has no certificate. */
  | { readonly kind: "none" };

export interface JwtSettings {
  readonly kind: "jwt";
  readonly algorithm: string;
  /** Empty when it is not given; at least one of the two is. */
  readonly publicKeyFile: string;
  /** Of a method with one secret: the secret. */
  readonly privateKeyFile: string;
  readonly ttlMs: number;
}

const ALGORITHM = /^(?:(?:RS|PS|ES|HS)(?:256|384|512)|EdDSA)$/;
const KNOWN_OPTIONS = ["sign-method", "pub-key", "priv-key", "ttl"];
const DEFAULT_JWT_TTL_MS = 300_000;
const DEFAULT_TTL_SECONDS = 300;
const DEFAULT_BCRYPT_COST = 10;

/** Throws `ConfigError`, with etcd's texts. */
export function authTokenSettings(read: FlagReader, warnings: string[]): AuthTokenSettings {
  const [kind, ...parts] = read.string("auth-token").split(",");
  const options = optionsOf(parts);
  switch (kind) {
    case "simple":
      return { kind, ttlMs: (read.number("auth-token-ttl") || DEFAULT_TTL_SECONDS) * 1_000 };
    case "jwt":
      return jwtSettings(options, warnings);
    case "":
      return { kind: "none" };
    default:
      throw invalidOptions();
  }
}

/** Whether a method has one secret for signing and verifying. */
export function isSymmetric(algorithm: string): boolean {
  return algorithm.startsWith("HS");
}

/** The cost of a password's hash. */
export function bcryptCost(read: FlagReader, warnings: string[]): number {
  const cost = read.number("bcrypt-cost");
  if (cost >= 4 && cost <= 31) return cost;
  warnings.push(`--bcrypt-cost ${cost} is not between 4 and 31: it is ${DEFAULT_BCRYPT_COST}`);
  return DEFAULT_BCRYPT_COST;
}

function optionsOf(parts: readonly string[]): Map<string, string> {
  const options = new Map<string, string>();
  for (const part of parts) {
    const [name, value, ...more] = part.split("=");
    if (name === undefined || value === undefined || more.length > 0 || options.has(name)) {
      throw invalidOptions();
    }
    options.set(name, value);
  }
  return options;
}

function jwtSettings(options: ReadonlyMap<string, string>, warnings: string[]): JwtSettings {
  for (const name of options.keys()) {
    if (!KNOWN_OPTIONS.includes(name)) warnings.push(`--auth-token: unknown option ${name} is ignored`);
  }
  const algorithm = options.get("sign-method") ?? "";
  const ttl = options.get("ttl") ?? "";
  const ttlMs = ttl === "" ? DEFAULT_JWT_TTL_MS : parseDurationMs(ttl);
  if (ttlMs === undefined || !ALGORITHM.test(algorithm)) throw invalidOptions();
  const publicKeyFile = options.get("pub-key") ?? "";
  const privateKeyFile = options.get("priv-key") ?? "";
  if (privateKeyFile === "" && (publicKeyFile === "" || isSymmetric(algorithm))) {
    throw new ConfigError("auth: missing key data");
  }
  return { kind: "jwt", algorithm, publicKeyFile, privateKeyFile, ttlMs };
}

function invalidOptions(): ConfigError {
  return new ConfigError("auth: invalid auth options");
}
