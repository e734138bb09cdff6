import { exponentialBounds, Histogram } from "../histogram.ts";
import type { Clock } from "../seams/clock.ts";

const BOUNDS = exponentialBounds(0.001, 2, 14);

/** How long it takes to save `.snap` files, and databases that other members send. */
export class SnapTimes {
  readonly #clock: Clock;
  /** Of `.snap` files: encoding, syncing, and all of it. */
  readonly encodeSeconds = new Histogram(BOUNDS);
  readonly syncSeconds = new Histogram(BOUNDS);
  readonly saveSeconds = new Histogram(BOUNDS);
  /** Of received databases: syncing, and all of it. */
  readonly databaseSyncSeconds = new Histogram(BOUNDS);
  readonly databaseSaveSeconds = new Histogram(exponentialBounds(0.1, 2, 10));

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `work`, and observes how long it took if it did not fail. */
  async time<Result>(histogram: Histogram, work: () => Promise<Result>): Promise<Result> {
    const beganMs = this.#clock.nowMs();
    const result = await work();
    histogram.observe((this.#clock.nowMs() - beganMs) / 1_000);
    return result;
  }
}
