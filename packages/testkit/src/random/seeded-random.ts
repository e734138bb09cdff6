/** Numbers that look like chance and follow from the seed alone (the generator sfc32). Not for anything secret. */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `seed` is an integer; those below 2^53 that differ give different numbers. */
  constructor(seed: number) {
    this.#a = Math.floor(seed / 2 ** 32) >>> 0;
    this.#b = seed >>> 0;
    this.#c = 0x9e3779b9;
    for (let i = 0; i < 15; i++) this.next();
  }

  /** An integer in [0, 2^32). */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** In [0, 1), with 53 bits. */
  fraction(): number {
    return (this.next() * 2 ** 21 + (this.next() >>> 11)) / 2 ** 53;
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** An integer in [from, to]. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** A fraction in [from, to). */
  uniform(from: number, to: number): number {
    return from + this.fraction() * (to - from);
  }

  /** Exponentially distributed, at most ten times the mean. */
  exponential(mean: number): number {
    return Math.min(10 * mean, -Math.log(1 - this.fraction()) * mean);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** Picks by weight: `[[3, "often"], [1, "seldom"]]`. */
  weighted<Item>(choices: readonly (readonly [number, Item])[]): Item {
    let rest = this.fraction() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, item] of choices) {
      rest -= weight;
      if (rest < 0) return item;
    }
    return choices[0]![1];
  }

  /** A copy of `items` in any order. */
  shuffled<Item>(items: readonly Item[]): Item[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [result[i], result[j]] = [result[j]!, result[i]!];
    }
    return result;
  }

  bytes(length: number): Buffer<ArrayBuffer> {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = this.next();
    return bytes;
  }

  /** A generator of its own, so that what one part draws changes nothing for the others. */
  fork(): SeededRandom {
    return new SeededRandom(this.below(2 ** 52));
  }
}
