import {
  type Entry,
  type HardState,
  type MemoryStorage,
  type Message,
  NONE,
  type Snapshot,
} from "@quorate/raft";
import { failpoints } from "../failpoints/index.ts";
import type { Clock } from "../seams/clock.ts";
import type { WalSnapshot } from "../wal/types.ts";
import type { Wal } from "../wal/wal.ts";

export interface LogWriterOptions {
  readonly wal: Wal;
  readonly storage: MemoryStorage;
  readonly clock: Clock;
  /** What the log says so far. */
  readonly initial: HardState;
  /** Raft's responses to everything that has become durable at once, in order. */
  readonly onDurable: (responses: readonly Message[]) => void;
  /** Saves a snapshot's own file, before the log names it. */
  readonly saveSnapshotFile: (snapshot: Snapshot) => Promise<void>;
  /** Makes the state that came with a snapshot, which is durable and named by the log now, the member's state. */
  readonly installSnapshot: (snapshot: Snapshot) => Promise<void>;
  readonly onFatal: (error: Error) => void;
}

/**
 * Makes the log durable, and is what raft calls its append thread: takes `MsgStorageAppend`s in order and hands their
 * responses back once everything they say is on disk. What arrives while the disk is busy forms the next batch: one
 * write and one fdatasync serve everything that waits (group commit without a timer).
 */
