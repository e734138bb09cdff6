import type { Random } from "@quorate/storage/seams/random";

/** etcd's pace, which it never leaves. */
const FIRST_WAIT_MS = 100;
export const LONGEST_WAIT_MS = 1_000;
const GROWTH = 3;
/** Of each wait, how much is chance: without it several that failed together would go on trying together. */
const RANDOM_PART = 0.25;

/** How long to wait after one more attempt in vain: three times as long as the last time, up to a second. */
export class Backoff {
  readonly #random: Random;
  #waitMs = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): number {
    this.#waitMs = Math.min(LONGEST_WAIT_MS, Math.max(FIRST_WAIT_MS, this.#waitMs * GROWTH));
    return this.#waitMs - this.#random.below(this.#waitMs * RANDOM_PART);
  }

  reset(): void {
    this.#waitMs = 0;
  }
}
