import type { Clock } from "../seams/clock.ts";
import { KvError } from "./errors.ts";

/** Milliseconds of work in one turn of the loop before long work yields. */
const SLICE_MS = 2;

/** Cuts long work into slices: ask `due` now and then, and when it says so, await `pause`. */
export class Slicer {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  #startedMs: number;

  constructor(clock: Clock, signal?: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.#startedMs = clock.nowMs();
  }

  due(): boolean {
    return this.#clock.nowMs() - this.#startedMs >= SLICE_MS;
  }

  /** Throws CANCELED when the signal was aborted meanwhile. */
  async pause(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.soon(resolve));
    if (this.#signal?.aborted) throw new KvError("CANCELED");
    this.#startedMs = this.#clock.nowMs();
  }
}
