import type { Clock, Timer } from "../seams/clock.ts";

export interface CommitLimits {
  /** Writes after which a commit is due. etcd's backend-batch-limit. */
  readonly batchLimit: number;
  /** Milliseconds after the first write, after which a commit is due. etcd's backend-batch-interval. */
  readonly batchIntervalMs: number;
  /**
   * Bytes of writes, as `backlogBytes` counts them, after which a commit is due. While other commits are under way, as
   * much becomes a commit of its own, so that none is larger than this and the last entry in it.
   */
  readonly batchBytes: number;
}

export const DEFAULT_COMMIT_LIMITS: CommitLimits = {
  batchLimit: 10_000,
  batchIntervalMs: 100,
  batchBytes: 8 << 20,
};

/**
 * When a commit is due, and when it may happen: never between the first effect of an entry and its last, or a crash
 * could leave half an entry (or its index without its effects) in the file.
 */
export class CommitSchedule {
  readonly #clock: Clock;
  readonly #limits: CommitLimits;
  readonly #commit: () => void;
  #timer: Timer | undefined;
  #due = false;
  #insideEntry = false;
  #isEntryPaused = false;
  #holds = 0;

  /** `commit` is called when a commit is due and allowed; it may find that it has nothing to do. */
  constructor(clock: Clock, limits: CommitLimits, commit: () => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#commit = commit;
  }

  /** No entry is half applied now. */
  get allowed(): boolean {
    return !this.#insideEntry && this.#holds === 0 && !this.#isEntryPaused;
  }

  /** An entry that takes more than one turn is half applied: no commit may begin, whoever asks for it. */
  get isEntryPaused(): boolean {
    return this.#isEntryPaused;
  }

  get due(): boolean {
    return this.#due;
  }

  /** After each change, with what is pending in all. */
  wrote(writes: number, bytes: number): void {
    this.#insideEntry = true;
    if (this.#due) return;
    if (writes >= this.#limits.batchLimit || bytes >= this.#limits.batchBytes) this.#due = true;
    else this.#timer ??= this.#clock.setTimer(this.#limits.batchIntervalMs, () => this.#intervalOver());
  }

  /** An entry's index was set; its effects follow. */
  entryBegun(): void {
    this.#insideEntry = true;
  }

  /** The entry goes on in another turn. */
  entryPaused(): void {
    this.#isEntryPaused = true;
  }

  entryApplied(): void {
    this.#insideEntry = false;
    this.#isEntryPaused = false;
    if (this.#due && this.#holds === 0) this.#commit();
  }

  /** Changes since the last `entryApplied` or commit. */
  get changed(): boolean {
    return this.#insideEntry;
  }

  /** No commit until as many calls of `release`. */
  hold(): void {
    this.#holds++;
  }

  release(): void {
    this.#holds--;
    if (this.#due && this.allowed) this.#commit();
  }

  /** As `entryApplied`, for a caller that commits itself. */
  entryEnded(): void {
    this.#insideEntry = false;
  }

  /** A commit of all that was pending has begun. */
  committing(): void {
    this.#insideEntry = false;
    this.#isEntryPaused = false;
    this.#due = false;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#due = false;
  }

  #intervalOver(): void {
    this.#timer = undefined;
    this.#due = true;
    if (this.allowed) this.#commit();
  }
}
