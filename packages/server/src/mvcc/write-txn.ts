import { assert } from "@quorate/storage/assert";
import type { RecordSink, Revision } from "@quorate/storage/seams/backend";
import { inOneGo, type Steps } from "@quorate/storage/slices";
import { encodeKeyValue, encodeTombstone, type RangeRequest } from "@quorate/wire/hot";
import { compareBytes, NO_BYTES, successorOf } from "../keys/bytes.ts";
import type { Change } from "../keys/change.ts";
import { endOf } from "../keys/key-range.ts";
import type { ChangeListener } from "./change.ts";
import type { FoundRevision } from "./index/key-index.ts";
import { type RangeResult, readRange } from "./range.ts";
import { recordOf, Tally } from "./range-hits.ts";
import { recordKey } from "./record.ts";
import type { StoreState } from "./store-state.ts";

/** With more changes, or bytes of them, a transaction tells its listener only which keys they are among. */
const MANY_CHANGES = 1024;
const MANY_CHANGE_BYTES = 2 * 1024 * 1024;

const found: FoundRevision = { main: 0, sub: 0 };

/** Which keys are attached to leases. */
export interface AttachedKeys {
  /** `key` is borrowed until it returns. */
  detach(key: Uint8Array): void;
}

/** The first and the last of some keys. */
interface KeySpan {
  lowest: Uint8Array;
  highest: Uint8Array;
}

/**
 * The changes of one entry: one new main revision if there is any change, sub-revisions in the order of the calls.
 * Reads inside see the changes so far; readers outside see nothing before `end`. There is no abort: whoever writes has
 * checked before that it will go through.
 */
export class WriteTxn {
  readonly #state: StoreState;
  readonly #listener: () => ChangeListener | undefined;
  #open = false;
  #main = 0;
  #sub = 0;
  /** Reads, puts and deletions, whatever they found; for metrics. */
  #operations = 0;
  /** Undefined when nobody looked at the beginning, or they have become many. */
  #changes: Change[] | undefined;
  #changeBytes = 0;
  /** Of changes that have become many. */
  #span: KeySpan | undefined;

  constructor(state: StoreState, listener: () => ChangeListener | undefined) {
    this.#state = state;
    this.#listener = listener;
  }

