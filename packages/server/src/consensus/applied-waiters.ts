import type { LogIndex } from "@quorate/raft";
import type { Clock, Timer } from "@quorate/storage/seams/clock";

interface Waiter {
  readonly index: LogIndex;
  readonly resolve: (reached: boolean) => void;
  readonly timer: Timer | undefined;
}

/** Callers that wait, for a while, until the state reflects an index of the log. Few at a time. */
export class AppliedWaiters {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves to false when it took longer than `timeoutMs`, which may be Infinity, `signal` fires, or the member stops. */
  wait(index: LogIndex, appliedIndex: LogIndex, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    if (index <= appliedIndex) return Promise.resolve(true);
    if (signal?.aborted === true || this.#isStopped) return Promise.resolve(false);
    return new Promise((resolve) => {
      const giveUp = () => this.#end(waiter, false);
      const timer =
        timeoutMs === Number.POSITIVE_INFINITY ? undefined : this.#clock.setTimer(timeoutMs, giveUp);
      const waiter: Waiter = { index, resolve, timer };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", giveUp, { once: true });
    });
  }

  applied(appliedIndex: LogIndex): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of this.#waiters) if (waiter.index <= appliedIndex) this.#end(waiter, true);
  }

  stop(): void {
    this.#isStopped = true;
    for (const waiter of this.#waiters) this.#end(waiter, false);
  }

  #end(waiter: Waiter, reached: boolean): void {
    this.#waiters.delete(waiter);
    waiter.timer?.cancel();
    waiter.resolve(reached);
  }
}
