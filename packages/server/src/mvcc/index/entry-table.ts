import { KeyArena } from "./key-arena.ts";

const CHUNK_BITS = 12;
const CHUNK_ENTRIES = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_ENTRIES - 1;
const WIDE_VERSION = 0xffff_ffff;
const DELETED = 0x8000_0000;
const LEASED = 0x4000_0000;
const SUB_MASK = 0x3fff_ffff;
export const MAX_SUB = SUB_MASK;

/**
 * 32 bytes an entry, half a cache line:
 * modMain f64, createMain f64, version u32, (deleted, leased, modSub) u32, place of the key u32, history u32.
 */
interface Chunk {
  readonly doubles: Float64Array;
  readonly words: Uint32Array;
}

/**
 * What the index knows of each key: its bytes and its latest state. An entry is named by a small integer, its id, which
 * stays the same while the key is in the index. Deleted keys stay until a compaction has passed their tombstone.
 */
export class EntryTable {
  readonly keys = new KeyArena();
  #chunks: Chunk[] = [];
  #nextId = 0;
  #freeIds: number[] = [];
  /** Versions that do not fit 32 bits. */
  #wideVersions = new Map<number, number>();

  /** Ids in use. */
  get count(): number {
    return this.#nextId - this.#freeIds.length;
  }

  /** All ids are below this. */
  get idLimit(): number {
    return this.#nextId;
  }

  /** Copies `key`. All other fields are for the caller to set. */
  add(key: Uint8Array): number {
    let id = this.#freeIds.pop();
    if (id === undefined) {
      id = this.#nextId++;
      if ((id & CHUNK_MASK) === 0) {
        const buffer = new ArrayBuffer(CHUNK_ENTRIES * 32);
        this.#chunks.push({ doubles: new Float64Array(buffer), words: new Uint32Array(buffer) });
      }
    }
    const words = this.#chunks[id >>> CHUNK_BITS]!.words;
    const at = (id & CHUNK_MASK) << 3;
    words[at + 4] = 0;
    words[at + 5] = 0;
    words[at + 6] = this.keys.add(key);
    words[at + 7] = 0;
    return id;
  }

  remove(id: number): void {
    this.keys.free(this.keyPlace(id));
    this.#wideVersions.delete(id);
    this.#freeIds.push(id);
  }

  modMain(id: number): number {
    return this.#chunks[id >>> CHUNK_BITS]!.doubles[(id & CHUNK_MASK) << 2]!;
  }

  modSub(id: number): number {
    return this.#chunks[id >>> CHUNK_BITS]!.words[((id & CHUNK_MASK) << 3) + 5]! & SUB_MASK;
  }

  /** Main revision of the key's creation; 0 of a deleted key. */
  createMain(id: number): number {
    return this.#chunks[id >>> CHUNK_BITS]!.doubles[((id & CHUNK_MASK) << 2) + 1]!;
  }

  /** 0 of a deleted key. */
  version(id: number): number {
    const version = this.#chunks[id >>> CHUNK_BITS]!.words[((id & CHUNK_MASK) << 3) + 4]!;
    return version === WIDE_VERSION ? this.#wideVersions.get(id)! : version;
  }

  isDeleted(id: number): boolean {
    return this.#chunks[id >>> CHUNK_BITS]!.words[((id & CHUNK_MASK) << 3) + 5]! >= DELETED;
  }

  /** Whether the latest record names a lease. */
  isLeased(id: number): boolean {
    return (this.#chunks[id >>> CHUNK_BITS]!.words[((id & CHUNK_MASK) << 3) + 5]! & LEASED) !== 0;
  }

  setPut(
    id: number,
    modMain: number,
    modSub: number,
    createMain: number,
    version: number,
    leased: boolean,
  ): void {
    const chunk = this.#chunks[id >>> CHUNK_BITS]!;
    const entry = id & CHUNK_MASK;
    chunk.doubles[entry << 2] = modMain;
    chunk.doubles[(entry << 2) + 1] = createMain;
    chunk.words[(entry << 3) + 5] = leased ? (modSub | LEASED) >>> 0 : modSub;
    if (version < WIDE_VERSION) {
      chunk.words[(entry << 3) + 4] = version;
    } else {
      chunk.words[(entry << 3) + 4] = WIDE_VERSION;
      this.#wideVersions.set(id, version);
    }
  }

  setTombstone(id: number, modMain: number, modSub: number): void {
    const chunk = this.#chunks[id >>> CHUNK_BITS]!;
    const entry = id & CHUNK_MASK;
    chunk.doubles[entry << 2] = modMain;
    chunk.doubles[(entry << 2) + 1] = 0;
    chunk.words[(entry << 3) + 4] = 0;
    chunk.words[(entry << 3) + 5] = (modSub | DELETED) >>> 0;
  }

  /** Handle of the revisions before the latest, see `RevisionHistory`; 0 when there are none. */
  history(id: number): number {
    return this.#chunks[id >>> CHUNK_BITS]!.words[((id & CHUNK_MASK) << 3) + 7]!;
  }

  setHistory(id: number, handle: number): void {
    this.#chunks[id >>> CHUNK_BITS]!.words[((id & CHUNK_MASK) << 3) + 7] = handle;
  }

  keyPlace(id: number): number {
    return this.#chunks[id >>> CHUNK_BITS]!.words[((id & CHUNK_MASK) << 3) + 6]!;
  }

  /** Moves the key's bytes to a fresh place. */
  moveKey(id: number): void {
    const place = this.keyPlace(id);
    const moved = this.keys.add(this.keys.borrow(place));
    this.keys.free(place);
    this.#chunks[id >>> CHUNK_BITS]!.words[((id & CHUNK_MASK) << 3) + 6] = moved;
  }

  /** A view, borrowed until the index changes. */
  borrowKey(id: number): Uint8Array {
    return this.keys.borrow(this.keyPlace(id));
  }

  keyEquals(id: number, key: Uint8Array): boolean {
    return this.keys.equals(this.keyPlace(id), key);
  }

  /** The sign of (key of `id`) - `key`; bytes before `from` are known to be equal. */
  compareKey(id: number, key: Uint8Array, from: number): number {
    return this.keys.compare(this.keyPlace(id), key, from);
  }

  keyHead(id: number, from: number): number {
    return this.keys.head(this.keyPlace(id), from);
  }
}
