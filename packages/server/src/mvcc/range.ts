import type { RangeRequest } from "@quorate/wire/hot";
import { assert } from "../assert.ts";
import type { RecordSink } from "../seams/backend.ts";
import { successorOf } from "./bytes.ts";
import { KvError } from "./errors.ts";
import type { FoundRevision, KeyIndex, KeyWalk } from "./index/key-index.ts";
import { isFromKey } from "./key-range.ts";
import {
  createOf,
  filterSteps,
  Hits,
  hasFilters,
  keyOnly,
  passes,
  recordOf,
  SortOrder,
  SortTarget,
  sortSteps,
} from "./range-hits.ts";
import { RecordList } from "./record-list.ts";
import { Slicer } from "./slicer.ts";
import type { Steps } from "./steps.ts";
import type { StoreState } from "./store-state.ts";

/** What a range says of the keys beside their records. */
export interface RangeOutcome {
  /** Live keys of the interval, whatever limit and filters say. */
  count: number;
  /** Whether the limit cut something off. */
  more: boolean;
  /** The store's revision when the range was read, for the response header. */
  revision: number;
}

export interface RangeResult extends RangeOutcome {
  /**
   * Encoded `mvccpb.KeyValue`s, ready for a response. Borrowed: valid until the next call on the store or its backend.
   */
  kvs: readonly Uint8Array[];
}

/** Takes the records of a range, encoded `mvccpb.KeyValue`s, in their order. */
export interface RangeSink extends RecordSink {
  /** Forgets all records: the range begins anew. */
  clear(): void;
}

/** Entries looked at, or revisions read, between two looks at the clock. */
const STEP = 256;
const NO_KVS: readonly Uint8Array[] = [];
const found: FoundRevision = { main: 0, sub: 0 };
/** The revisions of one step; never used across a pause. */
const stepIds = new Int32Array(STEP);
const stepMains = new Float64Array(STEP);
const stepSubs = new Int32Array(STEP);

/** Reads in one go. */
export function readRange(state: StoreState, request: RangeRequest): RangeResult {
  state.counters.ranges += 1;
  const at = readRevision(state, request);
  if (request.rangeEnd.length === 0) return readOneKey(state, request, at);
  return collect(state, request, at, true);
}

/** As `readRange`, with the records in `sink`. */
export function readRangeInto(state: StoreState, request: RangeRequest, sink: RangeSink): RangeOutcome {
  state.counters.ranges += 1;
  const at = readRevision(state, request);
  if (request.rangeEnd.length === 0) return readOneKeyInto(state, request, at, sink);
  return inOneGo(rangeSteps(state, request, at, true, sink));
}

/**
 * As `readRangeInto`, yielding so that no slice is long, at the revision decided now whatever is written meanwhile.
 * Throws COMPACTED when a compaction passes that revision before the end, CANCELED when the signal is aborted.
 */
export async function readRangeSliced(
  state: StoreState,
  request: RangeRequest,
  sink: RangeSink,
  signal?: AbortSignal,
): Promise<RangeOutcome> {
  state.counters.ranges += 1;
  const at = readRevision(state, request);
  if (request.rangeEnd.length === 0) return readOneKeyInto(state, request, at, sink);
  const slicer = new Slicer(state.clock, signal);
  const steps = rangeSteps(state, request, at, true, sink);
  const { index } = state;
  let paused = false;
  for (;;) {
    const step = steps.next(paused);
    if (step.done) return step.value;
    paused = slicer.due();
    if (!paused) continue;
    await slicer.pause();
    if (state.index !== index) {
      // Another state came in its place (a snapshot, newer than ours): read that.
      sink.clear();
      return readRangeSliced(state, request, sink, signal);
    }
    if (at < state.compactRevision) throw new KvError("COMPACTED");
  }
}

/** One chunk of a stream: as `readRange`, without the count. */
export function readChunk(state: StoreState, request: RangeRequest): RangeResult {
  const at = readRevision(state, request);
  if (request.rangeEnd.length === 0) return readOneKey(state, request, at);
  return collect(state, request, at, false);
}

function collect(state: StoreState, request: RangeRequest, at: number, counted: boolean): RangeResult {
  const list = new RecordList();
  const { count, more, revision } = inOneGo(rangeSteps(state, request, at, counted, list));
  return { count, more, revision, kvs: list.records };
}

