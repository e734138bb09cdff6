import { Buffer } from "node:buffer";

const EMPTY = new Uint8Array(0);
const FIRST_CAPACITY = 256;

/**
 * Octets that arrive in pieces, copied into one buffer: however small the pieces are, they take at most twice their
 * size, and a single one exactly its size.
 */
export class GrowingBytes {
  #bytes: Uint8Array = EMPTY;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Appends a copy of `bytes[start, end)`. */
  append(bytes: Uint8Array, start: number, end: number): void {
    const needed = this.#length + end - start;
    if (needed > this.#bytes.length) this.#grow(needed);
    this.#bytes.set(bytes.subarray(start, end), this.#length);
    this.#length = needed;
  }

  /** All of it, owned by the caller; empty afterwards. */
  take(): Uint8Array {
    const taken = this.#length === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.#length);
    this.#bytes = EMPTY;
    this.#length = 0;
    return taken;
  }

  #grow(needed: number): void {
    const capacity = this.#length === 0 ? needed : Math.max(needed, this.#bytes.length * 2, FIRST_CAPACITY);
    // Not zeroed, since every octet is written before it is seen; no Buffer, whose `slice` would not copy.
    const larger = new Uint8Array(Buffer.allocUnsafeSlow(capacity).buffer);
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
