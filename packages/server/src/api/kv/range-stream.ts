import type { ServerCall } from "@quorate/rpc/server";
import { encodeRangeResponse, encodeRangeStreamResponse, type RangeRequest } from "@quorate/wire/hot";
import type { RangeChunk } from "../../mvcc/store.ts";
import { checkRangeStream } from "../../mvcc/txn/check.ts";
import type { Needs } from "../../operations/access.ts";
import { RANGE } from "../../operations/range.ts";
import { callerOf, identified } from "../callers.ts";
import type { KvContext } from "../context.ts";
import { failCall } from "../services.ts";

/** `KV.RangeStream`: a range in chunks of bounded size, read as the client takes them. */
export function handleRangeStream(context: KvContext, request: RangeRequest, call: ServerCall): void {
  checkRangeStream(request);
  if (request.serializable) begin(context, request, call);
  else {
    context.consensus.read({
      ready: () => {
        const later = context.access.isRestricted ? identified(call) : undefined;
        if (later === undefined) begin(context, request, call);
        else void later.then(() => begin(context, request, call));
      },
      fail: (error) => failCall(call, error),
    });
  }
}

function begin(context: KvContext, request: RangeRequest, call: ServerCall): void {
  const { access } = context;
  try {
    const needs = access.isRestricted ? access.needsOf(callerOf(call)) : undefined;
    if (needs !== undefined) RANGE.needs(request, needs);
    new RangeStream(context, request, call, needs).start();
  } catch (error) {
    failCall(call, error);
  }
}

class RangeStream {
  readonly #context: KvContext;
  readonly #call: ServerCall;
  readonly #needs: Needs | undefined;
  readonly #chunks: Generator<RangeChunk, void, undefined>;
  #canceled = false;
  #isWaiting = false;

  constructor(context: KvContext, request: RangeRequest, call: ServerCall, needs: Needs | undefined) {
    this.#context = context;
    this.#call = call;
    this.#needs = needs;
    this.#chunks = context.store.rangeStream(request, context.config.maxRequestBytes);
    call.onDrain = () => this.#pumpLater();
    call.onCancel = () => {
      this.#canceled = true;
    };
  }

  /** Sends the first chunk now when this turn has room for it. */
  start(): void {
    if (this.#context.store.reading.isTurnSpent) this.#pumpLater();
    else this.#pump();
  }

  /** Sends one chunk a turn that it is given, as long as the client takes them. */
  #pump(): void {
    if (this.#canceled || this.#call.ended) return;
    try {
      const { value: chunk, done } = this.#chunks.next();
      if (done) {
        this.#needs?.unchanged();
        this.#call.end();
        return;
      }
      this.#context.store.reading.spend(chunk.cost);
      const isNothing = chunk.kvs.length === 0 && chunk.last === undefined;
      if (isNothing || this.#call.send(this.#encode(chunk))) this.#pumpLater();
    } catch (error) {
      failCall(this.#call, error);
    }
  }

  /** All long reads share the turns: many streams, or one that drains at once, do not make them longer. */
  #pumpLater(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    void this.#context.store.reading.next().then(() => {
      this.#isWaiting = false;
      this.#pump();
    });
  }

  #encode(chunk: RangeChunk): Uint8Array {
    const { kvs, last } = chunk;
    if (last === undefined) return encodeRangeStreamResponse(encodeRangeResponse(undefined, kvs, false, 0));
    const header = this.#context.headers.bytes(last.revision);
    return encodeRangeStreamResponse(encodeRangeResponse(header, kvs, last.more, last.count));
  }
}
