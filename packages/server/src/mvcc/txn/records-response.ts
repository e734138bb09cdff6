import type { Revision } from "@quorate/storage/seams/backend";
import { costOf, type Steps } from "@quorate/storage/slices";
import {
  type DeleteRangeRequest,
  encodeDeleteRangeResponse,
  encodeInnerHeader,
  encodeRangeResponse,
  type RangeRequest,
  RecordsTag,
  RecordsWriter,
  releaseMessage,
  type TxnResponseParts,
} from "@quorate/wire/hot";
import { dropAnswer, releaseAnswerPart } from "../../answer-memory.ts";
import { rangeSteps, readOneKey } from "../range.ts";
import type { StoreState } from "../store-state.ts";

/** A response of up to this many bytes is copied into one piece, so that its memory is free for the next one. */
const SMALL_BYTES = 32_768;
export const NO_PARTS: readonly Uint8Array[] = [];

/**
 * The response to a range inside a transaction, read at revision `at`; `revision` is the one for its header. Who gives the
 * steps up ends them (`return`): memory is given back then.
 */
export function* rangeResponseSteps(
  state: StoreState,
  request: RangeRequest,
  at: number,
  revision: Revision,
): Steps<TxnResponseParts> {
  if (request.rangeEnd.length === 0) {
    const response = keyResponse(state, request, at, revision);
    yield costOf(1, response.body.length);
    return response;
  }
  const header = encodeInnerHeader(revision);
  const writer = new RecordsWriter(RecordsTag.rangeKvs);
  let isRead = false;
  try {
    const { more, count } = yield* rangeSteps(state, request, at, revision, writer);
    isRead = true;
    return responseOf(1, writer.finishRange(header, more, count));
  } finally {
    if (!isRead) dropAnswer(writer);
  }
}

/** As `rangeResponseSteps`, of one key. */
export function keyResponse(
  state: StoreState,
  request: RangeRequest,
  at: number,
  revision: Revision,
): TxnResponseParts {
  const { kvs, more, count } = readOneKey(state, request, at);
  const body = encodeRangeResponse(encodeInnerHeader(revision), kvs, more, count);
  return { kind: 1, body, rest: NO_PARTS };
}

/** Where the records go that a deletion inside a transaction answers with; undefined when it was not asked for them. */
export function recordsOfDeletion({ prevKv }: DeleteRangeRequest): RecordsWriter | undefined {
  return prevKv ? new RecordsWriter(RecordsTag.deletedKvs) : undefined;
}

/** The response to a deletion inside a transaction; `revision` is the one for its header, `records` what it has deleted. */
export function deletionResponse(
  revision: Revision,
  deleted: number,
  records: RecordsWriter | undefined,
): TxnResponseParts {
  const header = encodeInnerHeader(revision);
  if (records !== undefined) return responseOf(3, records.finishDeleteRange(header, deleted));
  return { kind: 3, body: encodeDeleteRangeResponse(header, deleted, NO_PARTS), rest: NO_PARTS };
}

function responseOf(kind: number, parts: readonly Uint8Array[]): TxnResponseParts {
  const [first, ...rest] = parts;
  if (rest.length > 0 || first!.length > SMALL_BYTES) return { kind, body: first!, rest };
  const body = first!.slice();
  releaseAnswerPart(first!);
  return { kind, body, rest };
}

/** Gives the memory of responses back that nobody wants any more, or that have been copied: the last one first, as they were made. */
export function releaseResponses(responses: readonly TxnResponseParts[]): void {
  for (let i = responses.length - 1; i >= 0; i--) {
    const { body, rest } = responses[i]!;
    for (let j = 0; j < rest.length; j++) releaseAnswerPart(rest[j]!);
    if (rest.length > 0 || body.length > SMALL_BYTES) releaseAnswerPart(body);
    else releaseMessage(body);
  }
}
