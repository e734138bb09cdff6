import type { LogIndex, Term } from "@quorate/raft";
import { assert } from "../assert.ts";
import { commitWithFailpoints, writeBackWithFailpoints } from "../backend/commit-failpoints.ts";
import { type CommitLimits, CommitSchedule, DEFAULT_COMMIT_LIMITS } from "../backend/commit-schedule.ts";
import { CommitWaiters } from "../backend/commit-waiters.ts";
import { DeletedRevisions } from "../backend/deleted-revisions.ts";
import { WriteBatches } from "../backend/write-batches.ts";
import { failpoints } from "../failpoints/index.ts";
import { BackendCounts } from "../seams/backend-counts.ts";
import type { Clock } from "../seams/clock.ts";
import type { FileInUse } from "./file-in-use.ts";
import { GenerationCommitter } from "./generation-committer.ts";

export interface CommitsOptions extends Partial<CommitLimits> {
  readonly clock: Clock;
  /** A commit failed, the first one: nothing will be committed any more. */
  readonly onFatal: (error: Error) => void;
}

/** Which entry a state is after. */
export interface Position {
  readonly index: LogIndex;
  readonly term: Term;
}

/** Writes that become one commit when many wait: some milliseconds on the loop to begin it. */
const MOST_WAITING_WRITES = 20_000;

/** How what was written becomes part of the file in use: in write batches, one commit at a time, each at the end of an entry. */
export class Commits {
  readonly batches = new WriteBatches();
  readonly schedule: CommitSchedule;
  readonly counts = new BackendCounts();
  /** Called after each commit, when its batch is part of the file and before the next one begins. */
  onCommitted: () => void = () => {};
  /** Called at the end of each commit, whatever came of it. */
  onCommitEnd: (() => void) | undefined;
  readonly #options: CommitsOptions;
  readonly #limits: CommitLimits;
  readonly #inUse: FileInUse;
  readonly #committer: GenerationCommitter;
  readonly #afterCommit = new CommitWaiters();
  /** The oldest sealed batch is being committed. */
  #isCommitting = false;
  #beganMs = 0;
  #consistentIndex: LogIndex;
  #consistentTerm: Term;
  /** As of the newest sealed batch, and as of the file. */
  #sealedIndex: LogIndex;
  #committedIndex: LogIndex;
  /** `commit()` was called while it had to wait: the active batch is sealed as soon as it need not. */
  #isWanted = false;
  /** The file is about to be replaced: commits wait, writes go on in memory. */
  #isHeld = false;
  /** Revisions whose deletion became part of the file since `rememberDeleted`. */
  #deletedMeanwhile: DeletedRevisions | undefined;
  #failure: Error | undefined;

  /** `position` is what the file in use says. */
  constructor(inUse: FileInUse, position: Position, options: CommitsOptions) {
    this.#inUse = inUse;
    this.#options = options;
    this.#limits = { ...DEFAULT_COMMIT_LIMITS, ...options };
    this.#committer = new GenerationCommitter(options.clock);
    this.schedule = new CommitSchedule(options.clock, this.#limits, () => this.#start());
    this.#consistentIndex = position.index;
    this.#consistentTerm = position.term;
    this.#sealedIndex = position.index;
    this.#committedIndex = position.index;
  }

  get consistentIndex(): LogIndex {
    return this.#consistentIndex;
  }

  get consistentTerm(): Term {
    return this.#consistentTerm;
  }

  /** Why nothing will be committed any more. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  setConsistentIndex(index: LogIndex, term: Term): void {
    assert(index >= this.#consistentIndex, "the consistent index never decreases");
    this.#consistentIndex = index;
    this.#consistentTerm = term;
    this.schedule.entryBegun();
  }

  entryApplied(): void {
    if (failpoints !== undefined && this.schedule.changed) {
      writeBackWithFailpoints(failpoints, this.#options.clock, this.schedule);
    }
    this.schedule.entryApplied();
    if (this.#isWanted) this.#goOn();
  }

  commit(): void {
    if (this.schedule.isEntryPaused) {
      this.#isWanted = true;
      return;
    }
    this.schedule.entryEnded();
    this.#start();
  }

  /** Calls `done` when what was to be committed until now is durable, and before another commit begins. */
  whenFlushed(done: () => void, failed: (error: Error) => void): void {
    this.#whenCommitted(this.batches.sealed + (this.#isWanted ? 1 : 0), done, failed);
  }

  /** The same of everything that was written until now; commits it. */
  whenAllCommitted(done: () => void, failed: (error: Error) => void): void {
    this.#whenCommitted(this.batches.sealed + (this.#hasPending ? 1 : 0), done, failed);
    this.commit();
  }

  /** From now on no commit begins, until `release`; resolves when none is under way. Rejects when the last one failed. */
  hold(): Promise<void> {
    this.#isHeld = true;
    return this.#lastDone();
  }

  release(): void {
    this.#isHeld = false;
    this.#goOn();
  }

  /** What is deleted by commits from now on, the one under way included, until `forgetDeleted`. */
  rememberDeleted(): DeletedRevisions {
    const deleted = new DeletedRevisions();
    this.#deletedMeanwhile = deleted;
    if (this.#isCommitting) this.#noteDeleted(this.batches.oldestSealed!.deleted);
    return deleted;
  }

  forgetDeleted(): void {
    this.#deletedMeanwhile = undefined;
  }

  /** Another file is in use, with this position, and nothing of what waited belongs to it. Only while commits are held. */
  goOnFrom({ index, term }: Position): void {
    assert(this.#isHeld && !this.#isCommitting, "commits are held");
    this.batches.drop();
    this.#isWanted = false;
    this.schedule.committing();
    this.#consistentIndex = index;
    this.#consistentTerm = term;
    this.#sealedIndex = index;
    this.#committedIndex = index;
    // Whoever waited for what was pending: nothing of it is left to become durable.
    this.#afterCommit.done(Number.POSITIVE_INFINITY);
  }

  /** Makes durable what is pending now, and begins no commit after that, whoever writes. */
  async last(): Promise<void> {
    if (!this.schedule.isEntryPaused) this.commit();
    else this.#isWanted = false;
    try {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve, reject) => {
        const hold = () => {
          this.#isHeld = true;
          resolve();
        };
        this.whenFlushed(hold, reject);
      });
    } finally {
      this.schedule.close();
      await this.#lastDone();
    }
  }

  /** Nothing can be committed any more, and that is nobody's fault: whoever waits or asks is told `reason`. */
  end(reason: Error): void {
    this.#failure ??= reason;
    this.#afterCommit.failed(this.#failure);
  }

  /** Nothing can be committed any more. */
  fail(error: Error): void {
    const isFirst = this.#failure === undefined;
    this.#failure ??= error;
    this.schedule.close();
    this.#afterCommit.failed(error);
    if (isFirst) this.#options.onFatal(error);
    this.onCommitEnd?.();
  }

  #whenCommitted(commit: number, done: () => void, failed: (error: Error) => void): void {
    if (commit <= this.batches.committed) done();
    else this.#afterCommit.add(commit, done, failed);
  }

