import { assert } from "@quorate/storage/assert";

/** Entries are cut from chunks of 1 MiB in units of 8 bytes; an id is the number of an entry's first unit. */
const CHUNK_BITS = 17;
const CHUNK_UNITS = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_UNITS - 1;
/** Ids have 31 bits, so all entries together have at most 16 GiB. */
const MAX_CHUNKS = 2 ** (31 - CHUNK_BITS);

// An entry: mod revision f64, create revision f64, version u32, (deleted, leased, sub-revision) u32, history u32,
// length of the key u32, the key. With a key of 32 bytes that is a cache line.
const CREATE = 1;
const VERSION = 4;
const STATE = 5;
const HISTORY = 6;
const LENGTH = 7;
const HEADER_UNITS = 4;
const HEADER_BYTES = 8 * HEADER_UNITS;

const DELETED = 0x8000_0000;
const LEASED = 0x4000_0000;
const SUB_MASK = 0x3fff_ffff;
/** The largest sub-revision that an entry can hold. */
export const MAX_SUB = SUB_MASK;
/** Stands for a version that does not fit. */
const WIDE_VERSION = 0xffff_ffff;
/** A longer key lies elsewhere; its entry holds four bytes that say where. */
const LONG_KEY_BYTES = 1 << 16;

interface Chunk {
  readonly doubles: Float64Array;
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
}

/**
 * What the index knows of each key: its bytes and its latest state, side by side, because what a lookup costs is cache
 * misses. An entry is named by its id, which stays the same while the key is in the index. Deleted keys stay until a
 * compaction has passed their tombstone. The room of a removed entry is used again for an entry of the same size.
 */
export class EntryTable {
  #chunks: Chunk[] = [];
  #used = CHUNK_UNITS;
  #count = 0;
  /** By size in units: the first free entry, or -1; the next one is in its word HISTORY, plus one. */
  #free = new Map<number, number>();
  #wideVersions = new Map<number, number>();
  #longKeys: (Uint8Array | undefined)[] = [];
  #freeLongKeys: number[] = [];

  get count(): number {
    return this.#count;
  }

