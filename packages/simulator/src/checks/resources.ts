import type { Report } from "./invariants.ts";

/** What one process occupies, at one moment of the world. */
export interface Usage {
  readonly nowMs: number;
  readonly appliedIndex: number;
  /** The last snapshot that its log on disk names. */
  readonly snapshotIndex: number;
  /** After so many entries a snapshot is due. */
  readonly snapshotCount: number;
  /** Bytes that wait in memory for the database. */
  readonly backlogBytes: number;
  /** Its disk finishes nothing, or it does not run. */
  readonly isHindered: boolean;
  /** How long the database's disk takes at most. */
  readonly longestFlushMs: number;
}

/** A snapshot waits for the flush that is under way, for its own, and for some syncs of the log. */
const SNAPSHOT_LIMIT_MS = 4_000;
const FLUSHES_BEFORE_SNAPSHOT = 3;
const BACKLOG_LIMIT_BYTES = 96 * 2 ** 20;

/** Whether one process keeps its log on disk and its memory within bounds. */
export class ResourceLimits {
  readonly #name: string;
  readonly #report: Report;
  #dueSinceMs: number | undefined;
  #snapshotIndex = 0;

  constructor(name: string, report: Report) {
    this.#name = name;
    this.#report = report;
  }

  observe(usage: Usage): void {
    this.#checkSnapshots(usage);
    if (usage.backlogBytes <= BACKLOG_LIMIT_BYTES) return;
    this.#report(
      "bounded-memory",
      `${this.#name}: ${(usage.backlogBytes / 2 ** 20).toFixed(0)} MiB wait in memory for the database`,
    );
  }

  #checkSnapshots(usage: Usage): void {
    const { nowMs, appliedIndex, snapshotIndex, snapshotCount, isHindered, longestFlushMs } = usage;
    const isMade = snapshotIndex !== this.#snapshotIndex;
    this.#snapshotIndex = snapshotIndex;
    if (isHindered || isMade || appliedIndex - snapshotIndex <= snapshotCount) {
      this.#dueSinceMs = undefined;
      return;
    }
    this.#dueSinceMs ??= nowMs;
    const dueForMs = nowMs - this.#dueSinceMs;
    if (dueForMs <= SNAPSHOT_LIMIT_MS + FLUSHES_BEFORE_SNAPSHOT * longestFlushMs) return;
    this.#report(
      "log-kept",
      `${this.#name}: a snapshot has been due for ${dueForMs.toFixed(0)} ms: applied ${appliedIndex}, ` +
        `the log on disk begins at ${snapshotIndex}, one is due every ${snapshotCount} entries`,
    );
  }
}
