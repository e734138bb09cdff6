const CHUNK_BITS = 12;
const CHUNK = 2 ** CHUNK_BITS;

/**
 * Numbers in a row, of which there may be millions: one large array would be copied whole in a turn of the loop each time
 * that it grows, and would be looked through in one when the young generation is collected.
 */
export class Column {
  length = 0;
  readonly #chunks: number[][] = [];
  #last: number[] = [];

  push(value: number): void {
    if (this.length % CHUNK === 0) {
      this.#last = [];
      this.#chunks.push(this.#last);
    }
    this.#last.push(value);
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
}
