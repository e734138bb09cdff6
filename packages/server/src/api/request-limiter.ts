import type { ServerCall } from "@quorate/rpc/server";

/** When to come back, in milliseconds, of a call that was refused. */
export const RETRY_TRAILER = "retry-after-ms";

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
