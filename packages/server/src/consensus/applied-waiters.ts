import type { LogIndex } from "@quorate/raft";
import type { Clock, Timer } from "@quorate/storage/seams/clock";

interface Waiter {
  readonly index: LogIndex;
  readonly resolve: (reached: boolean) => void;
  readonly timer: Timer;
}

/** Callers that wait, for a while, until the state reflects an index of the log. Few at a time. */
export class AppliedWaiters {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves to false when it took longer than `timeoutMs`, or the member stops. */
  wait(index: LogIndex, appliedIndex: LogIndex, timeoutMs: number): Promise<boolean> {
    if (index <= appliedIndex) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(timeoutMs, () => this.#end(waiter, false));
      const waiter: Waiter = { index, resolve, timer };
      this.#waiters.add(waiter);
    });
  }

  applied(appliedIndex: LogIndex): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of this.#waiters) if (waiter.index <= appliedIndex) this.#end(waiter, true);
  }

  stop(): void {
    for (const waiter of this.#waiters) this.#end(waiter, false);
  }

  #end(waiter: Waiter, reached: boolean): void {
    this.#waiters.delete(waiter);
    waiter.timer.cancel();
    waiter.resolve(reached);
  }
}
