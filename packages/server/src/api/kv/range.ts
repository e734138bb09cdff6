import type { ServerCall } from "@quorate/rpc";
import {
  decodeRangeRequest,
  encodeRangeResponse,
  type RangeRequest,
  RecordsTag,
  RecordsWriter,
} from "@quorate/wire/hot";
import type { Reader } from "../../consensus/read-index.ts";
import type { RangeOutcome } from "../../mvcc/store.ts";
import { checkRange } from "../../mvcc/txn/check.ts";
import { dropAnswer, releaseAnswerPart } from "../answer-memory.ts";
import { type ApiContext, headerBytes } from "../context.ts";
import { failCall } from "../services.ts";

/** `KV.Range`. Hot: linearizable reads of one turn share one round of read index. */
export function handleRange(context: ApiContext, message: Uint8Array, call: ServerCall): void {
  const request = decodeRangeRequest(message);
  checkRange(request);
  if (request.serializable) {
    answer(context, request, call);
    return;
  }
  // The message is borrowed and the read happens later: only now are the few bytes worth a copy.
  request.key = request.key.slice();
  if (request.rangeEnd.length > 0) request.rangeEnd = request.rangeEnd.slice();
  context.consensus.read(new RangeRead(context, request, call));
}

class RangeRead implements Reader {
  readonly #context: ApiContext;
  readonly #request: RangeRequest;
  readonly #call: ServerCall;

  constructor(context: ApiContext, request: RangeRequest, call: ServerCall) {
    this.#context = context;
    this.#request = request;
    this.#call = call;
  }
  ready(): void {
    if (this.#call.ended) return;
    try {
      answer(this.#context, this.#request, this.#call);
    } catch (error) {
      failCall(this.#call, error);
    }
  }
  fail(error: Error): void {
    failCall(this.#call, error);
  }
}

function answer(context: ApiContext, request: RangeRequest, call: ServerCall): void {
  if (request.rangeEnd.length === 0) {
    const { revision, kvs, more, count } = context.store.range(request);
    call.reply(encodeRangeResponse(headerBytes(context, revision), kvs, more, count));
    return;
  }
  const writer = new RecordsWriter(RecordsTag.rangeKvs);
  try {
    const outcome = context.store.rangeInto(request, writer, call);
    // A long one is read in slices, so that it does not hold up the loop.
    if (outcome instanceof Promise) void finishLater(context, writer, outcome, call);
    else finish(context, writer, outcome, call);
  } catch (error) {
    dropAnswer(writer);
    throw error;
  }
}

async function finishLater(
  context: ApiContext,
  writer: RecordsWriter,
  outcome: Promise<RangeOutcome>,
  call: ServerCall,
): Promise<void> {
  try {
    finish(context, writer, await outcome, call);
  } catch (error) {
    dropAnswer(writer);
    failCall(call, error);
  }
}

function finish(
  context: ApiContext,
  writer: RecordsWriter,
  { revision, more, count }: RangeOutcome,
  call: ServerCall,
): void {
  call.replyInParts(writer.finishRange(headerBytes(context, revision), more, count), releaseAnswerPart);
}
