import type { Clock } from "@quorate/storage/seams/clock";
import { APPLY_BOUNDS, REQUEST_BOUNDS, Times } from "./operation-times.ts";

/** One short read of so many is timed, and stands for those around it: three looks at the clock take a tenth of a small one. */
const TIMED_OF = 32;
/** The beginning of a read that is not timed. */
export const NOT_TIMED = -1;

/** How long reads take that go through no log. All are counted, and of the short ones that succeed some are timed. */
export class ReadTimes {
  /** From the request to the answer. */
  readonly #requests = new Times(REQUEST_BOUNDS);
  /** Of reading alone. */
  readonly #reads = new Times(APPLY_BOUNDS);
  readonly #clock: Clock;
  #begun = 0;
  /** Reads that have succeeded since one that was timed did, and what that one took. */
  #untimed = 0;
  #requestSeconds = 0;
  #readSeconds = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get requests(): Times {
    this.#countUntimed();
    return this.#requests;
  }

  get reads(): Times {
    this.#countUntimed();
    return this.#reads;
  }

  /** A request begins: when, or `NOT_TIMED`. Hot. */
  begin(): number {
    return this.#begun++ % TIMED_OF === 0 ? this.#clock.nowMs() : NOT_TIMED;
  }

  /** Of a request that is timed, the beginning of the read. Hot. */
  beginRead(requestBeganMs: number): number {
    return requestBeganMs === NOT_TIMED ? NOT_TIMED : this.#clock.nowMs();
  }

  /** It has been answered. Hot. */
  succeeded(requestBeganMs: number, readBeganMs: number): void {
    if (requestBeganMs === NOT_TIMED) {
      this.#untimed++;
      return;
    }
    this.#countUntimed();
    const nowMs = this.#clock.nowMs();
    this.#requestSeconds = (nowMs - requestBeganMs) / 1_000;
    this.#readSeconds = (nowMs - readBeganMs) / 1_000;
    this.#requests.succeeded.observe(this.#requestSeconds);
    this.#reads.succeeded.observe(this.#readSeconds);
  }

  /** What could not be read at once will be: `result` resolves when it has been answered, and rejects with why it was not. */
  async follow(requestBeganMs: number, readBeganMs: number, result: Promise<void>): Promise<void> {
    // Long ones are few, and worth a time of their own: all but what was read at once.
    const sinceMs = this.#clock.nowMs();
    const requestSinceMs = requestBeganMs === NOT_TIMED ? sinceMs : requestBeganMs;
    const readSinceMs = readBeganMs === NOT_TIMED ? sinceMs : readBeganMs;
    let hasSucceeded = false;
    try {
      await result;
      hasSucceeded = true;
    } finally {
      const nowMs = this.#clock.nowMs();
      this.#requests.observe((nowMs - requestSinceMs) / 1_000, hasSucceeded);
      this.#reads.observe((nowMs - readSinceMs) / 1_000, hasSucceeded);
    }
  }

  /** Reads at once, for whoever has waited since then. */
  read(sinceMs: number, run: () => void): void {
    const readSinceMs = this.#clock.nowMs();
    run();
    this.succeeded(sinceMs, readSinceMs);
  }

  /** It was tried, and refused at once. */
  refused(): void {
    this.#requests.failed.observe(this.#requestSeconds);
    this.#reads.failed.observe(this.#readSeconds);
  }

  /** Nobody wanted it any more when it could be read. */
  abandoned(): void {
    this.#requests.failed.observe(this.#requestSeconds);
  }

  /** It was not found out what is new enough to be read. It waited since then. */
  neverRead(sinceMs: number): void {
    this.#requests.failed.observe((this.#clock.nowMs() - sinceMs) / 1_000);
  }

  #countUntimed(): void {
    this.#requests.succeeded.observe(this.#requestSeconds, this.#untimed);
    this.#reads.succeeded.observe(this.#readSeconds, this.#untimed);
    this.#untimed = 0;
  }
}
