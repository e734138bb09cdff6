import { assert } from "../assert.ts";
import { NO_LIMIT } from "../size.ts";

/**
 * The window of MsgApps on their way to one follower: for each the index of its last entry and its bytes of payload.
 * A ring that starts small and doubles up to `capacity`, so that thousands of idle groups cost little.
 */
export class Inflights {
  readonly capacity: number;
  readonly maxBytes: number;
  #count = 0;
  #bytes = 0;
  #start = 0;
  #indexes: Float64Array = new Float64Array(0);
  #sizes: Float64Array = new Float64Array(0);

  /** `maxBytes` may be NO_LIMIT. */
  constructor(capacity: number, maxBytes: number = NO_LIMIT) {
    this.capacity = capacity;
    this.maxBytes = maxBytes;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The message that crosses the byte limit is still accepted, so that one larger than the limit can go at all. */
  full(): boolean {
    return this.#count === this.capacity || this.#bytes >= this.maxBytes;
  }

  /** A message whose last entry is `index`, larger than all before it, was sent. */
  add(index: number, bytes: number): void {
    if (this.full()) assert(false, "cannot add into a Full inflights");
    if (this.#count === this.#indexes.length) this.#grow();
    let next = this.#start + this.#count;
    if (next >= this.#indexes.length) next -= this.#indexes.length;
    this.#indexes[next] = index;
    this.#sizes[next] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Frees all messages whose last entry is at or below `index`. */
  freeThrough(index: number): void {
    while (this.#count > 0 && this.#indexes[this.#start]! <= index) {
      this.#bytes -= this.#sizes[this.#start]!;
      this.#count--;
      this.#start = this.#start + 1 === this.#indexes.length ? 0 : this.#start + 1;
    }
    if (this.#count === 0) this.#start = 0;
  }

  reset(): void {
    this.#count = 0;
    this.#bytes = 0;
    this.#start = 0;
  }

  clone(): Inflights {
    const copy = new Inflights(this.capacity, this.maxBytes);
    copy.#count = this.#count;
    copy.#bytes = this.#bytes;
    copy.#start = this.#start;
    copy.#indexes = this.#indexes.slice();
    copy.#sizes = this.#sizes.slice();
    return copy;
  }

  #grow(): void {
    const size = Math.min(this.capacity, Math.max(8, this.#indexes.length * 2));
    this.#indexes = unrolled(this.#indexes, this.#start, size);
    this.#sizes = unrolled(this.#sizes, this.#start, size);
    this.#start = 0;
  }
}

/** The full ring `ring`, which starts at `start`, laid out from 0 in a new one of `size`. */
function unrolled(ring: Float64Array, start: number, size: number): Float64Array {
  const result = new Float64Array(size);
  result.set(ring.subarray(start), 0);
  result.set(ring.subarray(0, start), ring.length - start);
  return result;
}
