import type { Clock, Timer } from "../../seams/clock.ts";

/** A clock under the test's control. */
export class ManualClock implements Clock {
  private now = 0;
  private readonly timers: { atMs: number; callback: () => void }[] = [];
  private turn: (() => void)[] = [];
  /** Added to the time at each look at it, so that slices come to an end. */
  costOfLookMs = 0;

  nowMs(): number {
    this.now += this.costOfLookMs;
    return this.now;
  }

  wallMs(): number {
    return this.nowMs();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.now + delayMs, callback };
    this.timers.push(timer);
    return {
      cancel: () => {
        const at = this.timers.indexOf(timer);
        if (at >= 0) this.timers.splice(at, 1);
      },
    };
  }

  soon(callback: () => void): void {
    this.turn.push(callback);
  }

  /** One turn of the loop; false when there was nothing to do. */
  runTurn(): boolean {
    const callbacks = this.turn;
    this.turn = [];
    for (const callback of callbacks) callback();
    return callbacks.length > 0;
  }

  settle(): void {
    while (this.runTurn());
  }

  /** Lets time pass, with timers and turns in their order. */
  advance(ms: number): void {
    const until = this.now + ms;
    this.settle();
    for (;;) {
      const due = this.timers.filter(({ atMs }) => atMs <= until).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.timers.splice(this.timers.indexOf(due), 1);
      this.now = Math.max(this.now, due.atMs);
      due.callback();
      this.settle();
    }
    this.now = Math.max(this.now, until);
  }
}
