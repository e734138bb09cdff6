const CHUNK_WORDS = 64 * 1024;

/**
 * Arrays of one length, cut from chunks of 256 KiB. They live as long as the index: each alone would lie between buffers
 * that live for milliseconds, and the allocator could not give back what those leave.
 */
export class WordPool {
  readonly #length: number;
  #chunk = new Int32Array(0);
  #used = 0;
  #free: Int32Array[] = [];

  constructor(length: number) {
    this.#length = length;
  }

  /** All zeros, or what was in it when it was released. The caller's until then. */
  take(): Int32Array {
    const released = this.#free.pop();
    if (released !== undefined) return released;
    if (this.#used + this.#length > this.#chunk.length) {
      this.#chunk = new Int32Array(CHUNK_WORDS);
      this.#used = 0;
    }
    const words = this.#chunk.subarray(this.#used, this.#used + this.#length);
    this.#used += this.#length;
    return words;
  }

  /** The caller reads and writes it no more. */
  release(words: Int32Array): void {
    this.#free.push(words);
  }
}
