import type { SeededRandom } from "@quorate/testkit/random";
import type { VirtualTime } from "./virtual-time.ts";

/** How well all links work. */
export interface LinkQuality {
  readonly latencyMs: number;
  /** Mean of what comes on top, exponentially distributed. */
  readonly jitterMs: number;
  readonly loss: number;
  readonly duplication: number;
  /** Probability that a message may overtake others. */
  readonly reordering: number;
}

export const GOOD_LINKS: LinkQuality = {
  latencyMs: 0.3,
  jitterMs: 0.2,
  loss: 0,
  duplication: 0,
  reordering: 0,
};

/** The wires between machines, named by the machines' addresses. A cut swallows what is sent. */
export class Network {
  quality: LinkQuality = GOOD_LINKS;
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  #cuts = new Set<string>();
  /** When the last message of a link arrives that keeps its place. */
  readonly #lastArrival = new Map<string, number>();

  constructor(time: VirtualTime, random: SeededRandom) {
    this.#time = time;
    this.#random = random;
  }

  cut(from: string, to: string): void {
    this.#cuts.add(link(from, to));
  }

  heal(): void {
    this.#cuts = new Set();
  }

  /** `from>to` of all links that are cut. Another set after each healing. */
  get cuts(): ReadonlySet<string> {
    return this.#cuts;
  }

  carries(from: string, to: string): boolean {
    return !this.#cuts.has(link(from, to));
  }

  carriesBothWays(a: string, b: string): boolean {
    return this.carries(a, b) && this.carries(b, a);
  }

  /** How long something of `bytes` that is not lost takes. */
  delayMs(bytes = 0): number {
    const { latencyMs, jitterMs } = this.quality;
    return latencyMs + this.#random.exponential(jitterMs) + bytes / BYTES_PER_MS;
  }

  /** Calls `arrive` when what is sent now arrives: not at all, once, or twice if `mayRepeat`. */
  send(from: string, to: string, mayRepeat: boolean, arrive: () => void): void {
    if (!this.carries(from, to) || this.#random.chance(this.quality.loss)) return;
    const name = link(from, to);
    let atMs = this.#time.nowMs + this.delayMs();
    if (this.#random.chance(this.quality.reordering)) atMs += this.#random.exponential(REORDER_MS);
    else {
      atMs = Math.max(atMs, this.#lastArrival.get(name) ?? 0);
      this.#lastArrival.set(name, atMs);
    }
    const deliver = () => {
      // A link that was cut meanwhile loses what was on it.
      if (this.carries(from, to)) arrive();
    };
    this.#time.after(atMs - this.#time.nowMs, deliver);
    if (mayRepeat && this.#random.chance(this.quality.duplication)) {
      this.#time.after(atMs - this.#time.nowMs + this.#random.exponential(REORDER_MS), deliver);
    }
  }
}

const BYTES_PER_MS = 5_000;
const REORDER_MS = 30;

function link(from: string, to: string): string {
  return `${from}>${to}`;
}
