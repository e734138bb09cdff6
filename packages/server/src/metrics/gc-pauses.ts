import { PerformanceObserver } from "node:perf_hooks";
import type { Summary } from "./family.ts";

/** So many pauses are kept for the quantiles. */
const KEPT = 256;
const QUANTILES = [0, 0.25, 0.5, 0.75, 1] as const;

/** How long the collector of garbage stops the program, since somebody asked for the first time. */
export class GcPauses {
  readonly #observer = new PerformanceObserver((list) => {
    for (const { duration, startTime } of list.getEntries()) {
      this.add(duration / 1_000);
      this.lastWallSeconds = (performance.timeOrigin + startTime) / 1_000;
    }
  });
  readonly #seconds: number[] = [];
  #sum = 0;
  #count = 0;
  /** Unix time of the last one; 0 when there was none. */
  lastWallSeconds = 0;

  start(): void {
    this.#observer.observe({ entryTypes: ["gc"] });
  }

  stop(): void {
    this.#observer.disconnect();
  }

  add(seconds: number): void {
    this.#seconds[this.#count % KEPT] = seconds;
    this.#sum += seconds;
    this.#count++;
  }

  /** Quantiles are of the last ones. */
  summary(): Summary {
    const sorted = this.#seconds.toSorted((a, b) => a - b);
    return {
      quantiles: QUANTILES.map((quantile) => [
        quantile,
        sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))] ?? Number.NaN,
      ]),
      sum: this.#sum,
      count: this.#count,
    };
  }
}
