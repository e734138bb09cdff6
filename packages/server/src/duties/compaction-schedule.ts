import type { AutoCompaction } from "../config/retention.ts";

/** When which revision is compacted. It is asked after each `stepMs`, and told what became of what it said. */
export interface CompactionSchedule {
  readonly stepMs: number;
  /** The step begins: the store is at `revision`. */
  began(revision: number): void;
  /** Up to which revision is to be compacted now, at the end of a step; undefined: not now. */
  due(nowMs: number, revision: number): number | undefined;
  /** That is compacted. */
  done(nowMs: number, revision: number): void;
}

/** As etcd does it. `nowMs` is monotonic. */
export function createSchedule(autoCompaction: AutoCompaction, nowMs: number): CompactionSchedule {
  return autoCompaction.mode === "periodic"
    ? new PeriodicSchedule(autoCompaction.periodMs, nowMs)
    : new RevisionSchedule(autoCompaction.revisions);
}

const LONGEST_INTERVAL_MS = 3_600_000;
const STEPS_IN_AN_INTERVAL = 10;

/**
 * Keeps the history of the last period. It remembers at which revision the store was at the beginning of each step, whoever
 * leads, and compacts to the oldest one: first when a period has passed, and then once in the interval, an hour at most.
 */
class PeriodicSchedule implements CompactionSchedule {
  readonly stepMs: number;
  readonly #intervalMs: number;
  readonly #mostRevisions: number;
  readonly #revisions: number[] = [];
  #waitMs: number;
  #lastDoneMs: number;
  #lastRevision = 0;

  constructor(periodMs: number, nowMs: number) {
    this.#intervalMs = Math.min(periodMs, LONGEST_INTERVAL_MS);
    this.stepMs = this.#intervalMs / STEPS_IN_AN_INTERVAL;
    this.#mostRevisions = Math.floor(periodMs / this.stepMs) + 1;
    this.#waitMs = periodMs;
    this.#lastDoneMs = nowMs;
  }

  began(revision: number): void {
    this.#revisions.push(revision);
    if (this.#revisions.length > this.#mostRevisions) this.#revisions.shift();
  }

  due(nowMs: number): number | undefined {
    const revision = this.#revisions[0]!;
    if (nowMs - this.#lastDoneMs < this.#waitMs || revision === this.#lastRevision) return undefined;
    this.#waitMs = this.#intervalMs;
    return revision;
  }

  done(nowMs: number, revision: number): void {
    this.#lastDoneMs = nowMs;
    this.#lastRevision = revision;
  }
}

const REVISION_STEP_MS = 300_000;

/** Keeps the last so many revisions. */
class RevisionSchedule implements CompactionSchedule {
  readonly stepMs = REVISION_STEP_MS;
  readonly #kept: number;
  #lastRevision = 0;

  constructor(kept: number) {
    this.#kept = kept;
  }

  began(): void {}

  due(_nowMs: number, current: number): number | undefined {
    const revision = current - this.#kept;
    return revision <= 0 || revision === this.#lastRevision ? undefined : revision;
  }

  done(_nowMs: number, revision: number): void {
    this.#lastRevision = revision;
  }
}
