import { assert } from "@quorate/storage/assert";
import type { Revision } from "@quorate/storage/seams/backend";
import { costOf, inOneGo, type Steps } from "@quorate/storage/slices";
import type { RangeRequest } from "@quorate/wire/hot";
import { RequestError } from "../errors.ts";
import { NO_BYTES, successorOf } from "../keys/bytes.ts";
import { endOf } from "../keys/key-range.ts";
import type { FoundRevision, KeyIndex, KeyWalk } from "./index/key-index.ts";
import {
  appendKeyOnly,
  createOf,
  filterSteps,
  Hits,
  hasFilters,
  passes,
  recordOf,
  SortOrder,
  SortTarget,
  Tally,
} from "./range-hits.ts";
import type { RangeSink } from "./range-sink.ts";
import { RecordList } from "./record-list.ts";
import { sortSteps } from "./sort-hits.ts";
import { isLatest, type StoreState } from "./store-state.ts";

/** What a range says of the keys beside their records. */
export interface RangeOutcome {
  /** Live keys of the interval, whatever limit and filters say. */
  count: number;
  /** Whether the limit cut something off. */
  more: boolean;
  /** The store's revision when the range was read, for the response header. */
  revision: Revision;
}

export interface RangeResult extends RangeOutcome {
  /**
   * Encoded `mvccpb.KeyValue`s, ready for a response. Borrowed: valid until the next call on the store or its backend.
   */
  kvs: readonly Uint8Array[];
}

/** Whoever asked for a range; when its call has ended nobody wants the answer. */
export interface RangeCaller {
  readonly ended: boolean;
  /** Calls `begin`, now or later, when a long answer may be made. Without it that is always. */
  whenAnswerRoom?(begin: () => void): void;
}

/** Entries looked at, or revisions read, between two yields. */
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
  const list = new RecordList();
  const outcome = inOneGo(rangeSteps(state, request, at, state.latestMain, list));
  return { ...outcome, kvs: list.records };
}

/**
 * As `readRange`, with the records in `sink`: at once when that is little work, else in slices, at the revision decided
 * now. Throws or rejects with what `readRange` throws, and with what `restInView` does. What the request borrows is copied
 * if need be.
 */
export function readRangeInto(
  state: StoreState,
  request: RangeRequest,
  sink: RangeSink,
  caller?: RangeCaller,
): RangeOutcome | Promise<RangeOutcome> {
  state.counters.ranges += 1;
  const at = readRevision(state, request);
  if (request.rangeEnd.length === 0) return readOneKeyInto(state, request, at, sink);
  sink.readsAt?.(at);
  const steps = rangeSteps(state, request, at, state.latestMain, sink);
  const step = state.reading.begin(steps);
  if (step.done) return step.value;
  request.key = request.key.slice();
  request.rangeEnd = request.rangeEnd.slice();
  return caller?.whenAnswerRoom === undefined
    ? readRest(state, request, at, sink, steps, caller)
    : readRestWithRoom(state, request, at, sink, steps, caller);
}

/** Nothing is held while the client does not take what it has asked for before: then all is read anew. */
async function readRestWithRoom(
  state: StoreState,
  request: RangeRequest,
  at: number,
  sink: RangeSink,
  steps: Steps<RangeOutcome>,
  caller: RangeCaller,
): Promise<RangeOutcome> {
  const withRoom: RangeCaller = {
    get ended() {
      return caller.ended;
    },
  };
  let hasRoom = false;
  const room = new Promise<void>((resolve) => {
    caller.whenAnswerRoom!(() => {
      hasRoom = true;
      resolve();
    });
  });
  if (hasRoom) return readRest(state, request, at, sink, steps, withRoom);
  sink.clear();
  await room;
  return readRangeInto(state, request, sink, withRoom);
}

async function readRest(
  state: StoreState,
  request: RangeRequest,
  at: number,
  sink: RangeSink,
  steps: Steps<RangeOutcome>,
  caller: RangeCaller | undefined,
): Promise<RangeOutcome> {
  const outcome = await restInView(state, at, steps, caller);
  if (outcome !== undefined) return outcome;
  // Another state came in its place (a snapshot, newer than ours): read that.
  sink.clear();
  return readRangeInto(state, request, sink, caller);
}

/**
 * Does the rest of a read that needs nothing below revision `at`, whatever is compacted meanwhile. Resolves to undefined
 * when another state has come in the place of the one it began with. Rejects with COMPACTED when a compaction has waited
 * long for the end, CANCELED when the caller has gone.
 */
export async function restInView<Outcome>(
  state: StoreState,
  at: number,
  steps: Steps<Outcome>,
  caller: RangeCaller | undefined,
): Promise<Outcome | undefined> {
  const { index } = state;
  const view = state.views.open(at);
  try {
    return await state.reading.restWhile(steps, () => {
      if (caller?.ended) throw new RequestError("CANCELED");
      if (view.isGivenUp) throw new RequestError("COMPACTED");
      return state.index === index;
    });
  } finally {
    state.views.close(view);
  }
}

