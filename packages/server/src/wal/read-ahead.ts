import type { DiskFile } from "../seams/disk.ts";

interface Reading {
  readonly position: number;
  readonly length: number;
  readonly bytes: Promise<Uint8Array>;
}

/** Two buffers of this size serve all reads that are not larger, unless views of the bytes are kept. */
export const CHUNK_BYTES = 256 * 1024;

/**
 * Reads a file while what was read before is looked at: a native thread works at the next chunk, and two buffers take
 * turns. What `take` gave is valid until the next `take`.
 */
export class ReadAhead {
  readonly #file: DiskFile;
  readonly #keepsViews: boolean;
  readonly #buffers: (Uint8Array | undefined)[] = [undefined, undefined];
  #turn = 0;
  #ahead: Reading | undefined;

  /** `keepsViews`: the bytes stay valid for ever; each read gets a buffer of its own. */
  constructor(file: DiskFile, keepsViews: boolean) {
    this.#file = file;
    this.#keepsViews = keepsViews;
  }

  /** Begins to read what the next `take` will probably ask for. Call it at most once between two of them. */
  request(position: number, length: number): void {
    this.#ahead = this.#read(position, length);
  }

  /** Up to `length` bytes at `position`, or what was requested there if that is more; fewer only at the file's end. */
  async take(position: number, length: number): Promise<Uint8Array> {
    let reading = this.#ahead;
    this.#ahead = undefined;
    if (reading === undefined || reading.position !== position || reading.length < length) {
      await reading?.bytes.catch(() => {});
      reading = this.#read(position, length);
    }
    return reading.bytes;
  }

  /** Resolves when nothing is being read, so that the file may be closed. Never rejects. */
  async idle(): Promise<void> {
    await this.#ahead?.bytes.catch(() => {});
  }

  #read(position: number, length: number): Reading {
    const buffer = this.#buffer(length);
    const bytes = this.#file.read(buffer, position).then((count) => buffer.subarray(0, count));
    // Whoever takes them meets the error; nobody has to.
    bytes.catch(() => {});
    return { position, length, bytes };
  }

  #buffer(length: number): Uint8Array {
    if (this.#keepsViews || length > CHUNK_BYTES) return new Uint8Array(length);
    this.#turn = 1 - this.#turn;
    this.#buffers[this.#turn] ??= new Uint8Array(CHUNK_BYTES);
    return this.#buffers[this.#turn]!.subarray(0, length);
  }
}
