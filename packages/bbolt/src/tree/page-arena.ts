import type { Place } from "../pages/page-source.ts";

/** The first piece is small, for those who write little; each is twice as large as the one before, up to the most. */
const LEAST_CHUNK_BYTES = 1 << 16;
const MOST_CHUNK_BYTES = 1 << 20;
/** Kept from one transaction to the next. */
const KEPT_CHUNKS = 32;

interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
}

/**
 * The memory of a write transaction's pages: large pieces, in which pages that are made one after another follow each
 * other, so that they are written to the disk together. It is used again by the next transaction.
 */
export class PageArena {
  readonly #pageBytes: number;
  readonly #chunks: Chunk[] = [];
  /** Chunks in use; the last of them is being filled. */
  #used = 0;
  #at = 0;
  #end = 0;
  /** Single pages that were given back. */
  readonly #spare: Place[] = [];

  constructor(pageBytes: number) {
    this.#pageBytes = pageBytes;
  }

  /** Sets `place` to memory for `slots` pages, with anything in it. */
  take(slots: number, place: Place): void {
    const spare = slots === 1 ? this.#spare.pop() : undefined;
    if (spare !== undefined) {
      place.bytes = spare.bytes;
      place.view = spare.view;
      place.at = spare.at;
      return;
    }
    const length = slots * this.#pageBytes;
    if (length > LEAST_CHUNK_BYTES / 2 && length > this.#pageBytes) {
      // Long ones would waste what is left of a chunk; the collector has them when they are written.
      const own = newChunk(length);
      place.bytes = own.bytes;
      place.view = own.view;
      place.at = 0;
      return;
    }
    if (this.#at + length > this.#end) this.#nextChunk();
    const chunk = this.#chunks[this.#used - 1]!;
    place.bytes = chunk.bytes;
    place.view = chunk.view;
    place.at = this.#at;
    this.#at += length;
  }

  /** Nobody uses the memory of this page any more. */
  giveBack(place: Place, slots: number): void {
    if (slots === 1) this.#spare.push({ bytes: place.bytes, view: place.view, at: place.at });
  }

  /** Nobody uses any of it any more. */
  reset(): void {
    this.#used = 0;
    this.#at = 0;
    this.#end = 0;
    this.#spare.length = 0;
    if (this.#chunks.length > KEPT_CHUNKS) this.#chunks.length = KEPT_CHUNKS;
  }

  #nextChunk(): void {
    if (this.#used === this.#chunks.length) {
      this.#chunks.push(newChunk(Math.min(LEAST_CHUNK_BYTES << Math.min(this.#used, 10), MOST_CHUNK_BYTES)));
    }
    this.#end = this.#chunks[this.#used]!.bytes.length;
    this.#used++;
    this.#at = 0;
  }
}

function newChunk(length: number): Chunk {
  const bytes = new Uint8Array(length);
  return { bytes, view: new DataView(bytes.buffer) };
}
