import type { ServerCall } from "@quorate/rpc/server";

/** When to come back, in milliseconds, of a call that was refused. */
export const RETRY_TRAILER = "retry-after-ms";

/** Says when a call that is about to be failed may be made again: over HTTP by `Retry-After`. */
export function tellWhenToRetry(call: ServerCall, afterMs: number): void {
  const text = String(Math.ceil(afterMs));
  // What clients of gRPC that try again by themselves go by, and what is easier to read.
  call.setTrailer("grpc-retry-pushback-ms", text);
  call.setTrailer(RETRY_TRAILER, text);
}

/** What has been refused, or would have been, since the member started, by the limit. */
export interface LimiterCounts {
  requests: number;
  bytes: number;
}

/** Keeps what clients ask for within limits. */
export interface RequestLimiter {
  readonly counts: Readonly<LimiterCounts>;
  /** Reckons a request of `bytes` that begins now; false when its call has been failed for it. */
  admits(call: ServerCall, bytes: number): boolean;
}
