import { costOf, inOneGo, type Steps } from "@quorate/storage/slices";
import { ByteArena } from "./byte-arena.ts";
import { CHUNK_SLOTS, FloatColumn, IntColumn } from "./columns.ts";
import { NONE, SlotIndex } from "./slot-index.ts";

/** Keys copied, or freed, between two yields. */
const STEP = 256;

/** Where keys are written, one after another: each into `bytes`, at the place that `begin` returns. */
export interface KeySink {
  readonly bytes: Uint8Array;
  begin(length: number): number;
}

/** A walk over the keys of a lease that pauses. */
interface KeyListWalk {
  readonly leaseSlot: number;
  next: number;
}

/**
 * Which key is attached to which lease, both ways: keys in typed arrays, each also a link of its lease's list. About 53
 * bytes and the key for each attachment. Without attachments every question is one comparison.
 */
export class KeyAttachments {
  /** By lease slot, where its list of keys begins; owned by the leases' table. */
  private readonly firstKey: IntColumn;
  private readonly seed: number;
  private readonly arena = new ByteArena();
  private readonly address = new FloatColumn();
  private readonly length = new IntColumn();
  private readonly hash = new IntColumn();
  private readonly lease = new IntColumn();
  private readonly next = new IntColumn();
  private readonly previous = new IntColumn();
  private readonly linkedAt = new FloatColumn();
  private readonly index = new SlotIndex((entry) => this.hash.get(entry));
  /** Whoever takes an entry out of a list moves those on that would come to it next. */
  private readonly walks = new Set<KeyListWalk>();
  private firstFree = NONE;
  private used = 0;
  private live = 0;
  /** How many keys were ever attached. */
  private links = 0;

  /** `seed` makes collisions hard to arrange; results do not depend on it. */
  constructor(firstKey: IntColumn, seed: number) {
    this.firstKey = firstKey;
    this.seed = seed | 0;
  }

  get size(): number {
    return this.live;
  }

  /** The lease slot of a key, or `NONE`. `key` is borrowed. */
  leaseOf(key: Uint8Array): number {
    if (this.live === 0) return NONE;
    const entry = this.find(key, hashKey(key, this.seed));
    return entry === NONE ? NONE : this.lease.get(entry);
  }

  /** Attaches the key to this lease and to no other. `key` is borrowed. */
  attach(key: Uint8Array, leaseSlot: number): void {
    const hash = hashKey(key, this.seed);
    let entry = this.find(key, hash);
    if (entry !== NONE) {
      if (this.lease.get(entry) === leaseSlot) return;
      this.unlink(entry);
    } else {
      entry = this.take();
      this.address.set(entry, this.arena.store(key));
      this.length.set(entry, key.length);
      this.hash.set(entry, hash);
      this.live += 1;
      this.index.add(entry);
    }
    this.link(entry, leaseSlot);
  }

  /** Does nothing when the key has no lease. `key` is borrowed. */
  detach(key: Uint8Array): void {
    if (this.live === 0) return;
    const entry = this.find(key, hashKey(key, this.seed));
    if (entry !== NONE) this.drop(entry);
  }

  /** Takes the keys away from the lease at once, which may be removed then; the steps free what they occupied. */
  detachSteps(leaseSlot: number): Steps<void> {
    const first = this.firstKey.get(leaseSlot);
    this.firstKey.set(leaseSlot, NONE);
    for (const walk of this.walks) if (walk.leaseSlot === leaseSlot) walk.next = NONE;
    return this.freeSteps(first);
  }

  detachAll(leaseSlot: number): void {
    inOneGo(this.detachSteps(leaseSlot));
  }

  /** The keys of a lease in no particular order, as copies. */
  keysOf(leaseSlot: number): Uint8Array[] {
    return inOneGo(this.keysSteps(leaseSlot));
  }

  /** What has been attached by now; a later one is greater. */
  get moment(): number {
    return this.links;
  }

  /** `visit` is called with a copy of each key that a lease has got since `moment`, until it throws. */
  visitKeysSince(moment: number, leaseSlot: number, visit: (key: Uint8Array) => void): void {
    // What was attached last is first.
    for (
      let entry = this.firstKey.get(leaseSlot);
      entry !== NONE && this.linkedAt.get(entry) > moment;
      entry = this.next.get(entry)
    ) {
      const key = new Uint8Array(this.length.get(entry));
      this.arena.copyTo(this.address.get(entry), key.length, key, 0);
      visit(key);
    }
  }

