/** 256 KiB, which go back to the system as soon as they are freed (see bin/launch.sh). */
const CHUNK_BITS = 15;
const CHUNK = 2 ** CHUNK_BITS;
const FIRST = 64;

/**
 * Numbers in a row, of which there may be millions. In one large array they would be copied whole in a turn of the loop
 * each time that it grows; in arrays of the heap they would be looked through whenever garbage is collected.
 */
export class Column {
  length = 0;
  readonly #chunks: Float64Array[] = [];
  #last = new Float64Array(FIRST);
  /** Of the last chunk. */
  #used = 0;

  constructor() {
    this.#chunks.push(this.#last);
  }

  push(value: number): void {
    if (this.#used === this.#last.length) this.#grow();
    this.#last[this.#used++] = value;
    this.length++;
  }

  /** `index` is below `length`. */
  at(index: number): number {
    return this.#chunks[index >>> CHUNK_BITS]![index & (CHUNK - 1)]!;
  }

  /** `index` is below `length`. */
  set(index: number, value: number): void {
    this.#chunks[index >>> CHUNK_BITS]![index & (CHUNK - 1)] = value;
  }

  /** Few numbers take little: the first chunk begins small. */
  #grow(): void {
    const full = this.#last;
    if (full.length < CHUNK) {
      this.#last = new Float64Array(Math.min(8 * full.length, CHUNK));
      this.#last.set(full);
      this.#chunks[0] = this.#last;
      return;
    }
    this.#last = new Float64Array(CHUNK);
    this.#chunks.push(this.#last);
    this.#used = 0;
  }
}
