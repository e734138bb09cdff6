import type { ServerCall } from "@quorate/rpc";
import { encodeRangeResponse, encodeRangeStreamResponse, type RangeRequest } from "@quorate/wire/hot";
import type { RangeChunk } from "../../mvcc/store.ts";
import { checkRangeStream } from "../../mvcc/txn/check.ts";
import { type ApiContext, headerBytes } from "../context.ts";
import { failCall } from "../services.ts";

/** `KV.RangeStream`: a range in chunks of bounded size, read as the client takes them. */
export function handleRangeStream(context: ApiContext, request: RangeRequest, call: ServerCall): void {
  checkRangeStream(request);
  if (request.serializable) new RangeStream(context, request, call).pump();
  else {
    context.consensus.read({
      ready: () => new RangeStream(context, request, call).pump(),
      fail: (error) => failCall(call, error),
    });
  }
}

class RangeStream {
  readonly #context: ApiContext;
  readonly #call: ServerCall;
  readonly #chunks: Generator<RangeChunk, void, undefined>;
  #canceled = false;

  constructor(context: ApiContext, request: RangeRequest, call: ServerCall) {
    this.#context = context;
    this.#call = call;
    this.#chunks = context.store.rangeStream(request, context.config.maxRequestBytes);
    call.onDrain = () => this.pump();
    call.onCancel = () => {
      this.#canceled = true;
    };
  }

  /** Sends one chunk a turn, as long as the client takes them. */
  pump(): void {
    if (this.#canceled || this.#call.ended) return;
    try {
      const { value: chunk, done } = this.#chunks.next();
      if (done) {
        this.#call.end();
        return;
      }
      const isNothing = chunk.kvs.length === 0 && chunk.last === undefined;
      if (isNothing || this.#call.send(this.#encode(chunk))) this.#context.clock.soon(() => this.pump());
    } catch (error) {
      failCall(this.#call, error);
    }
  }

  #encode(chunk: RangeChunk): Uint8Array {
    const { kvs, last } = chunk;
    if (last === undefined) return encodeRangeStreamResponse(encodeRangeResponse(undefined, kvs, false, 0));
    const header = headerBytes(this.#context, last.revision);
    return encodeRangeStreamResponse(encodeRangeResponse(header, kvs, last.more, last.count));
  }
}