  /** As `keysOf`; a key that is attached or detached meanwhile may be among them. To be done to the end. */
  *keysSteps(leaseSlot: number): Steps<Uint8Array[]> {
    const keys: Uint8Array[] = [];
    const walk: KeyListWalk = { leaseSlot, next: this.firstKey.get(leaseSlot) };
    this.walks.add(walk);
    while (walk.next !== NONE) {
      let entry = walk.next;
      // Copied into one buffer a step: a view costs a tenth of a small buffer of its own.
      const stop = this.afterSome(entry);
      let bytes = 0;
      for (let each = entry; each !== stop; each = this.next.get(each)) bytes += this.length.get(each);
      const buffer = new Uint8Array(bytes);
      let offset = 0;
      for (; entry !== stop; entry = this.next.get(entry)) {
        const length = this.length.get(entry);
        this.arena.copyTo(this.address.get(entry), length, buffer, offset);
        keys.push(buffer.subarray(offset, offset + length));
        offset += length;
      }
      walk.next = stop;
      yield costOf(STEP, bytes);
    }
    this.walks.delete(walk);
    return keys;
  }

  /** Writes the keys, and says so at the end; one that is attached or detached meanwhile may be among them. */
  *writeKeysSteps(leaseSlot: number, sink: KeySink): Steps<true> {
    const walk: KeyListWalk = { leaseSlot, next: this.firstKey.get(leaseSlot) };
    this.walks.add(walk);
    try {
      while (walk.next !== NONE) {
        let entry = walk.next;
        const stop = this.afterSome(entry);
        let bytes = 0;
        for (; entry !== stop; entry = this.next.get(entry)) {
          const length = this.length.get(entry);
          const at = sink.begin(length);
          this.arena.copyTo(this.address.get(entry), length, sink.bytes, at);
          bytes += length;
        }
        walk.next = stop;
        yield costOf(STEP, bytes);
      }
      return true;
    } finally {
      this.walks.delete(walk);
    }
  }

  /** Whether the lease has more keys than are looked at in one step. */
  hasMany(leaseSlot: number): boolean {
    const first = this.firstKey.get(leaseSlot);
    return first !== NONE && this.afterSome(first) !== NONE;
  }

  /** Forgets everything; the owner forgets where the lists begin. */
  clear(): void {
    this.arena.clear();
    for (const column of this.columns()) column.clear();
    this.index.clear();
    for (const walk of this.walks) walk.next = NONE;
    this.firstFree = NONE;
    this.used = 0;
    this.live = 0;
  }

  /** Of a list that no lease has any more. */
  private *freeSteps(first: number): Steps<void> {
    let count = 0;
    for (let entry = first; entry !== NONE; ) {
      const next = this.next.get(entry);
      this.free(entry);
      entry = next;
      if (++count % STEP === 0) yield costOf(STEP, 0);
    }
  }

  /** The entry of the list that comes a step after this one, or `NONE`. */
  private afterSome(entry: number): number {
    let stop = entry;
    for (let i = 0; i < STEP && stop !== NONE; i++) stop = this.next.get(stop);
    return stop;
  }

  private find(key: Uint8Array, hash: number): number {
    const table = this.index.tableOf(hash);
    const mask = table.length - 1;
    for (let bucket = hash & mask; ; bucket = (bucket + 1) & mask) {
      const entry = table[bucket]! - 1;
      if (entry === NONE) return NONE;
      if (this.hash.get(entry) !== hash) continue;
      if (this.arena.equals(this.address.get(entry), this.length.get(entry), key)) return entry;
    }
  }

  private drop(entry: number): void {
    this.unlink(entry);
    this.free(entry);
  }

  private free(entry: number): void {
    this.index.remove(entry);
    this.arena.release(this.address.get(entry), this.length.get(entry));
    this.next.set(entry, this.firstFree);
    this.firstFree = entry;
    this.live -= 1;
  }

  private link(entry: number, leaseSlot: number): void {
    const first = this.firstKey.get(leaseSlot);
    this.links += 1;
    this.linkedAt.set(entry, this.links);
    this.lease.set(entry, leaseSlot);
    this.previous.set(entry, NONE);
    this.next.set(entry, first);
    if (first !== NONE) this.previous.set(first, entry);
    this.firstKey.set(leaseSlot, entry);
  }

  private unlink(entry: number): void {
    const before = this.previous.get(entry);
    const after = this.next.get(entry);
    if (this.walks.size > 0) for (const walk of this.walks) if (walk.next === entry) walk.next = after;
    if (before === NONE) this.firstKey.set(this.lease.get(entry), after);
    else this.next.set(before, after);
    if (after !== NONE) this.previous.set(after, before);
  }

  private take(): number {
    if (this.firstFree !== NONE) {
      const entry = this.firstFree;
      this.firstFree = this.next.get(entry);
      return entry;
    }
    const entry = this.used;
    if (entry % CHUNK_SLOTS === 0) for (const column of this.columns()) column.reserve(entry + 1);
    this.used += 1;
    return entry;
  }

  private columns(): (FloatColumn | IntColumn)[] {
    return [this.address, this.length, this.hash, this.lease, this.next, this.previous, this.linkedAt];
  }
}

/** Not cryptographic, but which keys collide depends on the seed. */
function hashKey(key: Uint8Array, seed: number): number {
  let hash = seed ^ key.length;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key[i]!, 0x5bd1_e995);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