function inOneGo(steps: Steps<RangeOutcome>): RangeOutcome {
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

function readOneKeyInto(state: StoreState, request: RangeRequest, at: number, sink: RangeSink): RangeOutcome {
  const { count, more, revision, kvs } = readOneKey(state, request, at);
  for (const kv of kvs) append(sink, kv);
  return { count, more, revision };
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
  sink: RangeSink,
): Steps<RangeOutcome> {
  const { index } = state;
  const revision = state.latestMain;
  const end = isFromKey(request.rangeEnd) ? undefined : request.rangeEnd;
  const latest = at === state.latestMain;
  if (request.countOnly) {
    const count = latest ? index.countLive(request.key, end) : yield* countSteps(state, request.key, end, at);
    return { count, more: false, revision };
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
  if (sortTarget !== SortTarget.KEY && order === SortOrder.NONE) order = SortOrder.ASCEND;
  const sorted = order === SortOrder.DESCEND || (order === SortOrder.ASCEND && sortTarget !== SortTarget.KEY);

  // What is neither filtered nor sorted is copied as it is found.
  const direct = !filtered && !sorted && !request.keysOnly;
  const hits = direct ? undefined : yield* hitSteps(state, request.key, end, at, fetchLimit);
  const fetched = hits?.length ?? (yield* copySteps(state, request.key, end, at, fetchLimit, sink));
  if (count < 0) {
    count = fetched;
    if (counted && count === fetchLimit) count = yield* countSteps(state, request.key, end, at);
  }
  if (hits === undefined) return { count, more: limit > 0 && fetched > limit, revision };

  if (filtered) yield* filterSteps(state, request, hits);
  const values = sorted ? yield* sortSteps(state, hits, order, sortTarget) : undefined;
  const more = limit > 0 && hits.length > limit;
  if (more) hits.length = limit;
  if (request.keysOnly) yield* keyOnlySteps(state, hits, values !== undefined, sink);
  else if (values !== undefined) yield* appendSteps(values, hits.length, sink);
  else yield* recordSteps(state, hits, sink);
  return { count, more, revision };
}

/** The revisions that a reader at `at` sees, up to `fetchLimit` of them. */
function* hitSteps(
  state: StoreState,
  start: Uint8Array,
  end: Uint8Array | undefined,
  at: number,
  fetchLimit: number,
): Steps<Hits> {
  const { index } = state;
  const hits = new Hits();
  let walk = index.walk(start, end);
  while (walk.leaf !== undefined && hits.length < fetchLimit) {
    const count = findNext(index, walk, at, fetchLimit - hits.length);
    for (let i = 0; i < count; i++) hits.push(stepIds[i]!, stepMains[i]!, stepSubs[i]!);
    const resumeAt = successorOf(index.entries.borrowKey(lastLookedAt));
    if (yield) walk = index.walk(resumeAt, end);
  }
  return hits;
}

/** As `hitSteps`, with the records put into `sink`, all but that of the last hit of a full limit. Returns how many hits. */
function* copySteps(
  state: StoreState,
  start: Uint8Array,
  end: Uint8Array | undefined,
  at: number,
  fetchLimit: number,
  sink: RangeSink,
): Steps<number> {
  const { index } = state;
  let hits = 0;
  let walk = index.walk(start, end);
  while (walk.leaf !== undefined && hits < fetchLimit) {
    const count = findNext(index, walk, at, fetchLimit - hits);
    const copies = hits + count === fetchLimit ? count - 1 : count;
    for (let copied = 0; ; ) {
      if (copied < copies) copied = copyStep(state, copied, copies, sink);
      const done = copied === copies;
      const resumeAt = successorOf(index.entries.borrowKey(done ? lastLookedAt : stepIds[copied - 1]!));
      const paused = yield;
      if (paused) walk = index.walk(resumeAt, end);
      if (done || paused) {
        hits += done ? count : copied;
        break;
      }
    }
  }
  return hits;
}

/** Puts the next up to `limit` visible revisions of the walk into the columns of the step; returns how many. */
function findNext(index: KeyIndex, walk: KeyWalk, at: number, limit: number): number {
  let count = 0;
  for (let looked = 0; looked < STEP && walk.leaf !== undefined && count < limit; looked++) {
    const id = walk.id();
    lastLookedAt = id;
    if (index.findAt(id, at, found)) {
      stepIds[count] = id;
      stepMains[count] = found.main;
      stepSubs[count++] = found.sub;
    }
    walk.next();
  }
  return count;
}

let lastLookedAt = -1;

/** Copies records of the step; returns where it stopped, which is beyond `from`. */
function copyStep(state: StoreState, from: number, to: number, sink: RangeSink): number {
  const stopped = state.backend.copyRevisions(stepMains, stepSubs, from, to, sink);
  assert(stopped > from, "the backend has every record that the index names");
  return stopped;
}

/** Puts the records of hits into `sink`. */
function* recordSteps(state: StoreState, hits: Hits, sink: RangeSink): Steps<void> {
  for (let next = 0; next < hits.length; ) {
    const count = Math.min(STEP, hits.length - next);
    for (let i = 0; i < count; i++) {
      stepMains[i] = hits.mains[next + i]!;
      stepSubs[i] = hits.subs[next + i]!;
    }
    next += copyStep(state, 0, count, sink);
    yield;
  }
}

function* keyOnlySteps(state: StoreState, hits: Hits, withLease: boolean, sink: RangeSink): Steps<void> {
  for (let i = 0; i < hits.length; i++) {
    append(sink, keyOnly(state, hits.ids[i]!, hits.mains[i]!, hits.subs[i]!, withLease));
    if (i % 16 === 15) yield;
  }
}

function* appendSteps(records: readonly Uint8Array[], count: number, sink: RangeSink): Steps<void> {
  for (let i = 0; i < count; i++) {
    append(sink, records[i]!);
    if (i % 16 === 15) yield;
  }
}

function append(sink: RangeSink, record: Uint8Array): void {
  const at = sink.begin(record.length);
  sink.bytes.set(record, at);
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
