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
  /** Its disk finishes nothing. */
  readonly isHindered: boolean;
  /** How long its disk takes at most: for a flush of the database, and for a sync of the log. */
  readonly longestFlushMs: number;
  readonly longestSyncMs: number;
}

/** A snapshot waits for the one before it, the flush that is under way, its own, and some syncs of files. */
const SNAPSHOT_LIMIT_MS = 2_000;
const FLUSHES_BEFORE_SNAPSHOT = 2;
const SYNCS_BEFORE_SNAPSHOT = 2;
/** A process that has not been seen for longer, though it ticks, was paused. */
const LONGEST_SILENCE_MS = 500;
/** Beyond this nothing more may be applied, but for what was begun. */
const BACKLOG_LIMIT_BYTES = 64 * 2 ** 20;

/** Whether one process keeps its log on disk and its memory within bounds. */
export class ResourceLimits {
  readonly #name: string;
  readonly #report: Report;
  #seenMs = 0;
  #dueSinceMs: number | undefined;
  #snapshotIndex = 0;
  /** How much was waiting, and what had been applied, when it was first seen beyond its limit; undefined while it is not. */
  #excess: Usage | undefined;

  constructor(name: string, report: Report) {
    this.#name = name;
    this.#report = report;
  }

  observe(usage: Usage): void {
    this.#checkSnapshots(usage);
    this.#checkBacklog(usage);
  }

  /** A compaction that goes on, and keeps to a limit of its own, may write all the same. */
  #checkBacklog(usage: Usage): void {
    if (usage.backlogBytes <= BACKLOG_LIMIT_BYTES) {
      this.#excess = undefined;
      return;
    }
    this.#excess ??= usage;
    if (usage.appliedIndex === this.#excess.appliedIndex) return;
    const [before, now] = [this.#excess, usage].map(
      ({ backlogBytes, appliedIndex }) =>
        `${(backlogBytes / 2 ** 20).toFixed(0)} MiB at entry ${appliedIndex}`,
    );
    this.#report(
      "bounded-memory",
      `${this.#name}: ${before} waited in memory for the database, and more was applied all the same: ${now}`,
    );
  }

  #checkSnapshots(usage: Usage): void {
    const { nowMs, appliedIndex, snapshotIndex, snapshotCount, isHindered } = usage;
    const isMade = snapshotIndex !== this.#snapshotIndex;
    this.#snapshotIndex = snapshotIndex;
    const wasPaused = nowMs - this.#seenMs > LONGEST_SILENCE_MS;
    this.#seenMs = nowMs;
    if (isHindered || wasPaused || isMade || appliedIndex - snapshotIndex <= snapshotCount) {
      this.#dueSinceMs = undefined;
      return;
    }
    this.#dueSinceMs ??= nowMs;
    const dueForMs = nowMs - this.#dueSinceMs;
    const limitMs =
      SNAPSHOT_LIMIT_MS +
      FLUSHES_BEFORE_SNAPSHOT * usage.longestFlushMs +
      SYNCS_BEFORE_SNAPSHOT * usage.longestSyncMs;
    if (dueForMs <= limitMs) return;
    this.#report(
      "log-kept",
      `${this.#name}: a snapshot has been due for ${dueForMs.toFixed(0)} ms: applied ${appliedIndex}, ` +
        `the log on disk begins at ${snapshotIndex}, one is due every ${snapshotCount} entries`,
    );
  }
}
