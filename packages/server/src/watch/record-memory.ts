import { Buffer } from "node:buffer";
import type { RecordCopies } from "../keys/change.ts";

const BLOCK_BYTES = 64 * 1024;
/** A larger record gets memory of its own. */
const LARGE_BYTES = BLOCK_BYTES / 4;
/** Blocks that are used again and again. */
const KEPT_BLOCKS = 4;

/**
 * Memory for records that are read from history, encoded and then not needed any more. It is used again, and what is large
 * is freed at once: left to the collector, megabytes with each step would make it look through all that the member holds,
 * and free hundreds of them in one turn of the loop.
 */
export class RecordMemory implements RecordCopies {
  readonly #blocks: Uint8Array[] = [];
  readonly #large: ArrayBuffer[] = [];
  /** The block that is being filled, up to `#used`. */
  #at = 0;
  #used = 0;

  /** A copy, which is valid until `reset`. */
  copy(record: Uint8Array): Uint8Array {
    const { length } = record;
    if (length > LARGE_BYTES) {
      const { buffer } = Buffer.allocUnsafeSlow(length);
      this.#large.push(buffer);
      const own = new Uint8Array(buffer);
      own.set(record);
      return own;
    }
    if (this.#used + length > BLOCK_BYTES) {
      this.#at += 1;
      this.#used = 0;
    }
    let block = this.#blocks[this.#at];
    if (block === undefined) {
      block = new Uint8Array(Buffer.allocUnsafeSlow(BLOCK_BYTES).buffer);
      this.#blocks.push(block);
    }
    block.set(record, this.#used);
    const own = new Uint8Array(block.buffer, this.#used, length);
    this.#used += length;
    return own;
  }

  /** Bytes that it keeps from the collector. */
  get heldBytes(): number {
    let bytes = this.#blocks.length * BLOCK_BYTES;
    for (const { byteLength } of this.#large) bytes += byteLength;
    return bytes;
  }

  /** Nobody reads the copies any more. */
  reset(): void {
    for (const buffer of this.#large) buffer.transfer(0);
    this.#large.length = 0;
    for (const block of this.#blocks.splice(KEPT_BLOCKS)) (block.buffer as ArrayBuffer).transfer(0);
    this.#at = 0;
    this.#used = 0;
  }
}
