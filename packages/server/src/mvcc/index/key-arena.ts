import { assert } from "../../assert.ts";

const CHUNK_BITS = 20;
const CHUNK_BYTES = 1 << CHUNK_BITS;
/** Positions are multiples of four, so that 31 bits address 8 GiB of keys. */
const ALIGN_BITS = 2;
const OFFSET_BITS = CHUNK_BITS - ALIGN_BITS;
const OFFSET_MASK = (1 << OFFSET_BITS) - 1;
const MAX_CHUNKS = 2 ** (31 - OFFSET_BITS);
/** A longer key lives in an array of its own; its place has the top bit set. */
const LONG_KEY_BYTES = 1 << 16;
const LONG = 0x8000_0000;

const DROPPED = new Uint8Array(0);

/**
 * The bytes of all keys of the index, each once: a length (varint) and the key, appended to chunks of 1 MiB. A place is
 * an unsigned 32-bit number. Freed places are not used again one by one; a chunk that is mostly free is to be evacuated
 * by the owner of the places (`nextSparseChunk`, `placesOf`), and one that is free altogether is dropped at once.
 */
export class KeyArena {
  #chunks: Uint8Array[] = [];
  #usedBytes: number[] = [];
  #freedBytes: number[] = [];
  #droppedChunks: number[] = [];
  #sparse: number[] = [];
  #current = -1;
  #longKeys: (Uint8Array | undefined)[] = [];
  #freeLongKeys: number[] = [];

