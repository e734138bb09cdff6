import { decodeKeyValue, encodeKeyValue, type RangeRequest } from "@quorate/wire/hot";
import { assert } from "../assert.ts";
import { compareBytes, NO_BYTES, successorOf } from "./bytes.ts";
import { KvError } from "./errors.ts";
import type { FoundRevision, KeyWalk } from "./index/key-index.ts";
import { isFromKey } from "./key-range.ts";
import { RecordBlocks } from "./record-blocks.ts";
import { Slicer } from "./slicer.ts";
import { type Steps, sortInSteps } from "./steps.ts";
import type { StoreState } from "./store-state.ts";

export interface RangeResult {
  /** Live keys of the interval, whatever limit and filters say. */
  count: number;
  /** Whether the limit cut something off. */
  more: boolean;
  /**
   * Encoded `mvccpb.KeyValue`s, ready for a response. Borrowed: valid until the next call on the store or its backend
   * (those of `rangeSliced` are owned).
   */
  kvs: readonly Uint8Array[];
  /** The store's revision when the range was read, for the response header. */
  revision: number;
}

/** `RangeRequest.SortOrder` and `SortTarget`. */
export const SortOrder = { NONE: 0, ASCEND: 1, DESCEND: 2 } as const;
export const SortTarget = { KEY: 0, VERSION: 1, CREATE: 2, MOD: 3, VALUE: 4 } as const;

/** Entries looked at between two looks at the clock. */
const STEP = 256;
/** Hits that are read in key order. */
const FEW = 64;
/** Hits that are put into the order of revisions at once: half a millisecond. */
const SORTED = 8192;
const NO_KVS: readonly Uint8Array[] = [];
const found: FoundRevision = { main: 0, sub: 0 };

/** Reads in one go. */
export function readRange(state: StoreState, request: RangeRequest): RangeResult {
  state.counters.ranges += 1;
  const at = readRevision(state, request);
  if (request.rangeEnd.length === 0) return readOneKey(state, request, at);
  const steps = rangeSteps(state, request, at, true);
  for (;;) {
    const step = steps.next(false);
    if (step.done) return step.value;
  }
}

/**
 * As `readRange`, yielding so that no slice is long, at the revision decided now whatever is written meanwhile. Throws
 * COMPACTED when a compaction passes that revision before the end, CANCELED when the signal is aborted.
 */
export async function readRangeSliced(
  state: StoreState,
  request: RangeRequest,
  signal?: AbortSignal,
): Promise<RangeResult> {
  state.counters.ranges += 1;
  const at = readRevision(state, request);
  const slicer = new Slicer(state.clock, signal);
  if (request.rangeEnd.length === 0) {
    const result = readOneKey(state, request, at);
    return { ...result, kvs: result.kvs.map((kv) => kv.slice()) };
  }
  const steps = rangeSteps(state, request, at, true);
  const { index } = state;
  let paused = false;
  for (;;) {
    const step = steps.next(paused);
    if (step.done) return step.value;
    paused = slicer.due();
    if (!paused) continue;
    await slicer.pause();
    // Another state came in its place (a snapshot, newer than ours): read that.
    if (state.index !== index) return readRangeSliced(state, request, signal);
    if (at < state.compactRevision) throw new KvError("COMPACTED");
  }
}

/** One chunk of a stream: as `readRange`, without the count. */
export function readChunk(state: StoreState, request: RangeRequest): RangeResult {
  const at = readRevision(state, request);
  if (request.rangeEnd.length === 0) return readOneKey(state, request, at);
  const steps = rangeSteps(state, request, at, false);
  for (;;) {
    const step = steps.next(false);
    if (step.done) return step.value;
  }
}

function readRevision(state: StoreState, request: RangeRequest): number {
  const { revision } = request;
  if (revision > state.currentRevision) throw new KvError("FUTURE_REVISION");
  if (revision <= 0) return state.latestMain;
  if (revision < state.compactRevision) throw new KvError("COMPACTED");
  return revision;
}

