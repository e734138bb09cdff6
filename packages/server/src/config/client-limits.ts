import { ConfigError } from "./errors.ts";
import type { FlagReader } from "./flag-reader.ts";

/** What one user may ask for, or one client address without a user. */
export interface ClientLimits {
  /** Infinity: any number. */
  readonly requestsPerSecond: number;
  /** Of request messages; Infinity: any number. */
  readonly bytesPerSecond: number;
  /** What may be had in so many seconds may be had at once by who has not asked for as long. */
  readonly burstSeconds: number;
  /** What would be refused is counted, and served. */
  readonly isDryRun: boolean;
}

/** Undefined: no limits. Throws `ConfigError`. */
export function clientLimits(read: FlagReader): ClientLimits | undefined {
  const requests = read.number("client-requests-per-second");
  const bytes = read.number("client-bytes-per-second");
  const burstMs = read.number("client-limit-burst");
  if (burstMs < 1_000) throw new ConfigError("--client-limit-burst must be at least 1s");
  if (requests === 0 && bytes === 0) return undefined;
  return {
    requestsPerSecond: requests === 0 ? Number.POSITIVE_INFINITY : requests,
    bytesPerSecond: bytes === 0 ? Number.POSITIVE_INFINITY : bytes,
    burstSeconds: burstMs / 1_000,
    isDryRun: read.boolean("client-limit-dry-run"),
  };
}
