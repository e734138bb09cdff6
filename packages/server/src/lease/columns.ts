const CHUNK_BITS = 13;
/** Columns have room for a multiple of this many slots. */
export const CHUNK_SLOTS = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_SLOTS - 1;

/** Numbers by slot, zero at first. Grows chunk by chunk: nothing is copied, so a million more cost no pause. */
export class FloatColumn {
  private readonly chunks: Float64Array[] = [];

  /** Makes room for slots below `capacity`. */
  reserve(capacity: number): void {
    while (this.chunks.length * CHUNK_SLOTS < capacity) this.chunks.push(new Float64Array(CHUNK_SLOTS));
  }

  get(slot: number): number {
    return this.chunks[slot >>> CHUNK_BITS]![slot & CHUNK_MASK]!;
  }

  set(slot: number, value: number): void {
    this.chunks[slot >>> CHUNK_BITS]![slot & CHUNK_MASK] = value;
  }

  fill(value: number): void {
    for (const chunk of this.chunks) chunk.fill(value);
  }

  clear(): void {
    this.chunks.length = 0;
  }
}

/** As `FloatColumn`, for 32-bit integers. */
export class IntColumn {
  private readonly chunks: Int32Array[] = [];

  reserve(capacity: number): void {
    while (this.chunks.length * CHUNK_SLOTS < capacity) this.chunks.push(new Int32Array(CHUNK_SLOTS));
  }

  get(slot: number): number {
    return this.chunks[slot >>> CHUNK_BITS]![slot & CHUNK_MASK]!;
  }

  set(slot: number, value: number): void {
    this.chunks[slot >>> CHUNK_BITS]![slot & CHUNK_MASK] = value;
  }

  fill(value: number): void {
    for (const chunk of this.chunks) chunk.fill(value);
  }

  clear(): void {
    this.chunks.length = 0;
  }
}
