import type { Revision } from "@quorate/storage/seams/backend";
import { costOf, DEFAULT_SLICE_LIMITS } from "@quorate/storage/slices";
import type { RangeRequest } from "@quorate/wire/hot";
import { RequestError } from "../errors.ts";
import { successorOf } from "../keys/bytes.ts";
import { endOf } from "../keys/key-range.ts";
import { countSteps, readChunk, readRevision } from "./range.ts";
import { recordKey } from "./record.ts";
import { isLatest, type StoreState } from "./store-state.ts";

/** The keys of the first chunk; later chunks grow and shrink towards the message size that is asked for. */
const FIRST_KEYS = 10;
/** What a chunk is read from in one turn at most, but for its last record. */
const MOST_KEYS = 4096;
const MOST_BYTES = 2 ** 20;
/** About what header, count and framing add to a response. */
const OVERHEAD_BYTES = 32;

/** A chunk without records that is not the last is nothing to send: counting goes on in another turn. */
export interface RangeChunk {
  /** Of reading it, as `costOf` has it. */
  readonly cost: number;
  /** Encoded `mvccpb.KeyValue`s. Borrowed until the next chunk is asked for or the store is called. */
  readonly kvs: readonly Uint8Array[];
  /** Set in the last chunk only, where header, `more` and `count` go out. */
  readonly last: { readonly revision: Revision; readonly more: boolean; readonly count: number } | undefined;
}

/**
 * A range in chunks, all read at one revision. Throws what `range` throws, COMPACTED also between chunks. There is always
 * at least one chunk.
 */
export function* rangeStream(
  state: StoreState,
  request: RangeRequest,
  maxRequestBytes: number,
): Generator<RangeChunk, void, undefined> {
  state.counters.ranges += 1;
  if (request.countOnly) {
    const revision = state.latestMain;
    const count = yield* countInTurns(state, request);
    yield { kvs: [], cost: 0, last: { revision, more: false, count } };
    return;
  }
  // Any sort target is admitted with the order NONE; pagination by key is what gives every key once.
  const paged: RangeRequest = { ...request, sortOrder: 0, sortTarget: 0 };
  const total = request.limit === 0 ? Number.POSITIVE_INFINITY : request.limit;
  let limit = Math.min(FIRST_KEYS, total);
  let sent = 0;
  let pinned = -1;
  for (;;) {
    paged.limit = limit;
    const chunk = readChunk(state, paged, MOST_BYTES);
    if (pinned < 0) {
      pinned = chunk.revision;
      if (request.revision <= 0) paged.revision = pinned;
    }
    const { kvs, more } = chunk;
    sent += kvs.length;
    if (!more || sent === total) {
      let count = sent;
      if (more) {
        const rest = {
          ...paged,
          key: successorOf(recordKey(kvs[kvs.length - 1]!)),
          limit: 0,
        };
        count += yield* countInTurns(state, rest);
      }
      // A stream of one chunk is what the unary range answers, order included.
      const sorted = request.sortTarget !== 0 && sent === kvs.length;
      const answer = sorted
        ? readChunk(state, { ...paged, sortTarget: request.sortTarget }, MOST_BYTES).kvs
        : kvs;
      yield { kvs: answer, cost: costOf(kvs.length, bytesOf(kvs)), last: { revision: pinned, more, count } };
      return;
    }
    paged.key = successorOf(recordKey(kvs[kvs.length - 1]!));
    const bytes = bytesOf(kvs);
    yield { kvs, cost: costOf(kvs.length, bytes), last: undefined };
    if (bytes < Math.floor(maxRequestBytes / 2)) limit *= 2;
    else if (bytes > 2 * maxRequestBytes) limit = Math.floor(limit / 2);
    limit = Math.min(Math.max(limit, 1), MOST_KEYS, total - sent);
  }
}

/** Of the response that holds them. */
function bytesOf(kvs: readonly Uint8Array[]): number {
  let bytes = OVERHEAD_BYTES;
  for (const kv of kvs) bytes += kv.length + (kv.length < 0x80 ? 2 : kv.length < 0x4000 ? 3 : 5);
  return bytes;
}

/** How many keys the range has, whatever its limit. */
function* countInTurns(state: StoreState, request: RangeRequest): Generator<RangeChunk, number, undefined> {
  const at = readRevision(state, request);
  const { key, rangeEnd } = request;
  const isInterval = rangeEnd.length > 0;
  if (isInterval && isLatest(state, at)) {
    return state.index.countLive(key, endOf(rangeEnd));
  }
  const interval = isInterval ? request : { ...request, rangeEnd: successorOf(key) };
  const steps = countSteps(state, interval, at);
  let cost = 0;
  let paused = false;
  for (;;) {
    const step = steps.next(paused);
    if (step.done) return step.value;
    cost += step.value;
    paused = cost >= DEFAULT_SLICE_LIMITS.turn;
    if (!paused) continue;
    cost = 0;
    yield NOTHING_YET;
    if (at < state.compactRevision) throw new RequestError("COMPACTED");
  }
}

const NOTHING_YET: RangeChunk = { kvs: [], cost: DEFAULT_SLICE_LIMITS.turn, last: undefined };
