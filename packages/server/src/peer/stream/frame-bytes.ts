/** What one frame may announce, in bytes. */
export const MAX_FRAME_BYTES = 512 * 2 ** 20;

export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** Writes a number of up to 2^53 as 8 bytes, big-endian; returns the position after. */
export function writeUint64(out: Uint8Array, pos: number, value: number): number {
  const high = Math.floor(value / 0x1_0000_0000);
  out[pos] = high >>> 24;
  out[pos + 1] = high >>> 16;
  out[pos + 2] = high >>> 8;
  out[pos + 3] = high;
  out[pos + 4] = value >>> 24;
  out[pos + 5] = value >>> 16;
  out[pos + 6] = value >>> 8;
  out[pos + 7] = value;
  return pos + 8;
}

/** Of 8 big-endian bytes. Throws `FrameError` beyond `limit`. */
export function readUint64(bytes: Uint8Array, at: number, limit: number): number {
  const high = bytes[at]! * 0x100_0000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);
  const low = bytes[at + 4]! * 0x100_0000 + ((bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!);
  const value = high * 0x1_0000_0000 + low;
  if (value > limit) throw new FrameError("rafthttp: error limit exceeded");
  return value;
}

/** A piece that is announced as larger gets memory as it arrives, not when somebody claims that it will. */
const FIRST_ALLOCATION_BYTES = 2 ** 20;

/**
 * Cuts bytes that arrive in chunks into pieces of wanted sizes. A piece that lies within a chunk is a view on it; one
 * that spans chunks is put together in memory of its own, each byte being copied a bounded number of times.
 */
export class PieceCutter {
  /** Where the piece that `take` gave lies. */
  bytes: Uint8Array = NOTHING;
  at = 0;
  #chunk: Uint8Array = NOTHING;
  #position = 0;
  #end = 0;
  #partial: Buffer | undefined;
  #filled = 0;

  /** Where in the chunk the next piece begins. */
  get position(): number {
    return this.#position;
  }

  /** The next chunk, or the rest of one; the one before has been used up. */
  push(chunk: Uint8Array, start: number, end: number): void {
    this.#chunk = chunk;
    this.#position = start;
    this.#end = end;
  }

  /**
   * Whether `size` more bytes are there; they are then at `at` of `bytes`. Otherwise the chunk is used up, and the next
   * call must ask for the same size.
   */
  take(size: number): boolean {
    const available = this.#end - this.#position;
    if (this.#partial === undefined) {
      if (available >= size) {
        this.bytes = this.#chunk;
        this.at = this.#position;
        this.#position += size;
        return true;
      }
      if (available === 0) return false;
      this.#partial = Buffer.allocUnsafeSlow(Math.min(size, Math.max(available, FIRST_ALLOCATION_BYTES)));
      this.#filled = 0;
    }
    return this.#fill(size, Math.min(available, size - this.#filled));
  }

  #fill(size: number, count: number): boolean {
    let partial = this.#partial!;
    if (this.#filled + count > partial.length) {
      const larger = Buffer.allocUnsafeSlow(
        Math.min(size, Math.max(this.#filled + count, 2 * partial.length)),
      );
      larger.set(partial.subarray(0, this.#filled));
      partial = larger;
      this.#partial = larger;
    }
    partial.set(this.#chunk.subarray(this.#position, this.#position + count), this.#filled);
    this.#position += count;
    this.#filled += count;
    if (this.#filled < size) return false;
    this.bytes = partial;
    this.at = 0;
    this.#partial = undefined;
    return true;
  }
}

const NOTHING = new Uint8Array(0);
