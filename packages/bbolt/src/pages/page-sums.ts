import { crc32 as runtimeCrc32 } from "node:zlib";

const FIRST_CAPACITY = 1024;
const SUM_BYTES = 4;

/** The CRC-32 of `bytes`, or of what summed up to `before` and of them. */
export type Crc32 = (bytes: Uint8Array, before?: number) => number;

/** The CRC-32 of each page in use, with what overflows its first slot, by its number: 4 bytes of memory a slot. */
export class PageSums {
  readonly crc32: Crc32;
  #sums: Uint32Array<ArrayBuffer>;

  constructor(pages = FIRST_CAPACITY, crc32: Crc32 = runtimeCrc32) {
    this.crc32 = crc32;
    this.#sums = new Uint32Array(pages);
  }

  /** The page at `at` is as it is to be. */
  set(page: number, bytes: Uint8Array, at: number, length: number): void {
    if (page >= this.#sums.length) this.#grow(page);
    this.#sums[page] = this.crc32(bytes.subarray(at, at + length));
  }

  matches(page: number, bytes: Uint8Array, at: number, length: number): boolean {
    return this.is(page, this.crc32(bytes.subarray(at, at + length)));
  }

  at(page: number): number {
    return this.#sums[page]!;
  }

  is(page: number, sum: number): boolean {
    return this.#sums[page] === sum;
  }

  /** Those of the pages `from` up to `to` (exclusive), as they are stored; borrowed until the next `set`. */
  stored(from: number, to: number): Uint8Array {
    if (to > this.#sums.length) this.#grow(to);
    return new Uint8Array(this.#sums.buffer, from * SUM_BYTES, (to - from) * SUM_BYTES);
  }

  #grow(page: number): void {
    const wider = new Uint32Array(Math.max(this.#sums.length * 2, page + 1));
    wider.set(this.#sums);
    this.#sums = wider;
  }
}
