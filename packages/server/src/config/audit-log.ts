import { ConfigError } from "./errors.ts";
import type { FlagReader } from "./flag-reader.ts";

/** A file with a line for each request. */
export interface AuditLogSettings {
  readonly file: string;
  readonly keys: "hash" | "plain";
  /** A line is handed to the system after so long at most. */
  readonly flushMs: number;
  /** From which on a file is put aside; 0: never. */
  readonly maxBytes: number;
  /** So many files that were put aside are kept, at least one. */
  readonly keptFiles: number;
}

/** Throws `ConfigError`. */
export function auditLogSettings(read: FlagReader): AuditLogSettings | undefined {
  const file = read.string("audit-log");
  if (file === "") return undefined;
  const keptFiles = read.number("audit-log-max-files");
  if (keptFiles < 1) throw new ConfigError("--audit-log-max-files must be at least 1");
  return {
    file,
    keys: read.string("audit-log-keys") === "plain" ? "plain" : "hash",
    flushMs: read.number("audit-log-flush-interval"),
    maxBytes: read.number("audit-log-max-megabytes") * 2 ** 20,
    keptFiles,
  };
}
