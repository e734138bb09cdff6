import type { DiskFile } from "../seams/disk.ts";

/** Read at a time: memory stays modest, and the loop gets its turn after each. */
export const CHUNK_BYTES = 256 * 1024;
/** What a chunk has in common with the one before it, at least and at most. */
const OVERLAP_BYTES = 4096;
const OVERLAP_LIMIT_BYTES = CHUNK_BYTES / 2;

const NOTHING = new Uint8Array(0);

/**
 * Reads a file in chunks, from front to back. While one is looked at, a native thread already reads the next; two
 * buffers take turns. What `take` gave is valid until the next `take`.
 */
export class ReadAhead {
  readonly #file: DiskFile;
  readonly #size: number;
  readonly #keepsViews: boolean;
  readonly #buffers: (Uint8Array | undefined)[] = [undefined, undefined];
  readonly #spare: Uint8Array[];
  #turn = 0;
  #ahead: Promise<Uint8Array> | undefined;
  #aheadPosition = 0;

  /**
   * `size` is the file's. `keepsViews`: what was taken stays valid; each read gets a buffer of its own, or one of `spare`,
   * which have `CHUNK_BYTES`.
   */
  constructor(file: DiskFile, size: number, keepsViews: boolean, spare: Uint8Array[] = []) {
    this.#file = file;
    this.#size = size;
    this.#keepsViews = keepsViews;
    this.#spare = spare;
  }

  /**
   * Begins to read what follows a chunk that ends at `end`, for the next `take`. Where a frame is cut off by that end
   * is not known yet, so this begins `frameBytes`, a guess at its length, before the end. Frames of which few go into
   * a chunk are better read when they are needed.
   */
  request(end: number, frameBytes: number): void {
    if (end >= this.#size || frameBytes > OVERLAP_LIMIT_BYTES) return;
    this.#aheadPosition = Math.max(0, end - Math.max(frameBytes, OVERLAP_BYTES));
    this.#ahead = this.#read(this.#aheadPosition, CHUNK_BYTES);
    // Whoever takes it reads again and meets the error then; nobody has to.
    this.#ahead.catch(() => {});
  }

  /** The bytes at `position`: at least `needed`, which the file must have; fewer only if it has shrunk. */
  async take(position: number, needed: number): Promise<Uint8Array> {
    const ahead = (await this.#ahead?.catch(() => NOTHING)) ?? NOTHING;
    const from = position - this.#aheadPosition;
    this.#ahead = undefined;
    if (from >= 0 && ahead.length - from >= needed) return ahead.subarray(from);
    return this.#read(position, Math.max(needed, CHUNK_BYTES));
  }

  /** Resolves when nothing is being read, so that the file may be closed. Never rejects. */
  async idle(): Promise<void> {
    await this.#ahead?.catch(() => NOTHING);
  }

  async #read(position: number, wanted: number): Promise<Uint8Array> {
    const length = Math.min(wanted, this.#size - position);
    const buffer = this.#buffer(length);
    return buffer.subarray(0, await this.#file.read(buffer, position));
  }

  #buffer(length: number): Uint8Array {
    if (this.#keepsViews && length === CHUNK_BYTES) return this.#spare.pop() ?? new Uint8Array(length);
    if (this.#keepsViews || length > CHUNK_BYTES) return new Uint8Array(length);
    this.#turn = 1 - this.#turn;
    this.#buffers[this.#turn] ??= new Uint8Array(CHUNK_BYTES);
    return this.#buffers[this.#turn]!.subarray(0, length);
  }
}
