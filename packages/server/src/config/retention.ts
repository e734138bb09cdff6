import { parseDurationMs } from "./duration.ts";
import { ConfigError } from "./errors.ts";
import type { FlagReader } from "./flag-reader.ts";

/** What automatic compaction keeps: the history of some time, or some revisions. */
export type AutoCompaction =
  | { readonly mode: "periodic"; readonly periodMs: number }
  | { readonly mode: "revision"; readonly revisions: number };

const HOUR_MS = 3_600_000;

/** undefined when nothing is compacted. A number is hours or revisions; a duration in revisions, as in etcd, its nanoseconds. */
export function autoCompaction(read: FlagReader): AutoCompaction | undefined {
  const text = read.string("auto-compaction-retention") || "0";
  const isPeriodic = read.string("auto-compaction-mode") === "periodic";
  const count = /^\+?\d+$/.test(text) ? Number(text) : undefined;
  const milliseconds = count === undefined ? parseDurationMs(text) : count * (isPeriodic ? HOUR_MS : 1e-6);
  if (milliseconds === undefined || milliseconds < 0) {
    throw new ConfigError(`error parsing CompactionRetention: ${durationProblem(text)}`);
  }
  if (milliseconds === 0) return undefined;
  return isPeriodic
    ? { mode: "periodic", periodMs: milliseconds }
    : { mode: "revision", revisions: count ?? Math.round(milliseconds * 1e6) };
}

/** What Go says of a text that is no duration. */
function durationProblem(text: string): string {
  const quoted = JSON.stringify(text);
  if (parseDurationMs(text) !== undefined) return `negative duration ${quoted}`;
  const parts = /^[-+]?((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*)(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(
    text,
  );
  if (parts === null) return `time: invalid duration ${quoted}`;
  const unit = parts[3]!;
  return unit === ""
    ? `time: missing unit in duration ${quoted}`
    : `time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`;
}
