import type { Peer } from "./call.ts";

/** A unary call that has ended. */
export interface UnaryCall {
  readonly path: string;
  readonly peer: Peer;
  /** Octets of the request, and of the answer; 0 where there was none. */
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** What is told of unary calls that took long. */
export interface SlowUnaryCalls {
  /** From the chunk of the connection in which the call came until its end. */
  readonly afterMs: number;
  /** `code` is the gRPC status. Must not throw. */
  report(call: UnaryCall, tookMs: number, code: number): void;
}

/** Milliseconds without a fraction, in 32 bits: what a call can keep without an object for it. */
export function shortTime(nowMs: number): number {
  return nowMs | 0;
}

/** Milliseconds since a short time, which is not 49 days ago; up to one too many. */
export function sinceShortTime(nowMs: number, short: number): number {
  return (((nowMs | 0) - short) >>> 0) + (nowMs - Math.floor(nowMs));
}
