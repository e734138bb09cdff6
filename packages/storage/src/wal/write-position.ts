import { assert } from "../assert.ts";

/**
 * How far a segment has been written: one write at a time, each behind the one before. One that has failed never ends, so
 * nothing can follow it.
 */
export class WritePosition {
  #end: number;
  /** Bytes that are being written; 0 without any. */
  #writing = 0;

  /** `end`, in bytes: behind the last whole record. */
  constructor(end: number) {
    this.#end = end;
  }

  /** Behind what has been written, that which is being written included. */
  get end(): number {
    return this.#end + this.#writing;
  }

  /** Returns where a write of `length` bytes, of one at least, goes. */
  begin(length: number): number {
    assert(this.#writing === 0, "nothing is written behind a write that has not ended well");
    this.#writing = length;
    return this.#end;
  }

  /** What was begun is on the disk. */
  ended(): void {
    assert(this.#writing > 0, "a write ends once");
    this.#end += this.#writing;
    this.#writing = 0;
  }
}
