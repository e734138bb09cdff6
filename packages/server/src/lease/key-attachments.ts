import { ByteArena } from "./byte-arena.ts";
import { NONE } from "./lease-table.ts";

/** The list of a lease's keys begins in a table of the owner, by lease slot. */
export interface ListHeads {
  firstKey: Int32Array;
}

/**
 * Which key is attached to which lease, both ways: a hash table of keys in typed arrays, each key also a link of its
 * lease's list. About 40 bytes and the key for each attachment. Without attachments every lookup is one comparison.
 */
export class KeyAttachments {
  private readonly heads: ListHeads;
  private readonly seed: number;
  private arena = new ByteArena();
  private address = new Float64Array(0);
  private length = new Int32Array(0);
  private hash = new Int32Array(0);
  /** Lease slot. */
  private lease = new Int32Array(0);
  private next = new Int32Array(0);
  private previous = new Int32Array(0);
  /** Open addressing with linear probing: entry + 1, or 0. At most half full. */
  private buckets = new Int32Array(16);
  private firstFree = NONE;
  private used = 0;
  private live = 0;

  /** `seed` makes collisions hard to arrange; results do not depend on it. */
  constructor(heads: ListHeads, seed: number) {
    this.heads = heads;
    this.seed = seed | 0;
  }

  get size(): number {
    return this.live;
  }

  /** The lease slot of a key, or `NONE`. `key` is borrowed. */
  leaseOf(key: Uint8Array): number {
    if (this.live === 0) return NONE;
    const entry = this.find(key, hashKey(key, this.seed));
    return entry === NONE ? NONE : this.lease[entry]!;
  }

  /** Attaches the key to this lease and to no other. `key` is borrowed. */
  attach(key: Uint8Array, leaseSlot: number): void {
    const hash = hashKey(key, this.seed);
    let entry = this.find(key, hash);
    if (entry !== NONE) {
      if (this.lease[entry] === leaseSlot) return;
      this.unlink(entry);
    } else {
      entry = this.take();
      this.address[entry] = this.arena.store(key);
      this.length[entry] = key.length;
      this.hash[entry] = hash;
      this.live += 1;
      if (this.live * 2 > this.buckets.length) this.rehash(this.buckets.length * 2, entry);
      this.enter(entry);
    }
    this.link(entry, leaseSlot);
  }

  /** Does nothing when the key has no lease. `key` is borrowed. */
  detach(key: Uint8Array): void {
    if (this.live === 0) return;
    const entry = this.find(key, hashKey(key, this.seed));
    if (entry !== NONE) this.drop(entry);
  }

  detachAll(leaseSlot: number): void {
    for (;;) {
      const entry = this.heads.firstKey[leaseSlot]!;
      if (entry === NONE) return;
      this.drop(entry);
    }
  }

  /** The keys of a lease in no particular order, as copies in one buffer. */
  keysOf(leaseSlot: number): Uint8Array[] {
    let bytes = 0;
    const first = this.heads.firstKey[leaseSlot]!;
    for (let entry = first; entry !== NONE; entry = this.next[entry]!) bytes += this.length[entry]!;
    const buffer = new Uint8Array(bytes);
    const keys: Uint8Array[] = [];
    let offset = 0;
    for (let entry = first; entry !== NONE; entry = this.next[entry]!) {
      const length = this.length[entry]!;
      this.arena.copyTo(this.address[entry]!, length, buffer, offset);
      keys.push(buffer.subarray(offset, offset + length));
      offset += length;
    }
    return keys;
  }

  /** Forgets everything; the owner forgets the heads of the lists. */
  clear(): void {
    this.arena = new ByteArena();
    this.address = new Float64Array(0);
    this.length = new Int32Array(0);
    this.hash = new Int32Array(0);
    this.lease = new Int32Array(0);
    this.next = new Int32Array(0);
    this.previous = new Int32Array(0);
    this.buckets = new Int32Array(16);
    this.firstFree = NONE;
    this.used = 0;
    this.live = 0;
  }

