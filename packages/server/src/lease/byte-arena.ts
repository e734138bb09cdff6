/** Bytes are kept in units of this size. */
const UNIT = 8;
const CHUNK_BYTES = 256 * 1024;
/** Bytes. */
const SHORT = 64;
/** An address is the chunk's number times this plus the unit within the chunk. */
const CHUNK_UNITS = CHUNK_BYTES / UNIT;

/**
 * Many small byte strings in few large buffers, so that a million of them cost hardly more than their bytes. Freed
 * blocks are used again for strings of the same rounded size.
 */
export class ByteArena {
  private readonly chunks: Uint8Array[] = [];
  private readonly free = new Map<number, number[]>();
  private current = -1;
  private used = CHUNK_UNITS;

  /** Copies `bytes`; returns the address, a safe integer. */
  store(bytes: Uint8Array): number {
    const address = this.allocate(unitsOf(bytes.length));
    const chunk = this.chunks[Math.floor(address / CHUNK_UNITS)]!;
    chunk.set(bytes, (address % CHUNK_UNITS) * UNIT);
    return address;
  }

  /** `length` is that of the stored bytes. */
  release(address: number, length: number): void {
    const units = unitsOf(length);
    const blocks = this.free.get(units);
    if (blocks === undefined) this.free.set(units, [address]);
    else blocks.push(address);
  }

  equals(address: number, length: number, bytes: Uint8Array): boolean {
    if (length !== bytes.length) return false;
    const chunk = this.chunks[Math.floor(address / CHUNK_UNITS)]!;
    const start = (address % CHUNK_UNITS) * UNIT;
    for (let i = 0; i < length; i++) if (chunk[start + i] !== bytes[i]) return false;
    return true;
  }

  copyTo(address: number, length: number, target: Uint8Array, offset: number): void {
    const chunk = this.chunks[Math.floor(address / CHUNK_UNITS)]!;
    const start = (address % CHUNK_UNITS) * UNIT;
    // A view costs more than to copy what is short.
    if (length > SHORT) target.set(chunk.subarray(start, start + length), offset);
    else for (let i = 0; i < length; i++) target[offset + i] = chunk[start + i]!;
  }

  clear(): void {
    this.chunks.length = 0;
    this.free.clear();
    this.current = -1;
    this.used = CHUNK_UNITS;
  }

  private allocate(units: number): number {
    const address = this.free.get(units)?.pop();
    if (address !== undefined) return address;
    if (units > CHUNK_UNITS) {
      // A chunk of its own: only its beginning has an address, so its size does not matter.
      this.chunks.push(new Uint8Array(units * UNIT));
      return (this.chunks.length - 1) * CHUNK_UNITS;
    }
    if (this.used + units > CHUNK_UNITS) {
      this.chunks.push(new Uint8Array(CHUNK_BYTES));
      this.current = this.chunks.length - 1;
      this.used = 0;
    }
    const fresh = this.current * CHUNK_UNITS + this.used;
    this.used += units;
    return fresh;
  }
}

/** Even no bytes need an address of their own. */
function unitsOf(length: number): number {
  return Math.max(1, Math.ceil(length / UNIT));
}
