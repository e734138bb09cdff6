import type { Revision } from "@quorate/storage/seams/backend";

const CHUNK_BITS = 9;
const CHUNK = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK - 1;
const FIRST_CHUNK = 64;
const TOMBSTONE = 0x8000_0000;

interface Chunk {
  readonly mains: Float64Array;
  /** Sub-revision, with the top bit for a tombstone. */
  readonly subs: Uint32Array;
}

/**
 * Many revisions of one key, oldest first: appended at the end, forgotten from the front, found by binary search.
 * For the few keys that change very often between two compactions.
 */
export class RevisionList {
  #chunks: Chunk[] = [];
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  push(main: Revision, sub: number, tombstone: boolean): void {
    const at = this.#end++;
    const last = this.#chunks.length - 1;
    if (at >>> CHUNK_BITS > last) {
      const capacity = last < 0 ? FIRST_CHUNK : CHUNK;
      this.#chunks.push({ mains: new Float64Array(capacity), subs: new Uint32Array(capacity) });
    } else if ((at & CHUNK_MASK) === this.#chunks[last]!.mains.length) {
      this.#chunks[last] = doubled(this.#chunks[last]!);
    }
    this.#write(at, main, sub, tombstone);
  }

  main(index: number): Revision {
    const at = this.#start + index;
    return this.#chunks[at >>> CHUNK_BITS]!.mains[at & CHUNK_MASK]!;
  }

  sub(index: number): number {
    const at = this.#start + index;
    return (this.#chunks[at >>> CHUNK_BITS]!.subs[at & CHUNK_MASK]! & ~TOMBSTONE) >>> 0;
  }

  isTombstone(index: number): boolean {
    const at = this.#start + index;
    return this.#chunks[at >>> CHUNK_BITS]!.subs[at & CHUNK_MASK]! >= TOMBSTONE;
  }

  set(index: number, main: Revision, sub: number, tombstone: boolean): void {
    this.#write(this.#start + index, main, sub, tombstone);
  }

  /** How many revisions have a main revision of at most `main`. */
  countThrough(main: Revision): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.main(middle) <= main) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  dropFirst(count: number): void {
    this.#start += count;
    const whole = this.#start >>> CHUNK_BITS;
    if (whole > 0) {
      this.#chunks.splice(0, whole);
      this.#start -= whole << CHUNK_BITS;
      this.#end -= whole << CHUNK_BITS;
    }
  }

  #write(at: number, main: Revision, sub: number, tombstone: boolean): void {
    const chunk = this.#chunks[at >>> CHUNK_BITS]!;
    chunk.mains[at & CHUNK_MASK] = main;
    chunk.subs[at & CHUNK_MASK] = tombstone ? (sub | TOMBSTONE) >>> 0 : sub;
  }
}

function doubled(chunk: Chunk): Chunk {
  const mains = new Float64Array(chunk.mains.length * 2);
  const subs = new Uint32Array(chunk.subs.length * 2);
  mains.set(chunk.mains);
  subs.set(chunk.subs);
  return { mains, subs };
}