  /** Copies `key`. */
  add(key: Uint8Array): number {
    const length = key.length;
    if (length >= LONG_KEY_BYTES) return this.#addLong(key);
    const header = length < 0x80 ? 1 : length < 0x4000 ? 2 : 3;
    const size = (header + length + 3) & ~3;
    let current = this.#current;
    if (current < 0 || this.#usedBytes[current]! + size > CHUNK_BYTES) current = this.#openChunk();
    const chunk = this.#chunks[current]!;
    const start = this.#usedBytes[current]!;
    this.#usedBytes[current] = start + size;
    let at = start;
    let rest = length;
    while (rest >= 0x80) {
      chunk[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    chunk[at++] = rest;
    if (length <= 48) for (let i = 0; i < length; i++) chunk[at + i] = key[i]!;
    else chunk.set(key, at);
    return ((current << OFFSET_BITS) | (start >>> ALIGN_BITS)) >>> 0;
  }

  free(place: number): void {
    if (place >= LONG) {
      this.#longKeys[place - LONG] = undefined;
      this.#freeLongKeys.push(place - LONG);
      return;
    }
    const index = place >>> OFFSET_BITS;
    const chunk = this.#chunks[index]!;
    const at = (place & OFFSET_MASK) << ALIGN_BITS;
    const wasSparse = this.#isSparse(index);
    this.#freedBytes[index]! += slotBytes(chunk, at);
    if (index === this.#current) return;
    if (this.#freedBytes[index] === this.#usedBytes[index]) this.#drop(index);
    else if (!wasSparse && this.#isSparse(index)) this.#sparse.push(index);
  }

  equals(place: number, key: Uint8Array): boolean {
    if (place >= LONG) return this.#compareLong(place, key) === 0;
    const chunk = this.#chunks[place >>> OFFSET_BITS]!;
    let at = (place & OFFSET_MASK) << ALIGN_BITS;
    let length = chunk[at++]!;
    if (length >= 0x80) {
      length = (length & 0x7f) | (chunk[at]! << 7);
      if (chunk[at++]! >= 0x80) length = (length & 0x3fff) | (chunk[at++]! << 14);
    }
    if (length !== key.length) return false;
    for (let i = 0; i < length; i++) if (chunk[at + i] !== key[i]) return false;
    return true;
  }

  /** The sign of (key at `place`) - `key`; bytes before `from` are known to be equal. */
  compare(place: number, key: Uint8Array, from: number): number {
    if (place >= LONG) return this.#compareLong(place, key);
    const chunk = this.#chunks[place >>> OFFSET_BITS]!;
    let at = (place & OFFSET_MASK) << ALIGN_BITS;
    let length = chunk[at++]!;
    if (length >= 0x80) {
      length = (length & 0x7f) | (chunk[at]! << 7);
      if (chunk[at++]! >= 0x80) length = (length & 0x3fff) | (chunk[at++]! << 14);
    }
    const end = Math.min(length, key.length);
    for (let i = from; i < end; i++) {
      const difference = chunk[at + i]! - key[i]!;
      if (difference !== 0) return difference;
    }
    return length - key.length;
  }

  /** As `keyHead` of the key at `place`. */
  head(place: number, from: number): number {
    const key = this.borrow(place);
    let head = 0;
    for (let i = from; i < from + 4; i++) head = (head << 8) | (i < key.length ? key[i]! : 0);
    return head ^ 0x8000_0000;
  }

  /** A view, borrowed until a key is freed. */
  borrow(place: number): Uint8Array {
    if (place >= LONG) return this.#longKeys[place - LONG]!;
    const chunk = this.#chunks[place >>> OFFSET_BITS]!;
    let at = (place & OFFSET_MASK) << ALIGN_BITS;
    let length = chunk[at++]!;
    if (length >= 0x80) {
      length = (length & 0x7f) | (chunk[at]! << 7);
      if (chunk[at++]! >= 0x80) length = (length & 0x3fff) | (chunk[at++]! << 14);
    }
    return new Uint8Array(chunk.buffer, chunk.byteOffset + at, length);
  }

  /** A chunk whose keys had better move (add them again, free the old places), or -1. Each is named once. */
  nextSparseChunk(): number {
    for (;;) {
      const index = this.#sparse.pop();
      if (index === undefined) return -1;
      if (index !== this.#current && this.#isSparse(index)) return index;
    }
  }

  /** All places that were ever handed out in a chunk, freed ones too. */
  placesOf(index: number): number[] {
    const chunk = this.#chunks[index]!;
    const places: number[] = [];
    for (let at = 0; at < this.#usedBytes[index]!; at += slotBytes(chunk, at)) {
      places.push(((index << OFFSET_BITS) | (at >>> ALIGN_BITS)) >>> 0);
    }
    return places;
  }

  #isSparse(index: number): boolean {
    return this.#freedBytes[index]! * 2 > this.#usedBytes[index]!;
  }

  #openChunk(): number {
    const before = this.#current;
    const reused = this.#droppedChunks.pop();
    const index = reused ?? this.#chunks.length;
    assert(index < MAX_CHUNKS, "more than 8 GiB of keys");
    this.#chunks[index] = new Uint8Array(CHUNK_BYTES);
    this.#usedBytes[index] = 0;
    this.#freedBytes[index] = 0;
    this.#current = index;
    if (before >= 0) {
      if (this.#freedBytes[before] === this.#usedBytes[before]) this.#drop(before);
      else if (this.#isSparse(before)) this.#sparse.push(before);
    }
    return index;
  }

  #drop(index: number): void {
    this.#chunks[index] = DROPPED;
    this.#usedBytes[index] = 0;
    this.#freedBytes[index] = 0;
    this.#droppedChunks.push(index);
  }

  #addLong(key: Uint8Array): number {
    const index = this.#freeLongKeys.pop() ?? this.#longKeys.length;
    this.#longKeys[index] = new Uint8Array(key);
    return LONG + index;
  }

  #compareLong(place: number, key: Uint8Array): number {
    return Buffer.compare(this.#longKeys[place - LONG]!, key);
  }
}

function slotBytes(chunk: Uint8Array, start: number): number {
  let at = start;
  let length = chunk[at++]!;
  if (length >= 0x80) {
    length = (length & 0x7f) | (chunk[at]! << 7);
    if (chunk[at++]! >= 0x80) length = (length & 0x3fff) | (chunk[at++]! << 14);
  }
  return (at - start + length + 3) & ~3;
}