  /** For the store: begins the next transaction. */
  begin(): this {
    assert(!this.#open, "one write transaction at a time");
    this.#open = true;
    assert(this.#state.latestMain === this.#state.currentRevision, "no transaction is half written");
    this.#main = this.#state.currentRevision + 1;
    this.#sub = 0;
    this.#operations = 0;
    this.#changes = this.#listener()?.hasListener() ? [] : undefined;
    this.#changeBytes = 0;
    return this;
  }

  /** The revision for headers inside the transaction: the new one once there is a change. */
  get revision(): Revision {
    return this.#state.latestMain;
  }

  /** `key` and `value` are borrowed. Returns whether the key was attached to a lease before. */
  put(key: Uint8Array, value: Uint8Array, lease: bigint): boolean {
    const { index, backend, counters, putSample } = this.#state;
    const main = this.#main;
    const sub = this.#sub++;
    const { entries } = index;
    const id = index.put(key, main, sub, lease !== 0n);
    const wasLeased = index.lastPutReplacedLease;
    const record = encodeKeyValue(key, entries.createMain(id), main, entries.version(id), value, lease);
    backend.putRevision(main, sub, false, record);
    this.#state.latestMain = main;
    this.#operations += 1;
    counters.puts += 1;
    counters.putBytes += key.length + value.length;
    if (--putSample.untilNext === 0) putSample.take(key, value.length);
    if (this.#changes !== undefined) this.#addChange(sub, false, record);
    else if (this.#span !== undefined) widen(this.#span, recordKey(record));
    return wasLeased;
  }

  /**
   * Deletes the live keys of an interval in ascending order and returns their number. `prevKvs`, if given, receives each
   * deleted record; `attached` is told of each key that was attached to a lease.
   */
  deleteRange(key: Uint8Array, rangeEnd: Uint8Array, prevKvs?: RecordSink, attached?: AttachedKeys): number {
    if (rangeEnd.length > 0) return inOneGo(this.deleteRangeSteps(key, rangeEnd, prevKvs, attached));
    this.#countDeletion();
    const id = this.#state.index.findLive(key);
    if (id < 0) return 0;
    this.#deleteKey(key, id, prevKvs, attached);
    return 1;
  }

  /** As `deleteRange` of an interval, in steps. */
  *deleteRangeSteps(
    key: Uint8Array,
    rangeEnd: Uint8Array,
    prevKvs?: RecordSink,
    attached?: AttachedKeys,
  ): Steps<number> {
    this.#countDeletion();
    const { index } = this.#state;
    const end = endOf(rangeEnd);
    const tally = new Tally(this.#state);
    let deleted = 0;
    let walk = index.walk(key, end);
    while (walk.leaf !== undefined) {
      const id = walk.id();
      if (!walk.isDeleted()) {
        // The order of keys keeps its shape, so the walk may go on.
        this.#deleteKey(index.entries.borrowKey(id), id, prevKvs, attached);
        deleted += 1;
      }
      walk.next();
      if (!tally.item()) continue;
      const resumeAt = successorOf(index.entries.borrowKey(id));
      if (yield* tally.report()) walk = index.walk(resumeAt, end);
    }
    return deleted;
  }

  /**
   * Steps of this transaction such that whoever runs while they pause sees the state before it. Nobody else may begin a
   * transaction meanwhile.
   */
  *hiding<Result>(steps: Steps<Result>): Steps<Result> {
    const state = this.#state;
    for (let step = steps.next(false); ; ) {
      if (step.done) return step.value;
      const { latestMain } = state;
      state.isHalfWritten = latestMain !== state.currentRevision;
      state.latestMain = state.currentRevision;
      const paused = yield step.value;
      state.latestMain = latestMain;
      state.isHalfWritten = false;
      step = steps.next(paused);
    }
  }

  /** Something is read in this transaction. */
  countRange(): void {
    this.#operations += 1;
    this.#state.counters.ranges += 1;
  }

  #countDeletion(): void {
    this.#operations += 1;
    this.#state.counters.deletes += 1;
  }

  /** As `MvccStore.range`, seeing this transaction's changes when no revision is asked for. */
  range(request: RangeRequest): RangeResult {
    return readRange(this.#state, request);
  }

  /** The record of a live key as this transaction sees it; borrowed until the next call on the store or backend. */
  latestRecord(key: Uint8Array): Uint8Array | undefined {
    return latestRecord(this.#state, key);
  }

  /** Publishes the changes; returns the store's revision: the new one, or the old one when nothing changed. */
  end(): number {
    assert(this.#open, "a write transaction ends once");
    this.#open = false;
    const state = this.#state;
    if (this.#operations > 1) state.counters.longTxns += 1;
    if (this.#sub === 0) return state.currentRevision;
    assert(this.#main === state.currentRevision + 1, "a transaction makes the next revision");
    assert(this.#main === state.latestMain, "a transaction ends with all of its changes in sight");
    state.currentRevision = this.#main;
    state.counters.txns += 1;
    this.#tellListener();
    return this.#main;
  }

  #tellListener(): void {
    const changes = this.#changes;
    const span = this.#span;
    this.#changes = undefined;
    this.#span = undefined;
    const listener = this.#listener();
    if (listener === undefined) return;
    if (changes !== undefined) listener.onChanges(this.#main, changes);
    else if (span !== undefined) listener.onManyChanges(this.#main, span.lowest, span.highest);
    else if (listener.hasListener()) listener.onManyChanges(this.#main, NO_BYTES, undefined);
  }

  #deleteKey(
    key: Uint8Array,
    id: number,
    prevKvs: RecordSink | undefined,
    attached: AttachedKeys | undefined,
  ): void {
    const { index, backend } = this.#state;
    if (prevKvs !== undefined) {
      index.findAt(id, this.#main, found);
      const record = recordOf(this.#state, found.main, found.sub);
      const at = prevKvs.begin(record.length);
      prevKvs.bytes.set(record, at);
    }
    const wasLeased = index.entries.isLeased(id);
    const sub = this.#sub++;
    index.tombstone(key, id, this.#main, sub);
    const record = encodeTombstone(key);
    backend.putRevision(this.#main, sub, true, record);
    this.#state.latestMain = this.#main;
    if (wasLeased && attached !== undefined) attached.detach(key);
    if (this.#changes !== undefined) this.#addChange(sub, true, record);
    else if (this.#span !== undefined) widen(this.#span, recordKey(record));
  }

  #addChange(sub: number, deleted: boolean, record: Uint8Array): void {
    const changes = this.#changes!;
    changes.push({ key: recordKey(record), main: this.#main, sub, deleted, record });
    this.#changeBytes += record.length;
    if (changes.length > 1 && (changes.length > MANY_CHANGES || this.#changeBytes > MANY_CHANGE_BYTES)) {
      this.#changes = undefined;
      this.#span = spanOf(changes);
    }
  }
}

/** Copies: the records that the keys lie in may be large. */
function spanOf(changes: readonly Change[]): KeySpan {
  const { key } = changes[0]!;
  const span: KeySpan = { lowest: key.slice(), highest: key.slice() };
  for (let i = 1; i < changes.length; i++) widen(span, changes[i]!.key);
  return span;
}

function widen(span: KeySpan, key: Uint8Array): void {
  if (compareBytes(key, span.lowest) < 0) span.lowest = key.slice();
  else if (compareBytes(key, span.highest) > 0) span.highest = key.slice();
}

/** The record of a key as of the newest change; borrowed until the next call on the backend. */
export function latestRecord(state: StoreState, key: Uint8Array): Uint8Array | undefined {
  const id = state.index.findLive(key);
  if (id < 0) return undefined;
  const { entries } = state.index;
  return recordOf(state, entries.modMain(id), entries.modSub(id));
}
