const FIRST_BLOCK_BYTES = 4096;
const LARGEST_BLOCK_BYTES = 256 * 1024;

/** Copies many records of one result into a few buffers: a view costs a tenth of a small buffer of its own. */
export class RecordBlocks {
  #buffer: ArrayBufferLike = new ArrayBuffer(0);
  #bytes: Uint8Array = new Uint8Array(0);
  #used = 0;
  #length = 0;

  /** An owned copy. `remaining` says how many records are still to come, this one included. */
  copy(record: Uint8Array, remaining: number): Uint8Array {
    const size = record.length;
    if (this.#used + size > this.#length) {
      const wanted = Math.min(LARGEST_BLOCK_BYTES, (size + 16) * remaining);
      this.#length = Math.max(size, wanted, remaining > 1 ? FIRST_BLOCK_BYTES : 0);
      const block = Buffer.allocUnsafeSlow(this.#length);
      this.#buffer = block.buffer;
      this.#bytes = block;
      this.#used = 0;
    }
    const at = this.#used;
    this.#bytes.set(record, at);
    this.#used += size;
    return new Uint8Array(this.#buffer, at, size);
  }
}
