/** No slot. */
export const NONE = -1;

const SHARDS = 256;
const FIRST_BUCKETS = 8;

/**
 * Slots by hash: open addressing with linear probing, in 256 tables of which each grows for itself, so that growing
 * never takes long. What a slot stands for is the owner's affair: it walks the candidates of a hash and compares.
 */
export class SlotIndex {
  private readonly hashOf: (slot: number) => number;
  /** Of each shard, slot + 1 or 0; a power of two long, at most half full. */
  private readonly shards: Int32Array[] = [];
  private readonly counts = new Int32Array(SHARDS);

  /** `hashOf` gives the 32-bit hash under which a slot was entered. Its upper and lower bits are used. */
  constructor(hashOf: (slot: number) => number) {
    this.hashOf = hashOf;
    this.clear();
  }

  /**
   * The table in which to look for `hash`: the candidates are `table[i] - 1` from `i = hash & (table.length - 1)` on, with
   * wrap-around, up to the first 0.
   */
  tableOf(hash: number): Int32Array {
    return this.shards[hash >>> 24]!;
  }

  add(slot: number): void {
    const hash = this.hashOf(slot);
    const shard = hash >>> 24;
    const count = this.counts[shard]! + 1;
    this.counts[shard] = count;
    const table = this.shards[shard]!;
    if (count * 2 > table.length) this.shards[shard] = this.grown(table);
    enter(this.shards[shard]!, slot, hash);
  }

  /** Takes the slot out and moves up what was displaced by it, so that no markers stay behind. */
  remove(slot: number): void {
    const hash = this.hashOf(slot);
    const shard = hash >>> 24;
    const table = this.shards[shard]!;
    const mask = table.length - 1;
    let hole = hash & mask;
    while (table[hole] !== slot + 1) hole = (hole + 1) & mask;
    for (let bucket = (hole + 1) & mask; table[bucket] !== 0; bucket = (bucket + 1) & mask) {
      const home = this.hashOf(table[bucket]! - 1) & mask;
      if (((bucket - home) & mask) < ((bucket - hole) & mask)) continue;
      table[hole] = table[bucket]!;
      hole = bucket;
    }
    table[hole] = 0;
    this.counts[shard]! -= 1;
  }

  clear(): void {
    for (let shard = 0; shard < SHARDS; shard++) this.shards[shard] = new Int32Array(FIRST_BUCKETS);
    this.counts.fill(0);
  }

  private grown(table: Int32Array): Int32Array {
    const larger = new Int32Array(table.length * 2);
    for (let bucket = 0; bucket < table.length; bucket++) {
      const slot = table[bucket]! - 1;
      if (slot !== NONE) enter(larger, slot, this.hashOf(slot));
    }
    return larger;
  }
}

function enter(table: Int32Array, slot: number, hash: number): void {
  const mask = table.length - 1;
  let bucket = hash & mask;
  while (table[bucket] !== 0) bucket = (bucket + 1) & mask;
  table[bucket] = slot + 1;
}
