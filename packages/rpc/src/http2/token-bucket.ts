/**
 * Bounds how often a peer may do something that costs us work but moves nothing forward. A full bucket allows a burst;
 * it is read against the clock only when it has run empty, so well-behaved peers cost one subtraction.
 */
export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #clock: { nowMs(): number };
  #tokens: number;
  #filledMs: number;

  constructor(burst: number, perSecond: number, clock: { nowMs(): number }) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#tokens = burst;
    this.#filledMs = clock.nowMs();
  }

  /** Takes a token, or `count` of them; false when the peer has exceeded its rate. */
  take(count = 1): boolean {
    if (this.#tokens < count) {
      const nowMs = this.#clock.nowMs();
      const refill = ((nowMs - this.#filledMs) * this.#perSecond) / 1000;
      this.#tokens = Math.min(this.#burst, this.#tokens + refill);
      this.#filledMs = nowMs;
      if (this.#tokens < count) return false;
    }
    this.#tokens -= count;
    return true;
  }
}
