import type { EntryTable } from "./entry-table.ts";
import { hashKey } from "./key-hash.ts";
import { WordPool } from "./word-pool.ts";

const SLOTS = 512;
const SLOT_MASK = SLOTS - 1;
const SPLIT_AT = 420;
/** Keys in a segment that a table of expected size is made for: few will have more than SPLIT_AT. */
const EXPECTED_FILL = 340;
const MOST_EXPECTED_BITS = 20;

/** Slots are pairs (id + 1, hash); a free slot has 0 first. Linear probing. */
interface Segment {
  readonly slots: Int32Array;
  used: number;
  /** How many leading bits of the hash the keys of this segment share. */
  depth: number;
}

/**
 * Hash table from key to entry id. It grows by splitting one segment of 512 slots at a time (extendible hashing), so no
 * insertion ever pays for the whole table. Hashes are kept, so a split reads no keys.
 */
export class KeyTable {
  #entries: EntryTable;
  #seed0: number;
  #seed1: number;
  readonly #pool = new WordPool(2 * SLOTS);
  #directory: Segment[] = [this.#newSegment(1), this.#newSegment(1)];
  /** Takes up what is read only to have it in cache. */
  touched = 0;
  /** The directory is indexed by the leading 32 - shift bits of the hash. */
  #shift = 31;

  constructor(entries: EntryTable, seed0: number, seed1: number) {
    this.#entries = entries;
    this.#seed0 = seed0;
    this.#seed1 = seed1;
  }

  hash(key: Uint8Array): number {
    return hashKey(key, this.#seed0, this.#seed1);
  }

  /** The id of `key`, or -1. */
  find(key: Uint8Array, hash: number): number {
    const slots = this.#directory[hash >>> this.#shift]!.slots;
    let at = (hash & SLOT_MASK) << 1;
    for (;;) {
      const stored = slots[at]!;
      if (stored === 0) return -1;
      if (slots[at + 1] === hash && this.#entries.keyEquals(stored - 1, key)) return stored - 1;
      at = (at + 2) & (2 * SLOTS - 1);
    }
  }

  /** Makes room for as many keys at once: splitting segments while they fill up moves each key twice. */
  expect(keys: number): void {
    const bits = Math.min(MOST_EXPECTED_BITS, Math.ceil(Math.log2(keys / EXPECTED_FILL)));
    if (!(bits > 32 - this.#shift)) return;
    const before = new Set(this.#directory);
    this.#shift = 32 - bits;
    this.#directory = Array.from({ length: 2 ** bits }, () => this.#newSegment(bits));
    for (const { slots } of before) {
      for (let at = 0; at < 2 * SLOTS; at += 2) {
        const hash = slots[at + 1]!;
        if (slots[at] !== 0) place(this.#directory[hash >>> this.#shift]!, slots[at]!, hash);
      }
      this.#pool.release(slots.fill(0));
    }
  }

  /** Looks at the places of keys, so that they are in cache when they are asked for. */
  touch(hashes: Int32Array, count: number): void {
    const directory = this.#directory;
    const shift = this.#shift;
    let touched = 0;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!;
      touched ^= directory[hash >>> shift]!.slots[(hash & SLOT_MASK) << 1]!;
    }
    this.touched = touched;
  }

  /** The key must not be in the table. */
  insert(id: number, hash: number): void {
    let segment = this.#directory[hash >>> this.#shift]!;
    while (segment.used >= SPLIT_AT) {
      this.#split(segment, hash);
      segment = this.#directory[hash >>> this.#shift]!;
    }
    place(segment, id + 1, hash);
  }

  /** The key must be in the table. */
  remove(id: number, hash: number): void {
    const segment = this.#directory[hash >>> this.#shift]!;
    const slots = segment.slots;
    let slot = hash & SLOT_MASK;
    while (slots[slot << 1] !== id + 1) slot = (slot + 1) & SLOT_MASK;
    // Close the gap: move back what would not be found any more across it.
    let gap = slot;
    for (;;) {
      slot = (slot + 1) & SLOT_MASK;
      if (slots[slot << 1] === 0) break;
      const home = slots[(slot << 1) + 1]! & SLOT_MASK;
      if (((slot - home) & SLOT_MASK) < ((slot - gap) & SLOT_MASK)) continue;
      slots[gap << 1] = slots[slot << 1]!;
      slots[(gap << 1) + 1] = slots[(slot << 1) + 1]!;
      gap = slot;
    }
    slots[gap << 1] = 0;
    segment.used -= 1;
  }

  #split(segment: Segment, hash: number): void {
    const depth = segment.depth + 1;
    if (depth > 32 - this.#shift) {
      this.#directory = this.#directory.flatMap((each) => [each, each]);
      this.#shift -= 1;
    }
    const one = this.#newSegment(depth);
    const slots = SCRATCH;
    slots.set(segment.slots);
    segment.slots.fill(0);
    segment.used = 0;
    for (let at = 0; at < 2 * SLOTS; at += 2) {
      const stored = slots[at]!;
      if (stored === 0) continue;
      const storedHash = slots[at + 1]!;
      place(((storedHash >>> (32 - depth)) & 1) === 0 ? segment : one, stored, storedHash);
    }
    // The directory slots of this segment are neighbours: they share the segment's leading bits.
    const width = 1 << (32 - this.#shift - segment.depth);
    const first = (hash >>> this.#shift) & ~(width - 1);
    for (let i = width / 2; i < width; i++) this.#directory[first + i] = one;
    segment.depth = depth;
  }

  #newSegment(depth: number): Segment {
    return { slots: this.#pool.take(), used: 0, depth };
  }
}

/** The slots of a segment while it is being split. */
const SCRATCH = new Int32Array(2 * SLOTS);

function place(segment: Segment, stored: number, hash: number): void {
  const slots = segment.slots;
  let at = (hash & SLOT_MASK) << 1;
  while (slots[at] !== 0) at = (at + 2) & (2 * SLOTS - 1);
  slots[at] = stored;
  slots[at + 1] = hash;
  segment.used += 1;
}
