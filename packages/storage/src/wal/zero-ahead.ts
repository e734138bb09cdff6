import type { DiskFile } from "../seams/disk.ts";

/** Written at a time; small enough that an append behind it does not wait long. */
const CHUNK_BYTES = 512 * 1024;
/** How far ahead of the appends the file is kept ready. */
const WINDOW_BYTES = 4 * 1024 * 1024;

let zeros: Uint8Array | undefined;

/**
 * Keeps the part of a segment that comes next really written, with zeros. A sync of bytes that replace allocated
 * and written blocks is one write to the disk; one of blocks that are new to the file (also of preallocated ones
 * that were never written) makes the file system commit its journal, too. Works in the background, and when it
 * fails the appends just go on without it.
 */
export class ZeroAhead {
  readonly #file: DiskFile;
  readonly #limit: number;
  #zeroedTo: number;
  #chunkFrom = 0;
  #chunk: Promise<void> | undefined;
  #failed = false;

  /** From `offset` on up to `limit` the file holds nothing but zeros, written or not. */
  constructor(file: DiskFile, offset: number, limit: number) {
    this.#file = file;
    this.#zeroedTo = offset;
    this.#limit = limit;
  }

  /** Tells that appends have come to `offset`; begins the next chunk when it is time. */
  advance(offset: number): void {
    if (this.#chunk !== undefined || this.#failed) return;
    if (this.#zeroedTo < offset) this.#zeroedTo = offset;
    if (this.#zeroedTo >= this.#limit || this.#zeroedTo - offset > WINDOW_BYTES - CHUNK_BYTES) return;
    this.#chunk = this.#write(this.#zeroedTo, Math.min(this.#zeroedTo + CHUNK_BYTES, this.#limit));
  }

  /** undefined when bytes up to `offset` may be written now, else when that will be. Never rejects. */
  conflict(offset: number): Promise<void> | undefined {
    return this.#chunk !== undefined && offset > this.#chunkFrom ? this.#chunk : undefined;
  }

  /** Resolves when nothing is being written. Never rejects. */
  idle(): Promise<void> {
    return this.#chunk ?? Promise.resolve();
  }

  async #write(from: number, to: number): Promise<void> {
    this.#chunkFrom = from;
    zeros ??= new Uint8Array(CHUNK_BYTES);
    try {
      await this.#file.write(to - from === CHUNK_BYTES ? zeros : zeros.subarray(0, to - from), from);
      this.#zeroedTo = to;
    } catch {
      this.#failed = true;
    }
    this.#chunk = undefined;
  }
}
