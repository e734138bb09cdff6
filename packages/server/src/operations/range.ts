import type { ServerCall } from "@quorate/rpc/server";
import {
  decodeRangeRequest,
  encodeRangeResponse,
  type RangeRequest,
  RecordsTag,
  RecordsWriter,
  releaseMessage,
} from "@quorate/wire/hot";
import { dropAnswer, releaseAnswerPart } from "../answer-memory.ts";
import type { RangeCaller, RangeOutcome } from "../mvcc/range.ts";
import type { MvccStore } from "../mvcc/store.ts";
import { checkRange } from "../mvcc/txn/check.ts";
import type { Needs } from "./access.ts";
import type { ResponseHeaders } from "./response-headers.ts";

/** Who reckons what answers hold in memory. */
export interface AnswerHolder {
  /** Of an answer that is about to be sent; returns what releases each of its parts, once. */
  hold(parts: readonly Uint8Array[]): (part: Uint8Array) => void;
}

/** `KV.Range`: read from the state as it is here, not through the log. Hot. */
export const RANGE = {
  decode: decodeRangeRequest,
  check: checkRange,
  needs: needsOfRange,

  /**
   * Throws RequestError. One that is read in slices, so that it does not hold up the loop, is answered later: the promise
   * rejects with the same. `needs` are asked once more when all is read. `caller` is the call as the store is to see it.
   */
  answer(
    headers: ResponseHeaders,
    store: MvccStore,
    request: RangeRequest,
    call: ServerCall,
    needs?: Needs,
    caller: RangeCaller & Partial<AnswerHolder> = call,
  ): Promise<void> | undefined {
    if (request.rangeEnd.length === 0) {
      const { revision, kvs, more, count } = store.range(request);
      call.reply(encodeRangeResponse(headers.bytes(revision), kvs, more, count), releaseMessage);
      return undefined;
    }
    const writer = new RecordsWriter(RecordsTag.rangeKvs);
    try {
      const outcome = store.rangeInto(request, writer, caller);
      if (outcome instanceof Promise) return finishLater(headers, writer, outcome, call, needs, caller);
      finish(headers, writer, outcome, call);
      return undefined;
    } catch (error) {
      dropAnswer(writer);
      throw error;
    }
  },
};

/** Also of one in a transaction. */
export function needsOfRange({ key, rangeEnd }: RangeRequest, needs: Needs): void {
  needs.read(key, rangeEnd);
}

async function finishLater(
  headers: ResponseHeaders,
  writer: RecordsWriter,
  outcome: Promise<RangeOutcome>,
  call: ServerCall,
  needs: Needs | undefined,
  holder: Partial<AnswerHolder>,
): Promise<void> {
  try {
    const read = await outcome;
    needs?.unchanged();
    finish(headers, writer, read, call, holder);
  } catch (error) {
    dropAnswer(writer);
    throw error;
  }
}

function finish(
  headers: ResponseHeaders,
  writer: RecordsWriter,
  { revision, more, count }: RangeOutcome,
  call: ServerCall,
  holder?: Partial<AnswerHolder>,
): void {
  const parts = writer.finishRange(headers.bytes(revision), more, count);
  call.replyInParts(parts, holder?.hold?.(parts) ?? releaseAnswerPart);
}
