import type { ServerCall } from "@quorate/rpc/server";
import type { RangeRequest } from "@quorate/wire/hot";
import type { Reader } from "../../consensus/read-index.ts";
import { RANGE } from "../../operations/range.ts";
import { callerOf, identified } from "../callers.ts";
import type { KvContext } from "../context.ts";
import { failCall } from "../services.ts";

/** `KV.Range`. Hot: linearizable reads of one turn share one round of read index. */
export function handleRange(context: KvContext, message: Uint8Array, call: ServerCall): void {
  const request = RANGE.decode(message);
  RANGE.check(request);
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
  readonly #context: KvContext;
  readonly #request: RangeRequest;
  readonly #call: ServerCall;

  constructor(context: KvContext, request: RangeRequest, call: ServerCall) {
    this.#context = context;
    this.#request = request;
    this.#call = call;
  }

  ready(): void {
    if (this.#call.ended) return;
    const later = this.#context.access.isRestricted ? identified(this.#call) : undefined;
    if (later === undefined) this.#answer();
    else void later.then(() => this.#answer());
  }

  #answer(): void {
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

function answer({ access, headers, store }: KvContext, request: RangeRequest, call: ServerCall): void {
  const needs = access.isRestricted ? access.needsOf(callerOf(call)) : undefined;
  if (needs !== undefined) {
    RANGE.needs(request, needs);
    needs.unchanged();
  }
  const later = RANGE.answer(headers, store, request, call, needs);
  later?.catch((error: unknown) => failCall(call, error));
}
