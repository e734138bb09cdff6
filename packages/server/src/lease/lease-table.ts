import { CHUNK_SLOTS, FloatColumn, IntColumn } from "./columns.ts";
import { NONE, SlotIndex } from "./slot-index.ts";

/**
 * The leases by id, in typed arrays: about 45 bytes each, and nothing for the garbage collector to walk through. A lease
 * is named by its slot, which stays the same until it is removed and is then given to another.
 */
export class LeaseTable {
  /** Seconds; 0 of a slot that is not in use. */
  readonly ttl = new FloatColumn();
  /** Seconds left at the last checkpoint; 0 without one. */
  readonly remainingTtl = new FloatColumn();
  /** Monotonic milliseconds; Infinity while there is no deadline. */
  readonly deadline = new FloatColumn();
  /** The first attached key, or `NONE`. Of a free slot, the next free one. */
  readonly firstKey = new IntColumn();

  private readonly idLow = new IntColumn();
  private readonly idHigh = new IntColumn();
  private readonly index = new SlotIndex((slot) => hashOf(this.idLow.get(slot), this.idHigh.get(slot)));
  private firstFree = NONE;
  private used = 0;
  private live = 0;

  get size(): number {
    return this.live;
  }

  /** Slots from this one on have never been used. */
  get usedSlots(): number {
    return this.used;
  }

  isLive(slot: number): boolean {
    return this.ttl.get(slot) !== 0;
  }

  find(id: bigint): number {
    splitter[0] = id;
    const low = halves[0]!;
    const high = halves[1]!;
    const hash = hashOf(low, high);
    const table = this.index.tableOf(hash);
    const mask = table.length - 1;
    for (let bucket = hash & mask; ; bucket = (bucket + 1) & mask) {
      const slot = table[bucket]! - 1;
      if (slot === NONE) return NONE;
      if (this.idLow.get(slot) === low && this.idHigh.get(slot) === high) return slot;
    }
  }

  /** `id` is not there yet; `ttl` is positive. */
  add(id: bigint, ttlSeconds: number): number {
    const slot = this.takeSlot();
    splitter[0] = id;
    this.idLow.set(slot, halves[0]!);
    this.idHigh.set(slot, halves[1]!);
    this.ttl.set(slot, ttlSeconds);
    this.remainingTtl.set(slot, 0);
    this.deadline.set(slot, Number.POSITIVE_INFINITY);
    this.firstKey.set(slot, NONE);
    this.live += 1;
    this.index.add(slot);
    return slot;
  }

  remove(slot: number): void {
    this.index.remove(slot);
    this.ttl.set(slot, 0);
    this.firstKey.set(slot, this.firstFree);
    this.firstFree = slot;
    this.live -= 1;
  }

  clear(): void {
    for (const column of this.columns()) column.clear();
    this.index.clear();
    this.firstFree = NONE;
    this.used = 0;
    this.live = 0;
  }

  idOf(slot: number): bigint {
    halves[0] = this.idLow.get(slot);
    halves[1] = this.idHigh.get(slot);
    return splitter[0]!;
  }

  private takeSlot(): number {
    if (this.firstFree !== NONE) {
      const slot = this.firstFree;
      this.firstFree = this.firstKey.get(slot);
      return slot;
    }
    const slot = this.used;
    if (slot % CHUNK_SLOTS === 0) for (const column of this.columns()) column.reserve(slot + 1);
    this.used += 1;
    return slot;
  }

  private columns(): (FloatColumn | IntColumn)[] {
    return [this.ttl, this.remainingTtl, this.deadline, this.firstKey, this.idLow, this.idHigh];
  }
}

// Ids go in as bigints and are kept as two halves: no bigint is made to compare them.
const splitter = new BigInt64Array(1);
const halves = new Int32Array(splitter.buffer);

function hashOf(low: number, high: number): number {
  let hash = Math.imul(low, 0x9e37_79b1) ^ Math.imul(high, 0x85eb_ca77);
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2_ae3d);
  hash = Math.imul(hash ^ (hash >>> 13), 0x27d4_eb2f);
  return hash ^ (hash >>> 16);
}
