/** No lease, no key. */
export const NONE = -1;

/**
 * The leases by id, in typed arrays: about 50 bytes each, and nothing for the garbage collector to walk through. A lease
 * is named by its slot, which stays the same until it is removed and is then given to another.
 */
export class LeaseTable {
  /** Of each slot, seconds. */
  ttl = new Float64Array(0);
  /** Of each slot, seconds left at the last checkpoint; 0 without one. */
  remainingTtl = new Float64Array(0);
  /** Of each slot, monotonic milliseconds; Infinity while there is no deadline. */
  deadline = new Float64Array(0);
  /** Of each slot, the first attached key, or `NONE`. Of a free slot, the next free one. */
  firstKey = new Int32Array(0);

  private idLow = new Int32Array(0);
  private idHigh = new Int32Array(0);
  /** Open addressing with linear probing: slot + 1, or 0. At most half full. */
  private buckets = new Int32Array(16);
  private firstFree = NONE;
  private used = 0;
  private live = 0;

  get size(): number {
    return this.live;
  }

  /** Slots are below this. */
  get capacity(): number {
    return this.idLow.length;
  }

  /** Slots from this one on have never been used. */
  get usedSlots(): number {
    return this.used;
  }

  isLive(slot: number): boolean {
    return this.ttl[slot] !== 0;
  }

  find(id: bigint): number {
    splitter[0] = id;
    const low = halves[0]!;
    const high = halves[1]!;
    const mask = this.buckets.length - 1;
    let bucket = hashOf(low, high) & mask;
    for (;;) {
      const slot = this.buckets[bucket]! - 1;
      if (slot < 0) return NONE;
      if (this.idLow[slot] === low && this.idHigh[slot] === high) return slot;
      bucket = (bucket + 1) & mask;
    }
  }

  /** `id` is not there yet; `ttl` is positive. */
  add(id: bigint, ttlSeconds: number): number {
    const slot = this.takeSlot();
    splitter[0] = id;
    this.idLow[slot] = halves[0]!;
    this.idHigh[slot] = halves[1]!;
    this.ttl[slot] = ttlSeconds;
    this.remainingTtl[slot] = 0;
    this.deadline[slot] = Number.POSITIVE_INFINITY;
    this.firstKey[slot] = NONE;
    this.live += 1;
    if (this.live * 2 > this.buckets.length) this.rehash(this.buckets.length * 2);
    else this.enter(slot);
    return slot;
  }

  remove(slot: number): void {
    this.leave(slot);
    this.ttl[slot] = 0;
    this.firstKey[slot] = this.firstFree;
    this.firstFree = slot;
    this.live -= 1;
  }

  clear(): void {
    this.ttl = new Float64Array(0);
    this.remainingTtl = new Float64Array(0);
    this.deadline = new Float64Array(0);
    this.firstKey = new Int32Array(0);
    this.idLow = new Int32Array(0);
    this.idHigh = new Int32Array(0);
    this.buckets = new Int32Array(16);
    this.firstFree = NONE;
    this.used = 0;
    this.live = 0;
  }

  idOf(slot: number): bigint {
    halves[0] = this.idLow[slot]!;
    halves[1] = this.idHigh[slot]!;
    return splitter[0]!;
  }

  private takeSlot(): number {
    if (this.firstFree !== NONE) {
      const slot = this.firstFree;
      this.firstFree = this.firstKey[slot]!;
      return slot;
    }
    if (this.used === this.capacity) this.grow();
    const slot = this.used;
    this.used += 1;
    return slot;
  }

  private grow(): void {
    const capacity = Math.max(64, this.capacity + Math.ceil(this.capacity / 2));
    this.ttl = grownFloats(this.ttl, capacity);
    this.remainingTtl = grownFloats(this.remainingTtl, capacity);
    this.deadline = grownFloats(this.deadline, capacity);
    this.firstKey = grownInts(this.firstKey, capacity);
    this.idLow = grownInts(this.idLow, capacity);
    this.idHigh = grownInts(this.idHigh, capacity);
  }

  private rehash(bucketCount: number): void {
    this.buckets = new Int32Array(bucketCount);
    for (let slot = 0; slot < this.used; slot++) if (this.isLive(slot)) this.enter(slot);
  }

  private enter(slot: number): void {
    const mask = this.buckets.length - 1;
    let bucket = this.homeOf(slot);
    while (this.buckets[bucket] !== 0) bucket = (bucket + 1) & mask;
    this.buckets[bucket] = slot + 1;
  }

  /** Takes the slot out and moves up what was displaced by it, so that no markers stay behind. */
  private leave(slot: number): void {
    const { buckets } = this;
    const mask = buckets.length - 1;
    let hole = this.homeOf(slot);
    while (buckets[hole] !== slot + 1) hole = (hole + 1) & mask;
    for (let bucket = (hole + 1) & mask; buckets[bucket] !== 0; bucket = (bucket + 1) & mask) {
      const home = this.homeOf(buckets[bucket]! - 1);
      if (((bucket - home) & mask) < ((bucket - hole) & mask)) continue;
      buckets[hole] = buckets[bucket]!;
      hole = bucket;
    }
    buckets[hole] = 0;
  }

  private homeOf(slot: number): number {
    return hashOf(this.idLow[slot]!, this.idHigh[slot]!) & (this.buckets.length - 1);
  }
}

// Ids go in as bigints and are kept as two halves: no bigint is made to compare them.
const splitter = new BigInt64Array(1);
const halves = new Int32Array(splitter.buffer);

function hashOf(low: number, high: number): number {
  let hash = Math.imul(low, 0x9e37_79b1) ^ Math.imul(high, 0x85eb_ca77);
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2_ae3d);
  return hash ^ (hash >>> 13);
}

function grownFloats(array: Float64Array<ArrayBuffer>, capacity: number): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(capacity);
  grown.set(array);
  return grown;
}

function grownInts(array: Int32Array<ArrayBuffer>, capacity: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(capacity);
  grown.set(array);
  return grown;
}
