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
import { isReadInOrder, type RangeCaller, type RangeOutcome } from "../mvcc/range.ts";
import type { MvccStore } from "../mvcc/store.ts";
import { checkRange } from "../mvcc/txn/check.ts";
import type { Needs } from "./access.ts";
import { LongAnswer } from "./long-answer.ts";
import type { ResponseHeaders } from "./response-headers.ts";
import { isPatient, LongAnswerSender, type PatientCall } from "./send-long-answer.ts";

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
    const writer = answerFor(store, request, call);
    try {
      const outcome = store.rangeInto(request, writer, caller);
      if (outcome instanceof Promise)
        return finishLater(headers, store, writer, outcome, call, needs, caller);
      finish(headers, store, writer, outcome, call);
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

/** What is read in the order of keys can be read again from some key on. */
function answerFor(store: MvccStore, request: RangeRequest, call: ServerCall): RecordsWriter {
  return isReadInOrder(request) && isPatient(call)
    ? new LongAnswer(store, request)
    : new RecordsWriter(RecordsTag.rangeKvs);
}

async function finishLater(
  headers: ResponseHeaders,
  store: MvccStore,
  writer: RecordsWriter,
  outcome: Promise<RangeOutcome>,
  call: ServerCall,
  needs: Needs | undefined,
  holder: Partial<AnswerHolder>,
): Promise<void> {
  try {
    const read = await outcome;
    needs?.unchanged();
    finish(headers, store, writer, read, call, holder);
  } catch (error) {
    dropAnswer(writer);
    throw error;
  }
}

function finish(
  headers: ResponseHeaders,
  store: MvccStore,
  writer: RecordsWriter,
  outcome: RangeOutcome,
  call: ServerCall,
  holder?: Partial<AnswerHolder>,
): void {
  const header = headers.bytes(outcome.revision);
  const rest = writer instanceof LongAnswer ? writer.endCollecting() : undefined;
  if (rest === undefined) {
    const parts = writer.finishRange(header, outcome.more, outcome.count);
    const release = holder?.hold?.(parts) ?? releaseAnswerPart;
    call.replyInParts(parts, writer instanceof LongAnswer ? closing(writer, parts.length, release) : release);
    return;
  }
  const parts = writer.finishBeginning(header);
  const sender = new LongAnswerSender(store, call as PatientCall, writer as LongAnswer, rest, outcome);
  sender.start(parts, holder?.hold?.(parts) ?? releaseAnswerPart);
}

/** As `release`, which also closes the answer with the last of its parts. */
function closing(
  answer: LongAnswer,
  parts: number,
  release: (part: Uint8Array) => void,
): (part: Uint8Array) => void {
  if (!answer.isLong) return release;
  let left = parts;
  return (part) => {
    release(part);
    left--;
    if (left === 0) answer.close();
  };
}
