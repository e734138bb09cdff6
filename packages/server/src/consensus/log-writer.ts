import {
  type Entry,
  type HardState,
  type LogIndex,
  type MemoryStorage,
  type Message,
  MessageType,
  NONE,
  type Snapshot,
} from "@quorate/raft";
import { assert } from "@quorate/storage/assert";
import { failpoints } from "@quorate/storage/failpoints";
import { exponentialBounds, Histogram } from "@quorate/storage/histogram";
import type { Clock } from "@quorate/storage/seams/clock";
import { costOf, type SliceLimits, Slices } from "@quorate/storage/slices";
import type { WalSnapshot } from "@quorate/storage/wal/types";
import type { Wal } from "@quorate/storage/wal/wal";

export interface LogWriterOptions {
  readonly wal: Wal;
  readonly storage: MemoryStorage;
  readonly clock: Clock;
  /** What the log says so far. */
  readonly initial: HardState;
  /** Raft's responses to everything that has become durable at once, in order. */
  readonly onDurable: (responses: readonly Message[]) => void;
  /**
   * Saves a snapshot's own file, before the log names it. From then on until it is installed nobody else may record a
   * snapshot.
   */
  readonly saveSnapshotFile: (snapshot: Snapshot) => Promise<void>;
  /** Makes the state that came with a snapshot, which is durable and named by the log now, the member's state. */
  readonly installSnapshot: (snapshot: Snapshot) => Promise<void>;
  readonly onFatal: (error: Error) => void;
}

/**
 * What is encoded in one turn, in the unit of `costOf`, a piece of as much on top: checksums and copies, a millisecond or
 * two. What is no more than that becomes one write.
 */
const LIMITS: SliceLimits = { turn: 2 ** 21, small: 2 ** 21 };

/** For metrics. */
export type LogCounts = Pick<LogWriter, "encodeSeconds" | "syncSeconds" | "writtenBytes">;