function readOneKey(state: StoreState, request: RangeRequest, at: number): RangeResult {
  const { index } = state;
  const result: RangeResult = { count: 0, more: false, kvs: NO_KVS, revision: state.latestMain };
  const id = index.find(request.key);
  if (id < 0 || !index.findAt(id, at, found)) return result;
  result.count = 1;
  if (request.countOnly) return result;
  const { main, sub } = found;
  if (hasFilters(request) && !passes(request, main, createOf(state, id, main, sub))) return result;
  if (request.keysOnly) {
    const withLease = request.sortTarget === SortTarget.VALUE;
    result.kvs = [keyOnly(state, id, main, sub, withLease)];
  } else {
    result.kvs = [recordOf(state, main, sub)];
  }
  return result;
}

/**
 * The algorithm, resumable: it yields now and then; `next(true)` says that time has passed and the index may have
 * changed since. The revision `at` must stay readable.
 */
function* rangeSteps(
  state: StoreState,
  request: RangeRequest,
  at: number,
  counted: boolean,
): Steps<RangeResult> {
  const { index } = state;
  const revision = state.latestMain;
  const end = isFromKey(request.rangeEnd) ? undefined : request.rangeEnd;
  const latest = at === state.latestMain;
  if (request.countOnly) {
    const count = latest ? index.countLive(request.key, end) : yield* countSteps(state, request.key, end, at);
    return { count, more: false, kvs: NO_KVS, revision };
  }
  const { sortTarget, limit } = request;
  const filtered = hasFilters(request);
  let order = request.sortOrder;
  const fetchAll =
    filtered || !(order === SortOrder.NONE || (order === SortOrder.ASCEND && sortTarget === SortTarget.KEY));
  // Numbers from clients saturate at 2^53 - 1, so the limit of 2^63 - 1 that must not overflow is below it, too.
  const fetchLimit = fetchAll || limit <= 0 ? Number.POSITIVE_INFINITY : limit + 1;
  const countNow = latest && counted && fetchLimit < Number.POSITIVE_INFINITY;
  let count = countNow ? index.countLive(request.key, end) : -1;

  const hits = new Hits();
  let walk: KeyWalk = index.walk(request.key, end);
  let untilStep = STEP;
  while (walk.leaf !== undefined && hits.length < fetchLimit) {
    const id = walk.id();
    if (index.findAt(id, at, found)) hits.push(id, found.main, found.sub);
    if (--untilStep === 0) {
      untilStep = STEP;
      const resumeAt = successorOf(index.entries.borrowKey(id));
      if (yield) {
        walk = index.walk(resumeAt, end);
        continue;
      }
    }
    walk.next();
  }
  if (count < 0) {
    count = hits.length;
    if (counted && count === fetchLimit) count = yield* countSteps(state, request.key, end, at);
  }
  if (filtered) yield* filterSteps(state, request, hits);
  if (sortTarget !== SortTarget.KEY && order === SortOrder.NONE) order = SortOrder.ASCEND;
  let values: Uint8Array[] | undefined;
  if (order === SortOrder.DESCEND || (order === SortOrder.ASCEND && sortTarget !== SortTarget.KEY)) {
    values = yield* sortSteps(state, hits, order, sortTarget);
  }
  const more = limit > 0 && hits.length > limit;
  if (more) hits.length = limit;
  const kvs = yield* recordSteps(state, hits, request, values);
  return { count, more, kvs, revision };
}

function* countSteps(
  state: StoreState,
  start: Uint8Array,
  end: Uint8Array | undefined,
  at: number,
): Steps<number> {
  const { index } = state;
  let count = 0;
  let walk = index.walk(start, end);
  while (walk.leaf !== undefined) {
    count += index.countLeafAt(walk, at);
    // Where to go on if the tree changes: the next leaf's first key.
    if (walk.leaf === undefined) break;
    const resumeAt = index.entries.borrowKey(walk.id()).slice();
    if (yield) walk = index.walk(resumeAt, end);
  }
  return count;
}