  /** Whether anything was written that is in no sealed batch. */
  get #hasPending(): boolean {
    return this.batches.active.writes > 0 || this.#consistentIndex !== this.#sealedIndex;
  }

  /**
   * Commits what is pending, now or after the commits before. What waits is sealed as late as possible, so that a slow
   * disk has few large commits; but no later than it is so much that more would make one commit a stall.
   */
  #start(): void {
    if (this.#failure !== undefined) return;
    if (!this.#hasPending) {
      this.schedule.committing();
      return;
    }
    const { bytes, writes } = this.batches.active;
    const isFull = bytes >= this.#limits.batchBytes || writes >= MOST_WAITING_WRITES;
    if (!isFull && (this.#isCommitting || this.#isHeld)) {
      this.#isWanted = true;
      return;
    }
    this.#isWanted = false;
    this.schedule.committing();
    this.#sealedIndex = this.#consistentIndex;
    this.batches.seal(this.#consistentIndex, this.#consistentTerm);
    this.#commitOldest();
  }

  /** Begins the next commit if a batch is sealed and no commit is under way. */
  #commitOldest(): void {
    const batch = this.batches.oldestSealed;
    if (batch === undefined || this.#isCommitting || this.#isHeld) return;
    if (this.#failure !== undefined) return;
    this.#isCommitting = true;
    this.#beganMs = this.#options.clock.nowMs();
    this.#noteDeleted(batch.deleted);
    const setIndex = () => {
      if (batch.consistentIndex !== this.#committedIndex) batch.recordConsistentIndex();
    };
    const execute = (done: (error?: Error) => void) => this.#committer.commit(this.#inUse.file, batch, done);
    if (failpoints === undefined) {
      setIndex();
      execute((error) => this.#committed(batch.consistentIndex, error));
    } else {
      const executed = () => new Promise<Error | undefined>(execute);
      commitWithFailpoints(failpoints, setIndex, executed).then((error) =>
        this.#committed(batch.consistentIndex, error),
      );
    }
  }

  #noteDeleted(deleted: DeletedRevisions): void {
    const meanwhile = this.#deletedMeanwhile;
    if (meanwhile === undefined) return;
    for (let i = 0; i < deleted.count; i++) {
      meanwhile.add(deleted.mainAt(i), deleted.subAt(i), deleted.isTombstone(i));
    }
  }

  #committed(index: LogIndex, error: Error | undefined): void {
    this.#isCommitting = false;
    if (error !== undefined) {
      this.fail(error);
      return;
    }
    const seconds = (this.#options.clock.nowMs() - this.#beganMs) / 1_000;
    this.counts.commitSeconds.observe(seconds);
    const laySeconds = this.#committer.layMs / 1_000;
    this.counts.spillSeconds.observe(laySeconds);
    this.counts.writeSeconds.observe(seconds - laySeconds);
    this.#committedIndex = index;
    this.batches.oldestCommitted();
    this.#inUse.changed();
    this.#afterCommit.done(this.batches.committed);
    this.onCommitted();
    this.#goOn();
    this.onCommitEnd?.();
  }

  /** After a commit, or when commits are no longer held: the next one if it is wanted and allowed. */
  #goOn(): void {
    this.#commitOldest();
    if ((this.#isWanted || this.schedule.due) && this.schedule.allowed) this.#start();
  }

  /** Resolves when no commit is under way; rejects when the last one failed. */
  async #lastDone(): Promise<void> {
    if (this.#isCommitting) {
      const commit = this.batches.committed + 1;
      await new Promise<void>((resolve, reject) => this.#afterCommit.add(commit, resolve, reject));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }
}