/** Up to `request.limit` records without a count: a chunk of a stream, which also ends after about `mostBytes`. */
export function readChunk(state: StoreState, request: RangeRequest, mostBytes: number): RangeResult {
  const at = readRevision(state, request);
  if (request.rangeEnd.length === 0) return readOneKey(state, request, at);
  const list = new RecordList();
  const outcome = inOneGo(rangeSteps(state, request, at, state.latestMain, list, mostBytes));
  return { ...outcome, kvs: list.records };
}

/** As `readChunk`, of an interval, with the records in `sink`. */
export function readChunkInto(
  state: StoreState,
  request: RangeRequest,
  sink: RangeSink,
  mostBytes: number,
): void {
  const at = readRevision(state, request);
  inOneGo(rangeSteps(state, request, at, state.latestMain, sink, mostBytes));
}

/** Whether the records of an interval are read in the order of their keys, each as it is found. */
export function isReadInOrder(request: RangeRequest): boolean {
  return !request.countOnly && !request.keysOnly && !hasFilters(request) && !isSorted(request);
}

/** A target without an order is sorted by, too. */
function isSorted({ sortOrder, sortTarget }: RangeRequest): boolean {
  return sortOrder === SortOrder.DESCEND || sortTarget !== SortTarget.KEY;
}

/** The revision at which a request is to be read. Throws COMPACTED and FUTURE_REVISION. */
export function readRevision(state: StoreState, request: RangeRequest): Revision {
  const { revision } = request;
  if (revision > state.currentRevision) throw new RequestError("FUTURE_REVISION");
  if (revision <= 0) return state.latestMain;
  if (revision < state.compactRevision) throw new RequestError("COMPACTED");
  return revision;
}

