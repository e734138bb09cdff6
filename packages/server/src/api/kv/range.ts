import type { ServerCall } from "@quorate/rpc/server";
import { keepRequest, type RangeRequest } from "@quorate/wire/hot";
import type { Reader } from "../../consensus/read-index.ts";
import { RANGE } from "../../operations/range.ts";
import { NOT_TIMED } from "../../operations/read-times.ts";
import { callerOf, identified } from "../callers.ts";
import { clientOf } from "../client-limiter.ts";
import type { KvContext } from "../context.ts";
import { LargeRead, type LargeReads } from "../large-reads.ts";
import { failCall } from "../services.ts";

/** `KV.Range`. Hot: linearizable reads of one turn share one round of read index. */
export function handleRange(context: KvContext, message: Uint8Array, call: ServerCall): void {
  const request = RANGE.decode(message);
  RANGE.check(request);
  const beganMs = context.measures.ranges.begin();
  if (request.serializable) {
    answer(context, request, call, beganMs);
    return;
  }
  // The message is borrowed and the read happens later: only now are the few bytes worth a copy.
  request.key = keepRequest(request.key);
  if (request.rangeEnd.length > 0) request.rangeEnd = keepRequest(request.rangeEnd);
  const read =
    beganMs === NOT_TIMED
      ? new RangeRead(context, request, call)
      : new TimedRangeRead(context, request, call, beganMs);
  context.consensus.read(read);
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
    this.begin(NOT_TIMED);
  }

  fail(error: Error, sinceMs: number): void {
    this.#context.measures.ranges.neverRead(sinceMs);
    failCall(this.#call, error);
  }

  protected begin(beganMs: number): void {
    const call = this.#call;
    const later = !call.ended && this.#context.access.isRestricted ? identified(call) : undefined;
    if (later === undefined) this.#answer(beganMs);
    else void later.then(() => this.#answer(beganMs));
  }

  #answer(beganMs: number): void {
    if (this.#call.ended) {
      this.#context.measures.ranges.abandoned();
      return;
    }
    try {
      answer(this.#context, this.#request, this.#call, beganMs);
    } catch (error) {
      failCall(this.#call, error);
    }
  }
}

/** One of a few: those that are timed need room for it. */
class TimedRangeRead extends RangeRead {
  readonly #beganMs: number;

  constructor(context: KvContext, request: RangeRequest, call: ServerCall, beganMs: number) {
    super(context, request, call);
    this.#beganMs = beganMs;
  }

  override ready(): void {
    this.begin(this.#beganMs);
  }
}

/** `beganMs`: of the request, or `NOT_TIMED`. */
function answer(
  { access, headers, largeReads, measures, store }: KvContext,
  request: RangeRequest,
  call: ServerCall,
  beganMs: number,
): void {
  const { ranges } = measures;
  const readBeganMs = ranges.beginRead(beganMs);
  let later: Promise<void> | undefined;
  try {
    const needs = access.isRestricted ? access.needsOf(callerOf(call)) : undefined;
    if (needs !== undefined) {
      RANGE.needs(request, needs);
      needs.unchanged();
    }
    later =
      largeReads === undefined
        ? RANGE.answer(headers, store, request, call, needs)
        : answerInTurn(
            largeReads,
            (caller) => RANGE.answer(headers, store, request, call, needs, caller),
            call,
          );
  } catch (error) {
    ranges.refused();
    throw error;
  }
  if (later === undefined) ranges.succeeded(beganMs, readBeganMs);
  else ranges.follow(beganMs, readBeganMs, later).catch((error: unknown) => failCall(call, error));
}

/** As `read` answers, when the range has its turn, if it is a long one. */
function answerInTurn(
  largeReads: LargeReads,
  read: (caller: LargeRead) => Promise<void> | undefined,
  call: ServerCall,
): Promise<void> | undefined {
  const caller = new LargeRead(call, largeReads, () => clientOf(call));
  return read(caller)?.finally(() => caller.done());
}
