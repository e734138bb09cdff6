import {
  encodeInnerHeader,
  encodeRangeResponse,
  type RangeRequest,
  RangeResponseWriter,
  releasePart,
  type TxnResponseParts,
} from "@quorate/wire/hot";
import { costOf, type Steps } from "../../slices.ts";
import { rangeSteps, readOneKey } from "../range.ts";
import type { StoreState } from "../store-state.ts";

/** A response of up to this many bytes is copied into one piece, so that its memory is free for the next one. */
const SMALL_BYTES = 32_768;
const NO_PARTS: readonly Uint8Array[] = [];

/** The response to a range inside a transaction, read at revision `at`; `revision` is the one for its header. */
export function* rangeResponseSteps(
  state: StoreState,
  request: RangeRequest,
  at: number,
  revision: number,
): Steps<TxnResponseParts> {
  if (request.rangeEnd.length === 0) {
    const response = keyResponse(state, request, at, revision);
    yield costOf(1, response.body.length);
    return response;
  }
  state.counters.ranges += 1;
  const header = encodeInnerHeader(revision);
  const writer = new RangeResponseWriter();
  const { more, count } = yield* rangeSteps(state, request, at, revision, writer);
  const [first, ...rest] = writer.finish(header, more, count);
  if (rest.length > 0 || first!.length > SMALL_BYTES) return { kind: 1, body: first!, rest };
  const body = first!.slice();
  releasePart(first!);
  return { kind: 1, body, rest };
}

/** As `rangeResponseSteps`, of one key. */
export function keyResponse(
  state: StoreState,
  request: RangeRequest,
  at: number,
  revision: number,
): TxnResponseParts {
  state.counters.ranges += 1;
  const { kvs, more, count } = readOneKey(state, request, at);
  const body = encodeRangeResponse(encodeInnerHeader(revision), kvs, more, count);
  return { kind: 1, body, rest: NO_PARTS };
}