export function readOneKey(state: StoreState, request: RangeRequest, at: number): RangeResult {
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
    const list = new RecordList();
    appendKeyOnly(state, id, main, sub, withLease, list);
    result.kvs = list.records;
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
 * The algorithm for an interval, in steps; the request's bytes are read anew after each. The revision `at` must stay
 * readable; `revision` is the one for the header. With `mostBytes` nothing is counted, and it ends after about as many.
 */
export function* rangeSteps(
  state: StoreState,
  request: RangeRequest,
  at: number,
  revision: Revision,
  sink: RangeSink,
  mostBytes?: number,
): Steps<RangeOutcome> {
  const { index } = state;
  const latest = isLatest(state, at);
  if (request.countOnly) {
    const count = latest
      ? index.countLive(request.key, endOf(request.rangeEnd))
      : yield* countSteps(state, request, at);
    return { count, more: false, revision };
  }
  const { sortTarget, limit } = request;
  const counted = mostBytes === undefined;
  const filtered = hasFilters(request);
  let order = request.sortOrder;
  const fetchAll =
    filtered || !(order === SortOrder.NONE || (order === SortOrder.ASCEND && sortTarget === SortTarget.KEY));
  // Numbers from clients saturate at 2^53 - 1, so the limit of 2^63 - 1 that must not overflow is below it, too.
  const fetchLimit = fetchAll || limit <= 0 ? Number.POSITIVE_INFINITY : limit + 1;
  const countNow = latest && counted && fetchLimit < Number.POSITIVE_INFINITY;
  let count = countNow ? index.countLive(request.key, endOf(request.rangeEnd)) : -1;
  if (sortTarget !== SortTarget.KEY && order === SortOrder.NONE) order = SortOrder.ASCEND;

  // What is neither filtered nor sorted is copied as it is found.
  const hits = isReadInOrder(request) ? undefined : yield* hitSteps(state, request, at, fetchLimit);
  const fetched =
    hits?.length ??
    (yield* copySteps(state, request, at, fetchLimit, sink, mostBytes ?? Number.POSITIVE_INFINITY));
  if (count < 0) {
    count = fetched;
    if (counted && count === fetchLimit) count = yield* countSteps(state, request, at);
  }
  if (hits === undefined) return { count, more: limit > 0 && fetched > limit, revision };

  if (filtered) yield* filterSteps(state, request, hits);
  const sorted = isSorted(request) ? yield* sortSteps(state, hits, order, sortTarget) : undefined;
  const more = limit > 0 && hits.length > limit;
  if (more) hits.length = limit;
  const withLease = sortTarget === SortTarget.VALUE;
  if (request.keysOnly) yield* keyOnlySteps(state, hits, sorted, withLease, sink);
  else yield* recordSteps(state, hits, sorted, sink);
  return { count, more, revision };
}

/** The revisions that a reader at `at` sees, up to `fetchLimit` of them. */
function* hitSteps(state: StoreState, request: RangeRequest, at: number, fetchLimit: number): Steps<Hits> {
  const { index } = state;
  const hits = new Hits();
  let walk = index.walk(request.key, endOf(request.rangeEnd));
  while (walk.leaf !== undefined && hits.length < fetchLimit) {
    const count = findNext(index, walk, at, fetchLimit - hits.length);
    for (let i = 0; i < count; i++) hits.push(stepIds[i]!, stepMains[i]!, stepSubs[i]!);
    const resumeAt = successorOf(index.entries.borrowKey(lastLookedAt));
    if (yield costOf(lookedAt, 0)) walk = index.walk(resumeAt, endOf(request.rangeEnd));
  }
  return hits;
}

/**
 * As `hitSteps`, with the records put into `sink`, all but that of the last hit of a full limit. Returns how many hits.
 * Ends before the end, with Infinity, when `sink` has `mostBytes`.
 */
function* copySteps(
  state: StoreState,
  request: RangeRequest,
  at: number,
  fetchLimit: number,
  sink: RangeSink,
  mostBytes: number,
): Steps<number> {
  const { index } = state;
  let hits = 0;
  let walk = index.walk(request.key, endOf(request.rangeEnd));
  while (walk.leaf !== undefined && hits < fetchLimit) {
    const count = findNext(index, walk, at, fetchLimit - hits);
    const copies = hits + count === fetchLimit ? count - 1 : count;
    let looked = lookedAt;
    for (let copied = 0; ; ) {
      const { size } = sink;
      if (copied < copies) copied = copyStep(state, copied, copies, sink);
      const done = copied === copies;
      // More than any limit, since there is more.
      if (sink.size >= mostBytes && !(done && walk.leaf === undefined)) return Number.POSITIVE_INFINITY;
      const ended = done && walk.leaf === undefined;
      const resumeAt = ended
        ? NO_BYTES
        : successorOf(index.entries.borrowKey(done ? lastLookedAt : stepIds[copied - 1]!));
      const paused = yield costOf(looked, sink.size - size);
      looked = 0;
      if (paused && !ended) walk = index.walk(resumeAt, endOf(request.rangeEnd));
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
  let looked = 0;
  for (; looked < STEP && walk.leaf !== undefined && count < limit; looked++) {
    const id = walk.id();
    lastLookedAt = id;
    if (index.findAt(id, at, found)) {
      stepIds[count] = id;
      stepMains[count] = found.main;
      stepSubs[count++] = found.sub;
    }
    walk.next();
  }
  lookedAt = looked;
  return count;
}

/** The entry that `findNext` looked at last, and how many it looked at. */
let lastLookedAt = -1;
let lookedAt = 0;

/** Copies records of the step; returns where it stopped, which is beyond `from`. */
function copyStep(state: StoreState, from: number, to: number, sink: RangeSink): number {
  const stopped = state.backend.copyRevisions(stepMains, stepSubs, from, to, sink);
  assert(stopped > from, "the backend has every record that the index names");
  return stopped;
}

/** Puts the records of hits into `sink`. */
function* recordSteps(
  state: StoreState,
  hits: Hits,
  sorted: Int32Array | undefined,
  sink: RangeSink,
): Steps<void> {
  for (let next = 0; next < hits.length; ) {
    const count = Math.min(STEP, hits.length - next);
    for (let i = 0; i < count; i++) {
      const hit = sorted === undefined ? next + i : sorted[next + i]!;
      stepMains[i] = hits.main(hit);
      stepSubs[i] = hits.sub(hit);
    }
    const { size } = sink;
    const copied = copyStep(state, 0, count, sink);
    next += copied;
    yield costOf(copied, sink.size - size);
  }
}

function* keyOnlySteps(
  state: StoreState,
  hits: Hits,
  sorted: Int32Array | undefined,
  withLease: boolean,
  sink: RangeSink,
): Steps<void> {
  const tally = new Tally(state);
  for (let i = 0; i < hits.length; i++) {
    const hit = sorted === undefined ? i : sorted[i]!;
    appendKeyOnly(state, hits.id(hit), hits.main(hit), hits.sub(hit), withLease, sink);
    if (tally.item()) yield* tally.report();
  }
}

function append(sink: RangeSink, record: Uint8Array): void {
  const at = sink.begin(record.length);
  sink.bytes.set(record, at);
}

/** How many keys of the interval a reader at `at` sees. */
export function* countSteps(state: StoreState, request: RangeRequest, at: number): Steps<number> {
  const { index } = state;
  let count = 0;
  let walk = index.walk(request.key, endOf(request.rangeEnd));
  while (walk.leaf !== undefined) {
    const looked = walk.stop() - walk.index;
    count += index.countLeafAt(walk, at);
    // Where to go on if the tree changes: the next leaf's first key.
    if (walk.leaf === undefined) break;
    const resumeAt = index.entries.borrowKey(walk.id()).slice();
    if (yield costOf(looked, 0)) walk = index.walk(resumeAt, endOf(request.rangeEnd));
  }
  return count;
}
