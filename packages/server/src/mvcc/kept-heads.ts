import { Column } from "./column.ts";

const BLOCK_BYTES = 256 * 1024;
const FIRST_BLOCK_BYTES = 4096;

/**
 * The first bytes of many values, in a few blocks. Two numbers for each instead of an object: a million objects are a
 * long collection of garbage.
 */
export class KeptHeads {
  readonly #keptBytes: number;
  readonly #blocks: Uint8Array[] = [];
  #block: Uint8Array = new Uint8Array(0);
  #used = 0;
  /** Number of the block times its size, and the place in it. */
  readonly #places = new Column();
  /** Of the whole values. */
  readonly #lengths = new Column();

  /** Keeps at most `keptBytes` (below 2^12) of each value. */
  constructor(keptBytes: number) {
    this.#keptBytes = keptBytes;
  }

  push(value: Uint8Array): void {
    const length = Math.min(value.length, this.#keptBytes);
    if (this.#used + length > this.#block.length) {
      this.#block = new Uint8Array(this.#blocks.length === 0 ? FIRST_BLOCK_BYTES : BLOCK_BYTES);
      this.#blocks.push(this.#block);
      this.#used = 0;
    }
    this.#block.set(length === value.length ? value : value.subarray(0, length), this.#used);
    this.#places.push((this.#blocks.length - 1) * BLOCK_BYTES + this.#used);
    this.#lengths.push(value.length);
    this.#used += length;
  }

  /** How long value `a` is, in bytes, whatever is kept of it. */
  lengthOf(a: number): number {
    return this.#lengths.at(a);
  }

  /** Negative, zero or positive, as the heads of values `a` and `b` are ordered. */
  compare(a: number, b: number): number {
    const placeA = this.#places.at(a);
    const placeB = this.#places.at(b);
    const blockA = this.#blocks[Math.floor(placeA / BLOCK_BYTES)]!;
    const blockB = this.#blocks[Math.floor(placeB / BLOCK_BYTES)]!;
    const startA = placeA % BLOCK_BYTES;
    const startB = placeB % BLOCK_BYTES;
    const lengthA = Math.min(this.#lengths.at(a), this.#keptBytes);
    const lengthB = Math.min(this.#lengths.at(b), this.#keptBytes);
    const shorter = Math.min(lengthA, lengthB);
    for (let i = 0; i < shorter; i++) {
      const difference = blockA[startA + i]! - blockB[startB + i]!;
      if (difference !== 0) return difference;
    }
    return lengthA - lengthB;
  }
}