  private find(key: Uint8Array, hash: number): number {
    const { buckets } = this;
    const mask = buckets.length - 1;
    let bucket = hash & mask;
    for (;;) {
      const entry = buckets[bucket]! - 1;
      if (entry < 0) return NONE;
      if (this.hash[entry] === hash && this.arena.equals(this.address[entry]!, this.length[entry]!, key)) {
        return entry;
      }
      bucket = (bucket + 1) & mask;
    }
  }

  private drop(entry: number): void {
    this.unlink(entry);
    this.leave(entry);
    this.arena.release(this.address[entry]!, this.length[entry]!);
    this.length[entry] = FREE;
    this.next[entry] = this.firstFree;
    this.firstFree = entry;
    this.live -= 1;
  }

  private link(entry: number, leaseSlot: number): void {
    const { firstKey } = this.heads;
    const first = firstKey[leaseSlot]!;
    this.lease[entry] = leaseSlot;
    this.previous[entry] = NONE;
    this.next[entry] = first;
    if (first !== NONE) this.previous[first] = entry;
    firstKey[leaseSlot] = entry;
  }

  private unlink(entry: number): void {
    const before = this.previous[entry]!;
    const after = this.next[entry]!;
    if (before === NONE) this.heads.firstKey[this.lease[entry]!] = after;
    else this.next[before] = after;
    if (after !== NONE) this.previous[after] = before;
  }

  private take(): number {
    if (this.firstFree !== NONE) {
      const entry = this.firstFree;
      this.firstFree = this.next[entry]!;
      return entry;
    }
    if (this.used === this.length.length) this.grow();
    const entry = this.used;
    this.used += 1;
    return entry;
  }

  private grow(): void {
    const capacity = Math.max(64, this.used + Math.ceil(this.used / 2));
    const address = new Float64Array(capacity);
    address.set(this.address);
    this.address = address;
    this.length = grown(this.length, capacity);
    this.hash = grown(this.hash, capacity);
    this.lease = grown(this.lease, capacity);
    this.next = grown(this.next, capacity);
    this.previous = grown(this.previous, capacity);
  }

  /** Enters all but `newest`, which the caller enters. */
  private rehash(bucketCount: number, newest: number): void {
    this.buckets = new Int32Array(bucketCount);
    for (let entry = 0; entry < this.used; entry++) {
      if (entry !== newest && this.length[entry] !== FREE) this.enter(entry);
    }
  }

  private enter(entry: number): void {
    const mask = this.buckets.length - 1;
    let bucket = this.hash[entry]! & mask;
    while (this.buckets[bucket] !== 0) bucket = (bucket + 1) & mask;
    this.buckets[bucket] = entry + 1;
  }

  /** Takes the entry out and moves up what was displaced by it, so that no markers stay behind. */
  private leave(entry: number): void {
    const { buckets } = this;
    const mask = buckets.length - 1;
    let hole = this.hash[entry]! & mask;
    while (buckets[hole] !== entry + 1) hole = (hole + 1) & mask;
    for (let bucket = (hole + 1) & mask; buckets[bucket] !== 0; bucket = (bucket + 1) & mask) {
      const home = this.hash[buckets[bucket]! - 1]! & mask;
      if (((bucket - home) & mask) < ((bucket - hole) & mask)) continue;
      buckets[hole] = buckets[bucket]!;
      hole = bucket;
    }
    buckets[hole] = 0;
  }
}

/** The length of an entry that is not in use. */
const FREE = -1;

/** Not cryptographic, but which keys collide depends on the seed. */
function hashKey(key: Uint8Array, seed: number): number {
  let hash = seed ^ key.length;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key[i]!, 0x5bd1_e995);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0x85eb_ca6b);
  return hash ^ (hash >>> 13);
}

function grown(array: Int32Array<ArrayBuffer>, capacity: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(capacity);
  copy.set(array);
  return copy;
}
