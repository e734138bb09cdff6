import type { Random } from "@quorate/server/simulation";

/** Numbers that look like chance and follow from the seed alone (the generator sfc32). */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = Math.floor(seed / 2 ** 32) >>> 0;
    this.#b = seed >>> 0;
    this.#c = 0x9e3779b9;
    for (let i = 0; i < 15; i++) this.#next32();
  }

  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** In [0, 1), with 53 bits. */
  fraction(): number {
    return (this.#next32() * 2 ** 21 + (this.#next32() >>> 11)) / 2 ** 53;
  }

  /** In [from, to). */
  between(from: number, to: number): number {
    return from + this.fraction() * (to - from);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** Exponentially distributed, at most ten times the mean. */
  exponential(mean: number): number {
    return Math.min(10 * mean, -Math.log(1 - this.fraction()) * mean);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** A generator of its own, so that what one part draws changes nothing for the others. */
  fork(): SeededRandom {
    return new SeededRandom(this.below(2 ** 52));
  }

  #next32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }
}
