import type { Clock, Timer } from "./clock.ts";

/** Longest delay that the runtime's timers take; longer ones are set again. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const realClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer: (delayMs, callback) => new RealTimer(delayMs, callback),
  soon: (callback) => {
    setImmediate(callback);
  },
};

class RealTimer implements Timer {
  #handle: NodeJS.Timeout | undefined;
  constructor(delayMs: number, callback: () => void) {
    this.#arm(performance.now() + delayMs, callback);
  }
  cancel(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
  }
  #arm(deadlineMs: number, callback: () => void): void {
    const remainingMs = Math.ceil(Math.max(0, deadlineMs - performance.now()));
    this.#handle = setTimeout(() => this.#elapsed(deadlineMs, callback), Math.min(remainingMs, MAX_TIMER_MS));
    this.#handle.unref();
  }

  /** The runtime counts from when its turn began, so a timer that is set late in a long turn would be early. */
  #elapsed(deadlineMs: number, callback: () => void): void {
    if (performance.now() < deadlineMs) this.#arm(deadlineMs, callback);
    else callback();
  }
}
