import { failpoints } from "@quorate/storage/failpoints";
import type { Backend, Revision } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Random } from "@quorate/storage/seams/random";
import { DEFAULT_SLICE_LIMITS, type SliceLimits, type SliceMeter, Slices } from "@quorate/storage/slices";
import type { RangeRequest } from "@quorate/wire/hot";
import { RequestError } from "../errors.ts";
import type { HistoryScan } from "../keys/change.ts";
import { endOf } from "../keys/key-range.ts";
import type { ChangeListener } from "./change.ts";
import {
  type CompactionFailpoints,
  type CompactionHandle,
  Compactor,
  type FinishedCompaction,
} from "./compaction.ts";
import { FifoLock } from "./fifo-lock.ts";
import { hashAll, hashKv } from "./hash-kv.ts";
import { openHistory } from "./history.ts";
import { type FoundRevision, KeyIndex } from "./index/key-index.ts";
import { PutSample } from "./put-sample.ts";
import {
  type RangeCaller,
  type RangeOutcome,
  type RangeResult,
  readChunkInto,
  readRange,
  readRangeInto,
} from "./range.ts";
import { recordOf } from "./range-hits.ts";
import type { RangeSink } from "./range-sink.ts";
import { type RangeChunk, rangeStream } from "./range-stream.ts";
import { type ReadView, ReadViews } from "./read-views.ts";
import { restoreState } from "./restore.ts";
import { newCounters, type StoreCounters, StoreDurations, type StoreState } from "./store-state.ts";
import { type KvHash, StoredHashes } from "./stored-hashes.ts";
import { latestRecord, WriteTxn } from "./write-txn.ts";

export type { CompactionHandle } from "./compaction.ts";
export type { RangeChunk } from "./range-stream.ts";
export type { WriteTxn } from "./write-txn.ts";

export interface MvccStoreOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  /** Seeds the index's hash; without it the seed is fixed, which is only good for tests. */
  readonly random?: Random;
  /** Records that a compaction looks at between two commits. Default 1000. */
  readonly compactionBatchLimit?: number;
  /** Milliseconds that a compaction pauses after each batch. Default 10. */
  readonly compactionSleepMs?: number;
  /** Of reads, of entries and of background work, each. Default: a millisecond a turn. */
  readonly slices?: SliceLimits;
  /** What ranges of a transaction may cost that are read in its entry without need. Default: an eighth of a millisecond. */
  readonly entryReadCost?: number;
  /** Default: those of the process. */
  readonly failpoints?: CompactionFailpoints;
  /** The background work of a compaction is done. */
  readonly onCompacted?: (compaction: FinishedCompaction) => void;
  /** Background work failed, so the state cannot be trusted: the member must stop. Default: an uncaught exception. */
  readonly onFatal?: (error: unknown) => void;
}

/** The latest state of a key, without its value. */
export interface KeyState {
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  readonly modSub: number;
  readonly version: number;
}

const NOTHING_TO_DO = () => Promise.resolve();

const found: FoundRevision = { main: 0, sub: 0 };

/**
 * The multi-version store: keys and their revisions over a backend, with the index in memory. Everything but the
 * methods that return promises is done when it returns. One writer; readers see whole transactions only.
 */
export class MvccStore {
  /** For the parts of this folder. */
  readonly state: StoreState;
  readonly #seeds: readonly [number, number];
  readonly #lock = new FifoLock();
  readonly #hashes = new StoredHashes();
  readonly #compactor: Compactor;
  readonly #txn: WriteTxn;
  #listener: ChangeListener | undefined;

  /** Empty: call `restore` before anything else. */
  constructor(options: MvccStoreOptions) {
    const { backend, clock, random, compactionBatchLimit = 1000, compactionSleepMs = 10 } = options;
    this.#seeds =
      random === undefined
        ? [0x5bd1_e995, 0x1b87_3593]
        : [random.below(2 ** 31) | 0, random.below(2 ** 31) | 0];
    this.state = {
      backend,
      clock,
      reading: new Slices(clock, options.slices),
      applying: new Slices(clock, options.slices),
      background: new Slices(clock, options.slices),
      views: new ReadViews(clock),
      entryReadCost: options.entryReadCost ?? DEFAULT_SLICE_LIMITS.small,
      unreadTxns: new FifoLock(),
      index: new KeyIndex(this.#seeds[0], this.#seeds[1]),
      currentRevision: 1,
      compactRevision: -1,
      latestMain: 1,
      isHalfWritten: false,
      isClosed: false,
      counters: newCounters(),
      putSample: new PutSample(),
      durations: new StoreDurations(),
    };
    this.#txn = new WriteTxn(this.state, () => this.#listener);
    this.#compactor = new Compactor(
      this.state,
      { batchLimit: compactionBatchLimit, sleepMs: compactionSleepMs },
      this.#lock,
      this.#hashes,
      options.failpoints ?? failpoints,
      options.onCompacted ?? (() => {}),
      options.onFatal ?? throwLater,
    );
  }

