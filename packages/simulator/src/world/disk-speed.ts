import type { SeededRandom } from "@quorate/testkit/random";

export type DiskProfile =
  /** Every sync takes about half a millisecond. */
  | "alike"
  /** Each machine's disk is another one, from fast ones to those that take seconds for a flush now and then. */
  | "uneven";

const SYNC_MS = 0.2;
const SYNC_JITTER_MS = 0.5;
const FLUSH_MS = 2;

const FASTEST_SYNC_MS = 0.05;
const SLOWEST_SYNC_MS = 30;
const FASTEST_FLUSH_MS = 1;
const SLOWEST_FLUSH_MS = 2_000;
/** How much longer than on average most syncs take at most. */
const SYNC_SPREAD = 1.3;
/** How often a sync takes much longer than most, and how many times as long at most. */
const TAIL_CHANCE = 0.01;
const LONGEST_TAIL = 30;
/** How often the time that flushes take becomes another one. */
const FLUSH_CHANGE_CHANCE = 0.1;

/** How long one machine's disk takes. Follows from the generator alone. */
export class DiskSpeed {
  readonly #random: SeededRandom;
  readonly #profile: DiskProfile;
  #isUneven: boolean;
  readonly #meanSyncMs: number;
  readonly #slowestFlushMs: number;
  #flushMs: number;

  constructor(random: SeededRandom, profile: DiskProfile) {
    this.#random = random;
    this.#profile = profile;
    this.#isUneven = profile === "uneven";
    this.#meanSyncMs = logUniform(random, FASTEST_SYNC_MS, SLOWEST_SYNC_MS);
    this.#slowestFlushMs = logUniform(random, 10 * FASTEST_FLUSH_MS, SLOWEST_FLUSH_MS);
    this.#flushMs = logUniform(random, FASTEST_FLUSH_MS, this.#slowestFlushMs);
  }

  /** Of the log. */
  syncMs(): number {
    if (!this.#isUneven) return SYNC_MS + this.#random.exponential(SYNC_JITTER_MS);
    const tail = this.#random.chance(TAIL_CHANCE) ? this.#random.uniform(1, LONGEST_TAIL) : 1;
    return this.#meanSyncMs * this.#random.uniform(2 - SYNC_SPREAD, SYNC_SPREAD) * tail;
  }

  /** Of the database. */
  flushMs(): number {
    if (!this.#isUneven) return FLUSH_MS;
    if (this.#random.chance(FLUSH_CHANGE_CHANCE)) {
      this.#flushMs = logUniform(this.#random, FASTEST_FLUSH_MS, this.#slowestFlushMs);
    }
    return this.#flushMs;
  }

  /** Of all that may be under way: what was begun before the disk recovered takes as long as ever. */
  get longestFlushMs(): number {
    return this.#profile === "uneven" ? this.#slowestFlushMs : FLUSH_MS;
  }

  get longestSyncMs(): number {
    if (this.#profile === "alike") return SYNC_MS + 10 * SYNC_JITTER_MS;
    return this.#meanSyncMs * SYNC_SPREAD * LONGEST_TAIL;
  }

  /** As fast as any from now on. */
  recover(): void {
    this.#isUneven = false;
  }
}

function logUniform(random: SeededRandom, from: number, to: number): number {
  return from * (to / from) ** random.fraction();
}
