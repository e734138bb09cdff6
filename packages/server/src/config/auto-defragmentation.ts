import { ConfigError } from "./errors.ts";
import type { FlagReader } from "./flag-reader.ts";

/** When the leader has all members defragment their databases, one after another. */
export interface AutoDefragmentation {
  readonly intervalMs: number;
  /** Of a file of which less is free nothing is done. */
  readonly freePercent: number;
}

/** Undefined: never. Throws `ConfigError`. */
export function autoDefragmentation(read: FlagReader): AutoDefragmentation | undefined {
  const intervalMs = read.number("auto-defragment-interval");
  const freePercent = read.number("auto-defragment-free-percent");
  if (intervalMs < 0) throw new ConfigError("--auto-defragment-interval must not be negative");
  if (freePercent > 100) throw new ConfigError("--auto-defragment-free-percent must be at most 100");
  return intervalMs === 0 ? undefined : { intervalMs, freePercent };
}