function* filterSteps(state: StoreState, request: RangeRequest, hits: Hits): Steps<void> {
  let kept = 0;
  for (let i = 0; i < hits.length; i++) {
    const main = hits.mains[i]!;
    if (passes(request, main, createOf(state, hits.ids[i]!, main, hits.subs[i]!))) hits.copy(i, kept++);
    if (i % STEP === STEP - 1) yield;
  }
  hits.length = kept;
}

/** Orders the hits; returns their records when it had to read them. Equal ones stay in key order. */
function* sortSteps(
  state: StoreState,
  hits: Hits,
  order: number,
  target: number,
): Steps<Uint8Array[] | undefined> {
  const { length } = hits;
  if (target === SortTarget.KEY) {
    hits.reorder(Array.from({ length }, (_, i) => length - 1 - i));
    return undefined;
  }
  const sign = order === SortOrder.DESCEND ? -1 : 1;
  const permutation = Array.from({ length }, (_, i) => i);
  if (target === SortTarget.VALUE) {
    const blocks = new RecordBlocks();
    const records: Uint8Array[] = [];
    const values: Uint8Array[] = [];
    for (let i = 0; i < length; i++) {
      const record = blocks.copy(recordOf(state, hits.mains[i]!, hits.subs[i]!), length - i);
      records.push(record);
      values.push(decodeKeyValue(record).value);
      if (i % STEP === STEP - 1) yield;
    }
    yield* sortInSteps(permutation, (a, b) => sign * compareBytes(values[a]!, values[b]!));
    hits.reorder(permutation);
    return permutation.map((i) => records[i]!);
  }
  const numbers: number[] = [];
  for (let i = 0; i < length; i++) {
    const main = hits.mains[i]!;
    if (target === SortTarget.MOD) numbers.push(main);
    else if (target === SortTarget.CREATE) numbers.push(createOf(state, hits.ids[i]!, main, hits.subs[i]!));
    else numbers.push(versionOf(state, hits.ids[i]!, main, hits.subs[i]!));
    if (i % STEP === STEP - 1) yield;
  }
  yield* sortInSteps(permutation, (a, b) => sign * (numbers[a]! - numbers[b]!));
  hits.reorder(permutation);
  return undefined;
}

function* recordSteps(
  state: StoreState,
  hits: Hits,
  request: RangeRequest,
  values: Uint8Array[] | undefined,
): Steps<readonly Uint8Array[]> {
  const { length } = hits;
  if (!request.keysOnly && values === undefined && length > FEW)
    return yield* scatteredRecordSteps(state, hits);
  const kvs: Uint8Array[] = [];
  const blocks = new RecordBlocks();
  for (let i = 0; i < length; i++) {
    const main = hits.mains[i]!;
    const sub = hits.subs[i]!;
    if (request.keysOnly) {
      kvs.push(keyOnly(state, hits.ids[i]!, main, sub, values !== undefined));
    } else {
      kvs.push(values?.[i] ?? blocks.copy(recordOf(state, main, sub), length - i));
    }
    // Records may be large, so the clock is looked at more often here.
    if (i % 16 === 15) yield;
  }
  return kvs;
}

/**
 * The records of many hits. Neighbouring keys' newest revisions lie scattered over the table, so what a record costs is
 * cache misses: read in the order of revisions, the way to the next record is mostly in cache.
 */