export class LogWriter {
  readonly #wal: Wal;
  readonly #storage: MemoryStorage;
  readonly #clock: Clock;
  readonly #options: LogWriterOptions;
  #queue: Message[] = [];
  #busy = false;
  /** When the disk was given what it works at. */
  #writingSinceMs: number | undefined;
  #idle: (() => void)[] = [];
  /** `saveNothing` was called. */
  #emptySave = false;
  /** Told when the commit index as it is now is durable. */
  #commitWaiters: (() => void)[] = [];
  /** A state in which only the commit index is new; it need not be durable and travels with the next write. */
  #deferred: HardState | undefined;
  #term = 0;
  #vote = NONE;
  /** The last commit index written. */
  #commit = 0;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#wal = options.wal;
    this.#storage = options.storage;
    this.#clock = options.clock;
    this.#term = options.initial.term;
    this.#vote = options.initial.vote;
    this.#commit = options.initial.commit;
  }

  /** Takes one `MsgStorageAppend`. Its responses are delivered later, in order, never within this call. */
  append(message: Message): void {
    if (message.entries.length === 0 && message.responses.length === 0 && this.#isCommitOnly(message)) {
      this.#deferred = hardStateOf(message);
      return;
    }
    this.#queue.push(message);
    if (!this.#busy) void this.#run();
  }

  /**
   * Only in processes with failpoints: etcd saves whenever raft has anything to say, be it heartbeats alone, and its
   * points around that fire then; a stall that is asked for there stalls an idle leader, too.
   */
  saveNothing(): void {
    if (this.#busy) return;
    this.#emptySave = true;
    void this.#run();
  }

  /** Monotonic milliseconds since when the disk has been working at one write; undefined when it is not. */
  get writingSinceMs(): number | undefined {
    return this.#writingSinceMs;
  }

  /** Resolves when nothing is being written and all that was appended is durable. */
  whenIdle(): Promise<void> {
    return this.#busy ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve();
  }

  /**
   * Resolves when the newest commit index is durable, which by itself it need not be: but a member that forgets that the
   * removal of another one is committed may wait for that one for ever.
   */
  persistCommit(): Promise<void> {
    return new Promise((resolve) => {
      this.#commitWaiters.push(resolve);
      if (!this.#busy) void this.#run();
    });
  }

  /** Writes what was only deferred. Call when idle, before the log is closed. */
  writeDeferred(): void {
    if (this.#deferred === undefined) return;
    this.#wal.save(this.#deferred, []);
    this.#deferred = undefined;
  }

  /**
   * Records that the state up to `snapshot.index` (applied, hence committed and durable here) is saved elsewhere.
   * A reader of the log believes such a record only if a commit covers it, so that goes before it.
   */
  async saveSnapshot(snapshot: WalSnapshot): Promise<void> {
    this.#commit = Math.max(this.#commit, snapshot.index);
    this.#wal.save({ term: this.#term, vote: this.#vote, commit: this.#commit }, []);
    await this.#wal.saveSnapshot(snapshot);
  }

  #isCommitOnly(message: Message): boolean {
    return message.term === this.#term && message.vote === this.#vote && message.snapshot === undefined;
  }

  async #run(): Promise<void> {
    this.#busy = true;
    try {
      while (this.#queue.length > 0 || this.#commitWaiters.length > 0 || this.#emptySave) {
        this.#emptySave = false;
        const batch = this.#takeBatch();
        const snapshot = batch[0]?.snapshot;
        if (snapshot === undefined) await this.#save(batch);
        else await this.#replaceLog(batch[0]!, snapshot);
        this.#options.onDurable(
          batch.length === 1 ? batch[0]!.responses : batch.flatMap((message) => message.responses),
        );
      }
    } catch (error) {
      // A log that could not be written may not be acknowledged or appended to: the member stops.
      this.#options.onFatal(error as Error);
      return;
    }
    this.#busy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Everything that waits, up to a snapshot, which is a batch of its own. */
  #takeBatch(): Message[] {
    const queue = this.#queue;
    const at = queue.findIndex((message) => message.snapshot !== undefined);
    if (at >= 0) return queue.splice(0, Math.max(at, 1));
    this.#queue = [];
    return queue;
  }

  async #save(batch: readonly Message[]): Promise<void> {
    this.#writingSinceMs = this.#clock.nowMs();
    if (failpoints !== undefined) await failpoints.hit("raftBeforeSave");
    const mustSync = this.#write(batch);
    const commitWaiters = this.#commitWaiters.splice(0);
    if (commitWaiters.length > 0) this.writeDeferred();
    if (mustSync || commitWaiters.length > 0) await this.#wal.sync();
    if (failpoints !== undefined) await failpoints.hit("raftAfterSave");
    this.#writingSinceMs = undefined;
    for (const resolve of commitWaiters) resolve();
  }

  /**
   * A snapshot takes the place of everything before it. Its database is on disk already; the log names it before it
   * becomes the state, so that a restart knows which of two databases is the right one, and says that it is committed
   * only after that: a commit that neither entries nor a snapshot cover would be a broken log.
   */
  async #replaceLog(message: Message, snapshot: Snapshot): Promise<void> {
    const { index, term, confState } = snapshot.metadata;
    await failpoints?.hit("raftBeforeSaveSnap");
    await this.#options.saveSnapshotFile(snapshot);
    await this.#wal.saveSnapshot({ index, term, confState });
    await failpoints?.hit("raftAfterSaveSnap");
    this.#write([message]);
    await this.#wal.sync();
    await failpoints?.hit("raftBeforeApplySnap");
    this.#storage.applySnapshot(snapshot);
    await failpoints?.hit("raftAfterApplySnap");
    await this.#options.installSnapshot(snapshot);
    this.#wal.releaseTo(index);
    await failpoints?.hit("raftAfterWALRelease");
  }

  /** Writes a batch into the page cache; returns whether it must be synced before its responses may leave. */
  #write(batch: readonly Message[]): boolean {
    let mustSync = false;
    for (const message of batch) {
      let state: HardState | undefined;
      if (message.term !== 0) {
        mustSync ||= message.term !== this.#term || message.vote !== this.#vote;
        state = hardStateOf(message);
        this.#term = message.term;
        this.#vote = message.vote;
      } else {
        state = this.#deferred;
      }
      if (state !== undefined) this.#commit = state.commit;
      this.#deferred = undefined;
      const entries = message.entries as Entry[];
      mustSync ||= entries.length > 0;
      this.#wal.save(state, entries);
      if (entries.length > 0) this.#storage.append(entries);
    }
    return mustSync;
  }
}

function hardStateOf(message: Message): HardState {
  return { term: message.term, vote: message.vote, commit: message.commit };
}
