/** Bytes in one chunk of an arena; a larger record gets a chunk of its own size. */
const CHUNK_BYTES = 1 << 20;
/** Chunks that are kept for reuse; what a burst needed beyond them goes back to the runtime. */
const KEPT_CHUNKS = 8;

export interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
}

/** Chunks that no arena uses now. */
export class ChunkPool {
  readonly #free: Chunk[] = [];

  take(minBytes: number): Chunk {
    if (minBytes <= CHUNK_BYTES) {
      const free = this.#free.pop();
      if (free !== undefined) return free;
    }
    const buffer = new ArrayBuffer(Math.max(minBytes, CHUNK_BYTES));
    return { bytes: new Uint8Array(buffer), view: new DataView(buffer) };
  }

  give(chunk: Chunk): void {
    if (this.#free.length < KEPT_CHUNKS && chunk.bytes.length === CHUNK_BYTES) this.#free.push(chunk);
  }
}

/** Memory of one write batch: handed out front to back, given back all at once. */
export class Arena {
  readonly chunks: Chunk[] = [];
  readonly #pool: ChunkPool;
  #used = 0;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  /** Offset of `size` free bytes in the last chunk, 8-byte aligned. */
  reserve(size: number): number {
    const last = this.chunks[this.chunks.length - 1];
    if (last === undefined || this.#used + size > last.bytes.length) {
      this.chunks.push(this.#pool.take(size));
      this.#used = 0;
    }
    const at = this.#used;
    this.#used = (at + size + 7) & ~7;
    return at;
  }

  /** After this no view of the arena's memory may be used any more. */
  release(): void {
    for (const chunk of this.chunks) this.#pool.give(chunk);
    this.chunks.length = 0;
    this.#used = 0;
  }
}