  /** Constructs and restores. */
  static async open(
    options: MvccStoreOptions,
    onLease?: (key: Uint8Array, lease: bigint) => void,
  ): Promise<MvccStore> {
    const store = new MvccStore(options);
    await store.restore(onLease);
    return store;
  }

  /**
   * Takes over what the backend holds. Works in slices; until it resolves the store is as before and must not be written.
   * `onLease` is told the lease of every live key that has one; its key is borrowed until it returns. An unfinished
   * compaction goes on in the background.
   */
  restore(onLease?: (key: Uint8Array, lease: bigint) => void): Promise<void> {
    return this.#restore(this.state.backend, onLease, NOTHING_TO_DO);
  }

  /**
   * As `restore`, with what `from` holds, which `become` makes the content of the store's own backend: it is called when
   * everything else is ready, and the store changes in the turn in which it has resolved.
   */
  replace(
    from: Backend,
    onLease: (key: Uint8Array, lease: bigint) => void,
    become: () => Promise<void>,
  ): Promise<void> {
    return this.#restore(from, onLease, become);
  }

  async #restore(
    from: Backend,
    onLease: ((key: Uint8Array, lease: bigint) => void) | undefined,
    become: () => Promise<void>,
  ): Promise<void> {
    const { state } = this;
    this.#compactor.abandon();
    const restored = await restoreState(from, state.background, this.#seeds, onLease);
    // A hash under way ends on the old state.
    const waiting = this.#lock.acquire();
    if (waiting !== undefined) await waiting;
    try {
      await become();
    } finally {
      this.#lock.release();
    }
    state.index = restored.index;
    state.currentRevision = restored.currentRevision;
    state.latestMain = restored.currentRevision;
    state.compactRevision = restored.compactRevision;
    const { unfinished } = restored;
    if (unfinished !== undefined) {
      this.#compactor.resume(unfinished.revision, unfinished.previousRevision).done.catch(() => {});
    }
  }

  /** The newest revision; 1 in a fresh store. */
  get currentRevision(): Revision {
    return this.state.currentRevision;
  }

  /** The compacted revision, -1 if there is none. It is raised before the first record is removed. */
  get compactRevision(): Revision {
    return this.state.compactRevision;
  }

  /** Live keys. */
  get keyCount(): number {
    return this.state.index.liveCount;
  }

  get counters(): Readonly<StoreCounters> {
    return this.state.counters;
  }

  /** What was put lately, by prefixes; nothing of it is state. */
  get putSample(): PutSample {
    return this.state.putSample;
  }

  get durations(): StoreDurations {
    return this.state.durations;
  }

  /** Reads under way that take more than one turn. */
  get openReads(): number {
    return this.state.views.count;
  }

  /** For what clients read. */
  get reading(): Slices {
    return this.state.reading;
  }

  /** For the work of entries. */
  get applying(): Slices {
    return this.state.applying;
  }

  /** What was done in slices, by what for. */
  get meters(): Readonly<Record<"reading" | "applying" | "background", SliceMeter>> {
    const { reading, applying, background } = this.state;
    return { reading: reading.meter, applying: applying.meter, background: background.meter };
  }

  /** Who is told of changes; undefined for nobody. */
  setListener(listener: ChangeListener | undefined): void {
    this.#listener = listener;
  }

  /**
   * Reads a key or an interval. Throws COMPACTED and FUTURE_REVISION; other checks of the request are `checkRange`'s.
   */
  range(request: RangeRequest): RangeResult {
    return readRange(this.state, request);
  }

  /**
   * As `range`, with the records in `sink`: at once when that is little work, else in slices, at the revision that is
   * current now whatever is written and compacted meanwhile. Fails also with COMPACTED when a compaction has waited a
   * minute for its end, and with CANCELED when the caller has gone. When it fails, some records may be there.
   */
  rangeInto(
    request: RangeRequest,
    sink: RangeSink,
    caller?: RangeCaller,
  ): RangeOutcome | Promise<RangeOutcome> {
    return readRangeInto(this.state, request, sink, caller);
  }

  /**
   * Puts the next records of an interval into `sink`, read in one go: about `mostBytes`, or up to `request.limit`. Nothing is
   * counted. Throws what `range` throws.
   */
  chunkInto(request: RangeRequest, sink: RangeSink, mostBytes: number): void {
    readChunkInto(this.state, request, sink, mostBytes);
  }

  /** Keeps what a reader at `revision` needs, which is readable now; see `ReadViews`. */
  openView(revision: Revision): ReadView {
    return this.state.views.open(revision);
  }

  closeView(view: ReadView): void {
    this.state.views.close(view);
  }

  /**
   * The chunks of a RangeStream (the request has passed `checkRangeStream`). Each chunk is read when it is asked for;
   * its records are borrowed until then.
   */
  rangeStream(request: RangeRequest, maxRequestBytes: number): Generator<RangeChunk, void, undefined> {
    return rangeStream(this.state, request, maxRequestBytes);
  }

  /** How many keys of an interval, which is no single key, there are now. */
  liveKeys(key: Uint8Array, rangeEnd: Uint8Array): number {
    return this.state.index.countLive(key, endOf(rangeEnd));
  }

  /** The latest state of a live key. */
  get(key: Uint8Array): KeyState | undefined {
    const { index } = this.state;
    const id = index.findLive(key);
    if (id < 0) return undefined;
    const { entries } = index;
    return {
      createRevision: entries.createMain(id),
      modRevision: entries.modMain(id),
      modSub: entries.modSub(id),
      version: entries.version(id),
    };
  }

  /** The record of a live key; borrowed until the next call on the store or backend. */
  latestRecord(key: Uint8Array): Uint8Array | undefined {
    return latestRecord(this.state, key);
  }

  /**
   * The record of a key as of `revision`; undefined when it did not exist then or the revision was compacted. Borrowed
   * until the next call on the store or backend.
   */
  getAt(key: Uint8Array, revision: Revision): Uint8Array | undefined {
    const { state } = this;
    if (revision < state.compactRevision) return undefined;
    const id = state.index.find(key);
    if (id < 0 || !state.index.findAt(id, revision, found)) return undefined;
    return recordOf(state, found.main, found.sub);
  }

  /**
   * Begins the changes of one entry. The transaction must end in the same turn of the loop, but for the pauses of what it
   * hides (`WriteTxn.hiding`).
   */
  beginWrite(): WriteTxn {
    return this.#txn.begin();
  }

  /**
   * Opens a pass over the changes with `fromMain <= main <= toMain`. A pass may be held over turns of the loop; what a
   * compaction removes meanwhile may be missing from it, so whoever holds it compares `position` with `compactRevision`
   * before each step. `key` and `rangeEnd` stay unchanged while it is open. For a key, or a range of few keys, it costs
   * what these keys have changed, else what the store has.
   */
  openHistory(key: Uint8Array, rangeEnd: Uint8Array, fromMain: Revision, toMain: Revision): HistoryScan {
    return openHistory(this.state, key, rangeEnd, fromMain, toMain);
  }

  /** Forgets history below `revision`. Throws COMPACTED or FUTURE_REVISION. */
  compact(revision: Revision): CompactionHandle {
    return this.#compactor.compact(revision);
  }

  /** Resolves when no compaction has anything left to do. */
  compactionsDone(): Promise<void> {
    return this.#compactor.drained();
  }

  /**
   * HashKV at `revision`, 0 for the current one. Rejects with COMPACTED or FUTURE_REVISION. After a compaction at this
   * very revision the answer is the hash that the compaction computed, with the compacted revision before it.
   */
  async hashKv(revision: Revision): Promise<KvHash & { readonly currentRevision: Revision }> {
    const stored = this.#hashes.get(revision);
    if (stored !== undefined) return { ...stored, currentRevision: this.currentRevision };
    return this.#hashNow(revision);
  }

  /** As `hashKv`, never from what a compaction stored. */
  async #hashNow(revision: Revision): Promise<KvHash & { readonly currentRevision: Revision }> {
    const waiting = this.#lock.acquire();
    if (waiting !== undefined) await waiting;
    try {
      const { clock, currentRevision, durations } = this.state;
      const startedMs = clock.nowMs();
      const hash = await hashKv(this.state, revision);
      durations.hashKvSeconds.observe((clock.nowMs() - startedMs) / 1_000);
      return { ...hash, currentRevision };
    } finally {
      this.#lock.release();
    }
  }

  /** The hashes that compactions computed, newest first, for checks between members. */
  storedHashes(): KvHash[] {
    return this.#hashes.list();
  }

  /** Maintenance.Hash: over the content of all tables. */
  async hashAll(): Promise<number> {
    const waiting = this.#lock.acquire();
    if (waiting !== undefined) await waiting;
    try {
      const { clock, durations } = this.state;
      const startedMs = clock.nowMs();
      const hash = await hashAll(this.state);
      durations.hashSeconds.observe((clock.nowMs() - startedMs) / 1_000);
      return hash;
    } finally {
      this.#lock.release();
    }
  }

  /** Stops background work; the next restore finds a compaction under way unfinished. Resolves when nothing runs. */
  async close(): Promise<void> {
    this.state.isClosed = true;
    this.#compactor.abandon();
    await this.#compactor.drained();
  }

  /** Checks the index's invariants; for tests. */
  check(): void {
    this.state.index.check();
    if (this.state.currentRevision < this.state.compactRevision) throw new RequestError("COMPACTED");
  }
}

function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