  /** Copies `key`. The state is for the caller to set. */
  add(key: Uint8Array): number {
    const length = key.length;
    const units = sizeInUnits(length);
    let id = this.#free.size > 0 ? this.#reuse(units) : -1;
    if (id < 0) {
      if (this.#used + units > CHUNK_UNITS) this.#addChunk();
      id = ((this.#chunks.length - 1) << CHUNK_BITS) | this.#used;
      this.#used += units;
    }
    const chunk = this.#chunks[id >>> CHUNK_BITS]!;
    const unit = id & CHUNK_MASK;
    chunk.words[2 * unit + HISTORY] = 0;
    chunk.words[2 * unit + LENGTH] = length;
    if (length < LONG_KEY_BYTES) {
      const start = 8 * unit + HEADER_BYTES;
      const bytes = chunk.bytes;
      if (length <= 48) for (let i = 0; i < length; i++) bytes[start + i] = key[i]!;
      else bytes.set(key, start);
    } else {
      const index = this.#freeLongKeys.pop() ?? this.#longKeys.length;
      this.#longKeys[index] = new Uint8Array(key);
      chunk.words[2 * (unit + HEADER_UNITS)] = index;
    }
    this.#count += 1;
    return id;
  }

  remove(id: number): void {
    const chunk = this.#chunks[id >>> CHUNK_BITS]!;
    const unit = id & CHUNK_MASK;
    const length = chunk.words[2 * unit + LENGTH]!;
    if (length >= LONG_KEY_BYTES) {
      const index = chunk.words[2 * (unit + HEADER_UNITS)]!;
      this.#longKeys[index] = undefined;
      this.#freeLongKeys.push(index);
    }
    this.#wideVersions.delete(id);
    const units = sizeInUnits(length);
    chunk.words[2 * unit + HISTORY] = (this.#free.get(units) ?? -1) + 1;
    this.#free.set(units, id);
    this.#count -= 1;
  }

  modMain(id: number): number {
    return this.#chunks[id >>> CHUNK_BITS]!.doubles[id & CHUNK_MASK]!;
  }

  modSub(id: number): number {
    return this.#chunks[id >>> CHUNK_BITS]!.words[2 * (id & CHUNK_MASK) + STATE]! & SUB_MASK;
  }

  /** Main revision of the key's creation; 0 of a deleted key. */
  createMain(id: number): number {
    return this.#chunks[id >>> CHUNK_BITS]!.doubles[(id & CHUNK_MASK) + CREATE]!;
  }

  /** 0 of a deleted key. */
  version(id: number): number {
    const version = this.#chunks[id >>> CHUNK_BITS]!.words[2 * (id & CHUNK_MASK) + VERSION]!;
    return version === WIDE_VERSION ? this.#wideVersions.get(id)! : version;
  }

  isDeleted(id: number): boolean {
    return this.#chunks[id >>> CHUNK_BITS]!.words[2 * (id & CHUNK_MASK) + STATE]! >= DELETED;
  }

  /** Whether the latest record names a lease. */
  isLeased(id: number): boolean {
    return (this.#chunks[id >>> CHUNK_BITS]!.words[2 * (id & CHUNK_MASK) + STATE]! & LEASED) !== 0;
  }

  setPut(
    id: number,
    modMain: number,
    modSub: number,
    createMain: number,
    version: number,
    leased: boolean,
  ): void {
    const { doubles, words } = this.#chunks[id >>> CHUNK_BITS]!;
    const unit = id & CHUNK_MASK;
    doubles[unit] = modMain;
    doubles[unit + CREATE] = createMain;
    words[2 * unit + STATE] = leased ? (modSub | LEASED) >>> 0 : modSub;
    if (version < WIDE_VERSION) {
      words[2 * unit + VERSION] = version;
    } else {
      words[2 * unit + VERSION] = WIDE_VERSION;
      this.#wideVersions.set(id, version);
    }
  }

  setTombstone(id: number, modMain: number, modSub: number): void {
    const { doubles, words } = this.#chunks[id >>> CHUNK_BITS]!;
    const unit = id & CHUNK_MASK;
    doubles[unit] = modMain;
    doubles[unit + CREATE] = 0;
    words[2 * unit + VERSION] = 0;
    words[2 * unit + STATE] = (modSub | DELETED) >>> 0;
  }

  /** Handle of the revisions before the latest, see `RevisionHistory`; 0 when there are none. */
  history(id: number): number {
    return this.#chunks[id >>> CHUNK_BITS]!.words[2 * (id & CHUNK_MASK) + HISTORY]!;
  }

  setHistory(id: number, handle: number): void {
    this.#chunks[id >>> CHUNK_BITS]!.words[2 * (id & CHUNK_MASK) + HISTORY] = handle;
  }

  keyLength(id: number): number {
    return this.#chunks[id >>> CHUNK_BITS]!.words[2 * (id & CHUNK_MASK) + LENGTH]!;
  }

  /** A view, borrowed until the index changes. */
  borrowKey(id: number): Uint8Array {
    const chunk = this.#chunks[id >>> CHUNK_BITS]!;
    const unit = id & CHUNK_MASK;
    const length = chunk.words[2 * unit + LENGTH]!;
    if (length >= LONG_KEY_BYTES) return this.#longKeys[chunk.words[2 * (unit + HEADER_UNITS)]!]!;
    return new Uint8Array(chunk.bytes.buffer, 8 * unit + HEADER_BYTES, length);
  }

  keyEquals(id: number, key: Uint8Array): boolean {
    const chunk = this.#chunks[id >>> CHUNK_BITS]!;
    const unit = id & CHUNK_MASK;
    const length = chunk.words[2 * unit + LENGTH]!;
    if (length !== key.length) return false;
    if (length >= LONG_KEY_BYTES) return Buffer.compare(this.borrowKey(id), key) === 0;
    const bytes = chunk.bytes;
    const start = 8 * unit + HEADER_BYTES;
    for (let i = 0; i < length; i++) if (bytes[start + i] !== key[i]) return false;
    return true;
  }

  /** The sign of (key of `id`) - `key`; bytes before `from` are known to be equal. */
  compareKey(id: number, key: Uint8Array, from: number): number {
    const chunk = this.#chunks[id >>> CHUNK_BITS]!;
    const unit = id & CHUNK_MASK;
    const length = chunk.words[2 * unit + LENGTH]!;
    if (length >= LONG_KEY_BYTES) return Buffer.compare(this.borrowKey(id), key);
    const bytes = chunk.bytes;
    const start = 8 * unit + HEADER_BYTES;
    const end = Math.min(length, key.length);
    for (let i = from; i < end; i++) {
      const difference = bytes[start + i]! - key[i]!;
      if (difference !== 0) return difference;
    }
    return length - key.length;
  }

  /**
   * Up to where the keys of the ids from `start` to `end` (exclusive) all equal `key`: they do to `from`, and `to` is the
   * limit. A complement stands for its id.
   */
  commonPrefix(
    ids: Int32Array,
    start: number,
    end: number,
    key: Uint8Array,
    from: number,
    to: number,
  ): number {
    let limit = to;
    for (let i = start; i < end; i++) {
      const id = plainId(ids[i]!);
      const ours = this.#chunks[id >>> CHUNK_BITS]!;
      const unit = id & CHUNK_MASK;
      const length = ours.words[2 * unit + LENGTH]!;
      const long = length >= LONG_KEY_BYTES;
      const bytes = long ? this.borrowKey(id) : ours.bytes;
      const first = long ? 0 : 8 * unit + HEADER_BYTES;
      if (length < limit) limit = length;
      let at = from;
      while (at < limit && bytes[first + at] === key[at]) at++;
      limit = at;
    }
    return limit;
  }

  /**
   * The four bytes from `from` on of the keys of the ids from `start` to `end` (exclusive), as `keyHead` but unsigned.
   * A complement stands for its id.
   */
  readHeads(ids: Int32Array, start: number, end: number, from: number, heads: Uint32Array): void {
    for (let i = start; i < end; i++) {
      heads[i] = this.keyHead(plainId(ids[i]!), from) ^ 0x8000_0000;
    }
  }

  /** As `keyHead` of the key of `id`. */
  keyHead(id: number, from: number): number {
    const chunk = this.#chunks[id >>> CHUNK_BITS]!;
    const unit = id & CHUNK_MASK;
    const length = chunk.words[2 * unit + LENGTH]!;
    let bytes = chunk.bytes;
    let start = 8 * unit + HEADER_BYTES;
    if (length >= LONG_KEY_BYTES) {
      bytes = this.borrowKey(id);
      start = 0;
    }
    const at = start + from;
    if (from + 4 <= length) {
      return (
        ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) ^ 0x8000_0000
      );
    }
    let head = 0;
    for (let i = 0; i < 4; i++) head = (head << 8) | (from + i < length ? bytes[at + i]! : 0);
    return head ^ 0x8000_0000;
  }

  #reuse(units: number): number {
    const id = this.#free.get(units);
    if (id === undefined || id < 0) return -1;
    this.#free.set(units, this.history(id) - 1);
    return id;
  }

  #addChunk(): void {
    assert(this.#chunks.length < MAX_CHUNKS, "more than 16 GiB of keys");
    const buffer = new ArrayBuffer(CHUNK_UNITS * 8);
    this.#chunks.push({
      doubles: new Float64Array(buffer),
      words: new Uint32Array(buffer),
      bytes: new Uint8Array(buffer),
    });
    this.#used = 0;
  }
}

/** The id that `stored` stands for: in the order of keys, that of a deleted key is stored as its complement. */
export function plainId(stored: number): number {
  return stored < 0 ? ~stored : stored;
}

function sizeInUnits(keyLength: number): number {
  return HEADER_UNITS + (keyLength < LONG_KEY_BYTES ? (keyLength + 7) >>> 3 : 1);
}