function* scatteredRecordSteps(state: StoreState, hits: Hits): Steps<readonly Uint8Array[]> {
  const { length } = hits;
  const kvs: Uint8Array[] = new Array(length);
  const blocks = new RecordBlocks();
  for (let start = 0; start < length; start += SORTED) {
    const end = Math.min(length, start + SORTED);
    const order = byRevision(hits, start, end);
    for (let i = 0; i < order.length; i++) {
      const hit = start + (order[i]! % SORTED);
      kvs[hit] = blocks.copy(recordOf(state, hits.mains[hit]!, hits.subs[hit]!), length - start - i);
      // Records may be large, so the clock is looked at more often here.
      if (i % 16 === 15) yield;
    }
  }
  return kvs;
}

/** Ascending numbers whose remainders by SORTED are the positions behind `start`, in the order of main revisions. */
function byRevision(hits: Hits, start: number, end: number): Float64Array {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = 0;
  for (let i = start; i < end; i++) {
    lowest = Math.min(lowest, hits.mains[i]!);
    highest = Math.max(highest, hits.mains[i]!);
  }
  const order = new Float64Array(end - start);
  const sortable = (highest - lowest + 1) * SORTED <= Number.MAX_SAFE_INTEGER;
  for (let i = start; i < end; i++) {
    order[i - start] = (sortable ? (hits.mains[i]! - lowest) * SORTED : 0) + (i - start);
  }
  return order.sort();
}

/** The revisions that a range found, in columns. */
class Hits {
  length = 0;
  ids: number[] = [];
  mains: number[] = [];
  subs: number[] = [];

  push(id: number, main: number, sub: number): void {
    this.ids[this.length] = id;
    this.mains[this.length] = main;
    this.subs[this.length++] = sub;
  }

  copy(from: number, to: number): void {
    this.ids[to] = this.ids[from]!;
    this.mains[to] = this.mains[from]!;
    this.subs[to] = this.subs[from]!;
  }

  reorder(permutation: readonly number[]): void {
    const { ids, mains, subs } = this;
    this.ids = permutation.map((i) => ids[i]!);
    this.mains = permutation.map((i) => mains[i]!);
    this.subs = permutation.map((i) => subs[i]!);
  }
}

export function hasFilters(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  );
}

/** A bound of zero is no bound; a negative one is. */
function passes(request: RangeRequest, mod: number, create: number): boolean {
  if (request.maxModRevision !== 0 && mod > request.maxModRevision) return false;
  if (request.minModRevision !== 0 && mod < request.minModRevision) return false;
  if (request.maxCreateRevision !== 0 && create > request.maxCreateRevision) return false;
  return request.minCreateRevision === 0 || create >= request.minCreateRevision;
}

/** Borrowed until the next call on the backend. */
export function recordOf(state: StoreState, main: number, sub: number): Uint8Array {
  const record = state.backend.getRevision(main, sub);
  assert(record !== undefined, "the backend has every record that the index names");
  return record;
}

function createOf(state: StoreState, id: number, main: number, sub: number): number {
  const { entries } = state.index;
  if (entries.modMain(id) === main && entries.modSub(id) === sub) return entries.createMain(id);
  return decodeKeyValue(recordOf(state, main, sub)).createRevision;
}

function versionOf(state: StoreState, id: number, main: number, sub: number): number {
  const { entries } = state.index;
  if (entries.modMain(id) === main && entries.modSub(id) === sub) return entries.version(id);
  return decodeKeyValue(recordOf(state, main, sub)).version;
}

/** The record without its value, and without its lease unless asked for: the index does not know leases. */
function keyOnly(state: StoreState, id: number, main: number, sub: number, withLease: boolean): Uint8Array {
  const { entries } = state.index;
  if (!withLease && entries.modMain(id) === main && entries.modSub(id) === sub) {
    return encodeKeyValue(
      entries.borrowKey(id),
      entries.createMain(id),
      main,
      entries.version(id),
      NO_BYTES,
      0n,
    );
  }
  const kv = decodeKeyValue(recordOf(state, main, sub));
  return encodeKeyValue(
    kv.key,
    kv.createRevision,
    kv.modRevision,
    kv.version,
    NO_BYTES,
    withLease ? kv.lease : 0n,
  );
}