interface CommitWaiter {
  readonly commit: LogIndex;
  readonly resolve: () => void;
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
  /** For metrics: how long it took to encode what waited, and to have that on the disk. */
  readonly encodeSeconds = new Histogram(exponentialBounds(0.001, 2, 14));
  readonly syncSeconds = new Histogram(exponentialBounds(0.001, 2, 14));
  /** For encoding. */
  readonly #slices: Slices;
  /** Of the piece that `#endOfPiece` found. */
  #pieceCost = 0;
  #queue: Message[] = [];
  #busy = false;
  /** When the disk was given what it works at. */
  #writingSinceMs: number | undefined;
  #idle: (() => void)[] = [];
  /** `saveNothing` was called. */
  #emptySave = false;
  /** Told when a commit index is durable. */
  #commitWaiters: CommitWaiter[] = [];
  /**
   * A state in which only the commit index is new; it need not be durable and travels with the next write. Older than all
   * that waits in the queue.
   */
  #deferred: HardState | undefined;
  #term = 0;
  #vote = NONE;
  /** The highest commit index that was given to the log; nothing that is written later says less. */
  #commit = 0;
  /** The highest commit index that raft has told of. */
  #toldCommit = 0;
  /** Index of the last snapshot record. */
  #snapshotIndex = 0;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#slices = new Slices(options.clock, LIMITS);
    this.#wal = options.wal;
    this.#storage = options.storage;
    this.#clock = options.clock;
    this.#term = options.initial.term;
    this.#vote = options.initial.vote;
    this.#commit = options.initial.commit;
    this.#toldCommit = options.initial.commit;
  }

  /** Takes one `MsgStorageAppend`. Its responses are delivered later, in order, never within this call. */
  append(message: Message): void {
    this.#toldCommit = Math.max(this.#toldCommit, message.commit);
    if (this.#queue.length === 0 && this.#isCommitOnly(message)) {
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
      this.#commitWaiters.push({ commit: this.#toldCommit, resolve });
      if (!this.#busy) void this.#run();
    });
  }

  /** Writes what was only deferred. Call when idle, before the log is closed. */
  writeDeferred(): void {
    const state = this.#takeDeferred();
    if (state !== undefined) this.#wal.save(this.#withHighestCommit(state), []);
  }

  /**
   * Records that the state up to `snapshot.index` (applied, hence committed and durable here) is saved elsewhere.
   * A reader of the log believes such a record only if a commit covers it, so that goes before it. Resolves to false,
   * with nothing recorded, when a later snapshot has been recorded already: a log that begins at the last record of one
   * must not begin before what it holds.
   */
  async saveSnapshot(snapshot: WalSnapshot): Promise<boolean> {
    if (snapshot.index <= this.#snapshotIndex) return false;
    this.#snapshotIndex = snapshot.index;
    const state = { term: this.#term, vote: this.#vote, commit: snapshot.index };
    this.#wal.save(this.#withHighestCommit(state), []);
    await this.#wal.saveSnapshot(snapshot);
    return true;
  }

  #isCommitOnly({ term, vote, snapshot, entries, responses }: Message): boolean {
    const isNews = term !== this.#term || vote !== this.#vote || snapshot !== undefined;
    return !isNews && entries.length === 0 && responses.length === 0;
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
        const responses = batch.length === 1 ? batch[0]!.responses : batch.flatMap((each) => each.responses);
        for (let i = 0; i < responses.length; i++) this.#assertDurable(responses[i]!);
        this.#options.onDurable(responses);
      }
    } catch (error) {
      // A log that could not be written may not be acknowledged or appended to: the member stops.
      this.#options.onFatal(error as Error);
      return;
    }
    this.#busy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /**
   * What a response promises is in the log: its term, the vote that it gives, the entries that it acknowledges. Of an older
   * term it may tell of what the same write has replaced, and nobody relies on it any more; raft is told of its own entries
   * with their term, which may be older than the one that it is told in.
   */
  #assertDurable({ type, term, logTerm, to, reject, index }: Message): void {
    const isAcknowledgement = type === MessageType.MsgAppResp || type === MessageType.MsgStorageAppendResp;
    const isVote = type === MessageType.MsgVoteResp;
    if (!isAcknowledgement && !isVote && type !== MessageType.MsgVote) return;
    assert(term <= this.#term, "the log knows the term of what is answered");
    assert(term <= this.#wal.durableTerm, "the term of what is answered is durable");
    const said = type === MessageType.MsgStorageAppendResp ? logTerm : term;
    if (said < this.#term || reject) return;
    assert(!isAcknowledgement || index <= this.#storage.lastIndex(), "the log has what is acknowledged");
    assert(!isAcknowledgement || index <= this.#wal.durableIndex, "what is acknowledged is durable");
    assert(!isVote || to === this.#vote, "the log knows the vote that is given");
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
    const beganMs = this.#clock.nowMs();
    this.#writingSinceMs = beganMs;
    // What is deferred from now on is newer than the batch.
    const deferred = batch.length > 0 ? this.#takeDeferred() : undefined;
    if (failpoints !== undefined) await failpoints.hit("raftBeforeSave");
    const mustSync = await this.#write(batch, deferred);
    const isWaitedFor = this.#commitWaiters.length > 0;
    if (isWaitedFor) this.writeDeferred();
    const commit = this.#commit;
    if (mustSync || isWaitedFor) {
      const encodedMs = this.#clock.nowMs();
      this.encodeSeconds.observe((encodedMs - beganMs) / 1_000);
      await this.#wal.sync();
      this.syncSeconds.observe((this.#clock.nowMs() - encodedMs) / 1_000);
    }
    if (failpoints !== undefined) await failpoints.hit("raftAfterSave");
    this.#writingSinceMs = undefined;
    if (isWaitedFor) this.#tellCommit(commit);
  }

  /** Bytes of the log that have become durable. */
  get writtenBytes(): number {
    return this.#wal.writtenBytes;
  }

  /** `durable`: a commit index. */
  #tellCommit(durable: number): void {
    const waiters = this.#commitWaiters;
    this.#commitWaiters = waiters.filter(({ commit }) => commit > durable);
    for (const { commit, resolve } of waiters) if (commit <= durable) resolve();
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
    assert(index > this.#snapshotIndex, `snapshot ${index} follows ${this.#snapshotIndex}`);
    this.#snapshotIndex = index;
    await this.#wal.saveSnapshot({ index, term, confState });
    await failpoints?.hit("raftAfterSaveSnap");
    await this.#write([message], this.#takeDeferred());
    await this.#wal.sync();
    await failpoints?.hit("raftBeforeApplySnap");
    this.#storage.applySnapshot(snapshot);
    this.#storage.append(message.entries as Entry[]);
    await failpoints?.hit("raftAfterApplySnap");
    await this.#options.installSnapshot(snapshot);
    this.#wal.releaseTo(index);
    await failpoints?.hit("raftAfterWALRelease");
  }

  /**
   * Hands a batch, and before it the state that was `deferred`, to the WAL, in pieces of which none takes long; resolves to
   * whether it must be synced before its responses may leave. Each message's state follows its entries.
   */
  async #write(batch: readonly Message[], deferred: HardState | undefined): Promise<boolean> {
    let mustSync = false;
    let state = deferred;
    for (const message of batch) {
      if (message.term !== 0) {
        assert(message.term >= this.#term, "the term never goes back");
        mustSync ||= message.term !== this.#term || message.vote !== this.#vote;
        state = hardStateOf(message);
        this.#term = message.term;
        this.#vote = message.vote;
      }
      const entries = message.entries as Entry[];
      mustSync ||= entries.length > 0;
      for (let from = 0; ; ) {
        const to = this.#endOfPiece(entries, from);
        const isLast = to === entries.length;
        const piece = from === 0 && isLast ? entries : entries.slice(from, to);
        this.#wal.save(isLast && state !== undefined ? this.#withHighestCommit(state) : undefined, piece);
        // Those that came together with a snapshot follow it.
        if (piece.length > 0 && message.snapshot === undefined) this.#storage.append(piece);
        if (this.#slices.spendInTurn(this.#pieceCost)) await this.#slices.next();
        if (isLast) break;
        from = to;
      }
      state = undefined;
    }
    return mustSync;
  }

  /** Where the entries end, from number `from` on, that are encoded in one go: as many as a turn allows, one at least. */
  #endOfPiece(entries: readonly Entry[], from: number): number {
    let cost = 0;
    let to = from;
    while (to < entries.length) {
      const next = costOf(1, entries[to]!.data.length);
      if (to > from && cost + next > LIMITS.turn) break;
      cost += next;
      to++;
    }
    this.#pieceCost = cost;
    return to;
  }

  #takeDeferred(): HardState | undefined {
    const state = this.#deferred;
    this.#deferred = undefined;
    return state;
  }

  /** A snapshot record may have told of a later commit than a state that was waiting meanwhile. */
  #withHighestCommit(state: HardState): HardState {
    this.#commit = Math.max(this.#commit, state.commit);
    return { ...state, commit: this.#commit };
  }
}

function hardStateOf(message: Message): HardState {
  return { term: message.term, vote: message.vote, commit: message.commit };
}
