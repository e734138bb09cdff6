import { monitorEventLoopDelay } from "node:perf_hooks";

const NANOSECONDS = 1e9;
/** How often the delay is looked at. Each look wakes the process: at 1 ms they were most of what an idle member did. */
const RESOLUTION_MS = 10;
/** By their labels; in hundredths, as the histogram wants them. */
const QUANTILES = { "0.5": 50, "0.99": 99, "0.999": 99.9, "1": 100 } as const;

/** How late the loop comes to a timer that is due every 10 ms: a turn of 50 ms shows as 40 to 50 ms. */
export class LoopDelays {
  readonly #sinceStart = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  /** Histograms of the runtime cannot be added up; the timers of both are due together, so they wake the process once. */
  readonly #sinceTaken = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  start(): void {
    this.#sinceStart.enable();
    this.#sinceTaken.enable();
  }

  stop(): void {
    this.#sinceStart.disable();
    this.#sinceTaken.disable();
  }

  /** Since the member began to serve. */
  quantiles(): readonly { readonly quantile: string; readonly seconds: number }[] {
    return Object.entries(QUANTILES).map(([quantile, percent]) => ({
      quantile,
      seconds: delayOf(this.#sinceStart.percentile(percent)),
    }));
  }

  /** The longest one in seconds since this was called last. */
  takeLongest(): number {
    const longest = this.#sinceTaken.count === 0 ? 0 : delayOf(this.#sinceTaken.max);
    this.#sinceTaken.reset();
    return longest;
  }
}

/** In seconds; the histograms hold what lies between two looks, in nanoseconds. */
function delayOf(interval: number): number {
  return Math.max(0, interval / NANOSECONDS - RESOLUTION_MS / 1_000);
}
