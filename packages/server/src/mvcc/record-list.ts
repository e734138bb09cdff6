import type { RangeSink } from "./range-sink.ts";

const FIRST_BLOCK_BYTES = 4096;
const LARGEST_BLOCK_BYTES = 256 * 1024;

/** Keeps the records of a range as views on a few buffers: a view costs a tenth of a small buffer of its own. */
export class RecordList implements RangeSink {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  /** Owned. */
  records: Uint8Array[] = [];
  size = 0;
  #used = 0;
  #nextBlockBytes = FIRST_BLOCK_BYTES;

  begin(length: number): number {
    if (this.#used + length > this.bytes.length) this.#addBlock(length);
    const at = this.#used;
    this.#used += length;
    this.size += length;
    this.records.push(new Uint8Array(this.bytes.buffer, at, length));
    return at;
  }

  clear(): void {
    this.records = [];
    this.size = 0;
  }

  #addBlock(length: number): void {
    const block = Buffer.allocUnsafeSlow(Math.max(length, this.#nextBlockBytes));
    this.#nextBlockBytes = Math.min(2 * this.#nextBlockBytes, LARGEST_BLOCK_BYTES);
    this.bytes = new Uint8Array(block.buffer);
    this.view = new DataView(block.buffer);
    this.#used = 0;
  }
}
