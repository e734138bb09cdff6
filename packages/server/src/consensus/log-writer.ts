import { type Entry, type HardState, type MemoryStorage, type Message, NONE } from "@quorate/raft";
import { failpoints } from "../failpoints/index.ts";
import type { WalSnapshot } from "../wal/types.ts";
import type { Wal } from "../wal/wal.ts";

/**
 * Makes the log durable, and is what raft calls its append thread: takes `MsgStorageAppend`s in order and hands their
 * responses back once everything they say is on disk. What arrives while the disk is busy forms the next batch: one
 * write and one fdatasync serve everything that waits (group commit without a timer).
 */
export class LogWriter {
  readonly #wal: Wal;
  readonly #storage: MemoryStorage;
  readonly #onDurable: (responses: readonly Message[]) => void;
  readonly #onFatal: (error: Error) => void;
  #queue: Message[] = [];
  #busy = false;
  #idle: (() => void)[] = [];
  /** A state in which only the commit index is new; it need not be durable and travels with the next write. */
  #deferred: HardState | undefined;
  #term = 0;
  #vote = NONE;
  /** The last commit index written. */
  #commit = 0;

  constructor(
    wal: Wal,
    storage: MemoryStorage,
    initial: HardState,
    onDurable: (responses: readonly Message[]) => void,
    onFatal: (error: Error) => void,
  ) {
    this.#wal = wal;
    this.#storage = storage;
    this.#term = initial.term;
    this.#vote = initial.vote;
    this.#commit = initial.commit;
    this.#onDurable = onDurable;
    this.#onFatal = onFatal;
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

  /** Resolves when nothing is being written and all that was appended is durable. */
  whenIdle(): Promise<void> {
    return this.#busy ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve();
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
      while (this.#queue.length > 0) {
        if (failpoints !== undefined) await failpoints.hit("raftBeforeSave");
        const batch = this.#queue;
        this.#queue = [];
        if (this.#write(batch)) await this.#wal.sync();
        if (failpoints !== undefined) await failpoints.hit("raftAfterSave");
        for (const message of batch) this.#onDurable(message.responses);
      }
    } catch (error) {
      // A log that could not be written may not be acknowledged or appended to: the member stops.
      this.#onFatal(error as Error);
      return;
    }
    this.#busy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
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
