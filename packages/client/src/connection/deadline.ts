import { canceled, deadlineExceeded } from "./errors.ts";

/** What every request may be given. */
export interface RequestOptions {
  /** Milliseconds until the request fails with DEADLINE_EXCEEDED. Default: the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** When a request has to be over, whatever it still waits for. */
export class Deadline {
  /** On the clock of `performance.now()`; Infinity without one. */
  readonly atMs: number;
  readonly signal: AbortSignal | undefined;

  constructor(timeoutMs: number, signal: AbortSignal | undefined) {
    this.atMs = performance.now() + timeoutMs;
    this.signal = signal;
  }

  get passed(): boolean {
    return performance.now() >= this.atMs;
  }

  /** Throws what the caller is to hear when it waits no longer. */
  check(): void {
    if (this.signal?.aborted === true) throw canceled();
    if (this.passed) throw deadlineExceeded();
  }

  /** `promise`, unless the deadline is met or the signal comes first: then it is left alone. */
  async race<T>(promise: Promise<T>): Promise<T> {
    // It may fail when nobody waits for it any more.
    promise.catch(() => {});
    this.check();
    const { promise: over, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(canceled());
    this.signal?.addEventListener("abort", onAbort, { once: true });
    const timer = Number.isFinite(this.atMs)
      ? setTimeout(() => reject(deadlineExceeded()), Math.min(this.atMs - performance.now(), MAX_TIMER_MS))
      : undefined;
    try {
      return await Promise.race([promise, over]);
    } finally {
      clearTimeout(timer);
      this.signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Waits, as long as the deadline allows; at most the 24 days that a timer takes. */
  async sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.min(ms, MAX_TIMER_MS));
    try {
      await this.race(promise);
    } finally {
      clearTimeout(timer);
    }
  }
}

const MAX_TIMER_MS = 0x7fff_ffff;
