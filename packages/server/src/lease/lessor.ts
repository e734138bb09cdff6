import { assert } from "@quorate/storage/assert";
import type { Backend } from "@quorate/storage/seams/backend";
import { costOf, inOneGo, Slices, type Steps } from "@quorate/storage/slices";
import { encodeLeaseKey, encodeLeaseRecord } from "@quorate/wire/hot";
import { RequestError } from "../errors.ts";
import { DeadlineHeap } from "./deadline-heap.ts";
import { Deadlines, type DeadlinesOptions } from "./deadlines.ts";
import { KeyAttachments, type KeySink } from "./key-attachments.ts";
import { decodeLeaseRecord } from "./lease-record.ts";
import { LeaseTable } from "./lease-table.ts";
import { LeaseMetrics } from "./metrics.ts";
import { MAXIMUM_TTL_SECONDS } from "./minimum-ttl.ts";
import { PauseDetector } from "./pause-detector.ts";
import { NONE } from "./slot-index.ts";
import { sortedSteps } from "./sorted-keys.ts";

export interface LeaseStatus {
  /** Whole seconds left, truncated toward zero; negative when the deadline passed a second ago or more. */
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
  /** Copies, in no particular order; empty unless asked for. */
  readonly keys: readonly Uint8Array[];
}

/** A moment up to which somebody has seen the keys of a lease. */
export interface KeysMark {
  /** Those of which it is a moment: a snapshot brings others. */
  readonly of: object;
  readonly moment: number;
}

export interface LessorOptions extends DeadlinesOptions {
  readonly backend: Backend;
  readonly minimumTtlSeconds: number;
  /** Whether checkpoints are kept whatever the cluster version (feature `LeaseCheckpointPersist`). Default false. */
  readonly persistCheckpoints?: boolean;
  /** A leader that stood still for longer has to prove its leadership. Default: three tenths of an election timeout. */
  readonly pauseMs?: number;
  /** A chance integer of 32 bits that makes hash collisions of keys hard to arrange. */
  readonly hashSeed: number;
}

/** Slots worked through between two yields. */
const SLOTS_PER_STEP = 512;
/** Records of leases read from the database between two yields, and what one of them costs. */
const RECORDS_PER_STEP = 256;
const ITEMS_OF_A_RECORD = 4;

interface Waiter {
  resolve(ttlSeconds: number): void;
  reject(error: RequestError): void;
}

/**
 * The leases of a member. That a lease exists and which keys are attached to it is replicated state and changes only
 * through the `apply…`, `attach` and `detach` methods, which depend on nothing but their arguments. When a lease ends is
 * known to the leader alone (from `promote` to `demote`), in monotonic time, in memory; a deadline that has passed
 * changes nothing until the revoke it leads to has been applied.
 */
export class Lessor {
  readonly metrics = new LeaseMetrics();
  /** Watches while this is the lessor. */
  readonly pauses: PauseDetector;
  /** For what is read of leases and may take long. */
  readonly reading: Slices;
  /** For the deadlines of a promotion. */
  readonly promoting: Slices;

  private readonly options: LessorOptions;
  private table = new LeaseTable();
  private attachments: KeyAttachments;
  private readonly deadlines: Deadlines;
  private readonly waiters = new Map<bigint, Waiter[]>();

  constructor(options: LessorOptions) {
    this.options = options;
    this.reading = new Slices(options.clock);
    this.promoting = new Slices(options.clock);
    this.pauses = new PauseDetector(options.clock, options.pauseMs ?? 0.3 * options.electionTimeoutMs);
    this.attachments = new KeyAttachments(this.table.firstKey, options.hashSeed);
    this.deadlines = new Deadlines(options, this.table, this.promoting);
  }

  /** How many leases there are. */
  get size(): number {
    return this.table.size;
  }

  /** How many keys are attached to leases. */
  get attachedKeys(): number {
    return this.attachments.size;
  }

  /** Whether deadlines are held here. */
  get isPrimary(): boolean {
    return this.deadlines.areHeld;
  }

  /** How often this has become the lessor: deadlines seen under another number no longer hold. */
  get promotions(): number {
    return this.deadlines.promotions;
  }

  has(id: bigint): boolean {
    return this.table.find(id) !== NONE;
  }

  /** Whether this is the lessor, and the lease is there with its deadline passed. */
  isExpired(id: bigint): boolean {
    const slot = this.table.find(id);
    return this.isPrimary && slot !== NONE && this.deadlines.of(slot) <= this.options.clock.nowMs();
  }

  // What committed entries do.

  /**
   * Returns the TTL in seconds, raised to the minimum. Throws LEASE_NOT_FOUND for id 0, LEASE_TTL_TOO_LARGE, LEASE_EXISTS,
   * in this order.
   */
  applyGrant(id: bigint, ttlSeconds: number): number {
    if (id === 0n) throw new RequestError("LEASE_NOT_FOUND");
    if (ttlSeconds > MAXIMUM_TTL_SECONDS) throw new RequestError("LEASE_TTL_TOO_LARGE");
    if (this.has(id)) throw new RequestError("LEASE_EXISTS");
    const ttl = this.atLeastMinimum(ttlSeconds);
    const slot = this.table.add(id, ttl);
    this.persist(slot);
    if (this.isPrimary) this.deadlines.add(slot, ttl);
    this.metrics.granted += 1;
    this.metrics.ttlSeconds.observe(ttl);
    return ttl;
  }

  /**
   * Removes the lease and its record. Returns the keys that were attached, sorted as unsigned bytes: the caller deletes
   * them in this order, in one revision, before the entry ends. They are no longer attached. Owned by the caller.
   * Renewals that wait for this are told once the caller's turn is over. Throws LEASE_NOT_FOUND.
   */
  applyRevoke(id: bigint): Uint8Array[] {
    const keys = inOneGo(this.sortedKeysSteps(id));
    inOneGo(this.applyRevokeOfDeleted(id));
    return keys;
  }

  /** The keys of a lease as `applyRevoke` returns them. No entry may be applied meanwhile. Throws LEASE_NOT_FOUND. */
  *sortedKeysSteps(id: bigint): Steps<Uint8Array[]> {
    return yield* sortedSteps(yield* this.attachments.keysSteps(this.slotOf(id)));
  }

  /**
   * As `applyRevoke` of a lease whose keys the caller has deleted already. The lease is gone at once; the steps, during
   * which no other entry may be applied, free what its keys occupied.
   */
  applyRevokeOfDeleted(id: bigint): Steps<void> {
    const slot = this.slotOf(id);
    const detached = this.attachments.detachSteps(slot);
    this.deadlines.remove(slot);
    this.table.remove(slot);
    this.options.backend.delete("lease", encodeLeaseKey(id));
    this.metrics.revoked += 1;
    const waiters = this.waiters.get(id);
    this.waiters.delete(id);
    if (waiters !== undefined)
      for (const waiter of waiters) waiter.reject(new RequestError("LEASE_NOT_FOUND"));
    return detached;
  }

  /**
   * Notes what was left of a lease; it counts from the next promotion on. `persist` is true from cluster version 3.6 on
   * and with feature `LeaseCheckpointPersist`. Nothing happens when there is no such lease.
   */
  applyCheckpoint(id: bigint, remainingTtlSeconds: number, persist: boolean): void {
    const slot = this.table.find(id);
    if (slot === NONE) return;
    this.table.remainingTtl.set(slot, remainingTtlSeconds);
    if (persist || this.options.persistCheckpoints === true) this.persist(slot);
    if (!this.isPrimary) return;
    this.deadlines.scheduleCheckpoint(slot);
    const leftMs = this.deadlines.of(slot) - this.options.clock.nowMs();
    if (remainingTtlSeconds > 0 && leftMs > remainingTtlSeconds * 1000) {
      // Renewed while the checkpoint was on its way: the next leader must not begin with less than was promised.
      this.undoCheckpoint(id).catch(() => {});
    }
  }

  /**
   * Attaches `key` to lease `id`, and to no other; 0n detaches. `key` is borrowed. Throws LEASE_NOT_FOUND; whoever writes
   * more than one key asks `has` for all leases before the first write.
   */
  attach(key: Uint8Array, id: bigint): void {
    if (id === 0n) this.attachments.detach(key);
    else this.attachments.attach(key, this.slotOf(id));
  }

  /** Nearly free as long as no key has a lease. `key` is borrowed. */
  detach(key: Uint8Array): void {
    this.attachments.detach(key);
  }

  // Questions.

  /** The lease a key is attached to, or 0n. `key` is borrowed. */
  leaseOf(key: Uint8Array): bigint {
    const slot = this.attachments.leaseOf(key);
    return slot === NONE ? 0n : this.table.idOf(slot);
  }

  /** Copies of the attached keys in no particular order; empty when there is no such lease. */
  keysOf(id: bigint): Uint8Array[] {
    const slot = this.table.find(id);
    return slot === NONE ? [] : this.attachments.keysOf(slot);
  }

  /**
   * `visit` is called with each key that was attached since `mark`, of an earlier call, until it throws; the keys are its
   * own. Without a mark: with all. Returns a mark of now.
   */
  visitKeys(id: bigint, mark: KeysMark | undefined, visit: (key: Uint8Array) => void): KeysMark {
    const { attachments } = this;
    const slot = this.table.find(id);
    const since = mark?.of === attachments ? mark.moment : 0;
    if (slot !== NONE) attachments.visitKeysSince(since, slot, visit);
    return { of: attachments, moment: attachments.moment };
  }

  /** As `keysOf`, in slices: what is attached or detached meanwhile may be among them. */
  keysInSlices(id: bigint): Promise<Uint8Array[]> {
    const slot = this.table.find(id);
    return slot === NONE ? Promise.resolve([]) : this.reading.run(this.attachments.keysSteps(slot));
  }

  /**
   * Writes the attached keys, in no particular order and in slices: what is attached or detached meanwhile may be among
   * them. `goesOn` is asked now and then; resolves to false when it said no.
   */
  async writeKeys(id: bigint, sink: KeySink, goesOn: () => boolean): Promise<boolean> {
    const slot = this.table.find(id);
    if (slot === NONE) return true;
    const steps = this.attachments.writeKeysSteps(slot, sink);
    return this.reading.begin(steps).done || (await this.reading.restWhile(steps, goesOn)) === true;
  }

  /** The lease has so many keys that to tell them is a long answer. */
  hasManyKeys(id: bigint): boolean {
    const slot = this.table.find(id);
    return slot !== NONE && this.attachments.hasMany(slot);
  }

  /** Undefined when there is no such lease. Throws NOT_PRIMARY_LESSOR when there is and this is not the lessor. */
  timeToLive(id: bigint, withKeys: boolean): LeaseStatus | undefined {
    const slot = this.table.find(id);
    if (slot === NONE) return undefined;
    if (!this.isPrimary) throw new RequestError("NOT_PRIMARY_LESSOR");
    const leftMs = this.deadlines.of(slot) - this.options.clock.nowMs();
    return {
      // Adding 0 makes a plain zero of a negative one.
      ttlSeconds: Math.trunc(leftMs / 1000) + 0,
      grantedTtlSeconds: this.table.ttl.get(slot),
      keys: withKeys ? this.attachments.keysOf(slot) : [],
    };
  }

  /** All ids, on the lessor in the order of their deadlines. Gathered in slices: what comes and goes meanwhile may be in it. */
  leases(): Promise<bigint[]> {
    return this.reading.run(this.leasesSteps());
  }

  // Time, on the leader.

  /**
   * Makes this member the lessor, once it is leader and has applied all entries of former terms. Every lease gets its full
   * TTL (or what the last checkpoint left) and an election timeout more, in which the former leader may have renewed it.
   */
  promote(): void {
    if (this.isPrimary) return;
    this.pauses.start();
    this.deadlines.promote();
  }

  /** Forgets all deadlines. Renewals that wait end with NOT_PRIMARY_LESSOR. Idempotent. */
  demote(): void {
    if (!this.isPrimary) return;
    this.deadlines.demote();
    this.pauses.stop();
    const waiting = [...this.waiters.values()];
    this.waiters.clear();
    for (const waiters of waiting) {
      for (const waiter of waiters) waiter.reject(new RequestError("NOT_PRIMARY_LESSOR"));
    }
  }

  /**
   * Gives the lease its full TTL again; returns that TTL in seconds, usually at once. The answer takes time when the
   * deadline has passed, for an expired lease is never revived: it is LEASE_NOT_FOUND when the revoke has been applied, or
   * NOT_PRIMARY_LESSOR at a demotion; and when a checkpoint has to be undone first. Throws or rejects with the same.
   */
  renew(id: bigint): number | Promise<number> {
    if (!this.isPrimary) throw new RequestError("NOT_PRIMARY_LESSOR");
    const slot = this.slotOf(id);
    if (this.deadlines.of(slot) <= this.options.clock.nowMs()) return this.untilRevoked(id);
    if (this.options.checkpoints && this.table.remainingTtl.get(slot) > 0) return this.renewCheckpointed(id);
    return this.extend(slot);
  }

  // Start, snapshot, stop.

  /**
   * Replaces all leases by those of table `lease`, in slices, without deadlines and without keys; `restoreAttachment` follows
   * for each key. Nobody else may use this meanwhile. Rejects with `CorruptLeaseRecord`, and then the member must not go on.
   */
  restore(from: Pick<Backend, "visitEntries">): Promise<void> {
    return this.reading.run(this.restoreSteps(from));
  }

  *restoreSteps(from: Pick<Backend, "visitEntries">): Steps<void> {
    this.demote();
    this.attachments.clear();
    this.table.clear();
    const add = (key: Uint8Array, value: Uint8Array): void => {
      const record = decodeLeaseRecord(key, value);
      const slot = this.table.add(record.id, this.atLeastMinimum(record.ttlSeconds));
      this.table.remainingTtl.set(slot, record.remainingTtlSeconds);
    };
    let next: Uint8Array | undefined = new Uint8Array(0);
    while (next !== undefined) {
      next = from.visitEntries("lease", next, RECORDS_PER_STEP, add);
      yield costOf(RECORDS_PER_STEP * ITEMS_OF_A_RECORD, 0);
    }
  }

  /**
   * Attaches a live key to the lease in its record while the store is being loaded. False when there is no such lease:
   * to be logged, the key stays without one. `key` is borrowed.
   */
  restoreAttachment(key: Uint8Array, id: bigint): boolean {
    const slot = this.table.find(id);
    if (slot === NONE) return false;
    this.attachments.attach(key, slot);
    return true;
  }

  /**
   * Takes over the leases and keys of `other`, which has been restored from the database that replaces this one's: all at
   * once, leaving `other` empty. Renewals that wait end with NOT_PRIMARY_LESSOR, so that they are asked again. A lessor
   * stays one, with deadlines as after a promotion.
   */
  become(other: Lessor): void {
    assert(other !== this && !other.isPrimary, "a lessor becomes another one that is not in use");
    const wasPrimary = this.isPrimary;
    this.demote();
    this.table = other.table;
    this.attachments = other.attachments;
    this.deadlines.table = other.table;
    other.table = new LeaseTable();
    other.deadlines.table = other.table;
    other.attachments = new KeyAttachments(other.table.firstKey, other.options.hashSeed);
    if (wasPrimary) this.promote();
  }

  private slotOf(id: bigint): number {
    const slot = this.table.find(id);
    if (slot === NONE) throw new RequestError("LEASE_NOT_FOUND");
    return slot;
  }

  private atLeastMinimum(ttlSeconds: number): number {
    return Math.max(ttlSeconds, this.options.minimumTtlSeconds, 1);
  }

  private persist(slot: number): void {
    const { table } = this;
    const id = table.idOf(slot);
    const record = encodeLeaseRecord(id, table.ttl.get(slot), table.remainingTtl.get(slot));
    this.options.backend.put("lease", encodeLeaseKey(id), record);
  }

  private extend(slot: number): number {
    const ttl = this.table.ttl.get(slot);
    this.deadlines.set(slot, this.options.clock.nowMs() + ttl * 1000);
    this.metrics.renewed += 1;
    return ttl;
  }

  private untilRevoked(id: bigint): Promise<number> {
    return new Promise((resolve, reject) => {
      const waiters = this.waiters.get(id);
      if (waiters === undefined) this.waiters.set(id, [{ resolve, reject }]);
      else waiters.push({ resolve, reject });
    });
  }

  private async renewCheckpointed(id: bigint): Promise<number> {
    try {
      await this.undoCheckpoint(id);
    } catch {
      // The renewal is right without it: only a later leader would begin with less than the full TTL.
    }
    if (!this.isPrimary) throw new RequestError("NOT_PRIMARY_LESSOR");
    // It may have been revoked meanwhile.
    return this.extend(this.slotOf(id));
  }

  private undoCheckpoint(id: bigint): Promise<void> {
    return this.options.proposals.proposeCheckpoint([{ id, remainingTtlSeconds: 0 }]);
  }

  private *leasesSteps(): Steps<bigint[]> {
    const { table } = this;
    const order = new DeadlineHeap();
    for (let slot = 0; slot < table.usedSlots; slot++) {
      if (slot % SLOTS_PER_STEP === SLOTS_PER_STEP - 1) yield costOf(SLOTS_PER_STEP, 0);
      if (this.table !== table) return yield* this.leasesSteps();
      if (!table.isLive(slot)) continue;
      order.reserve(table.usedSlots);
      order.set(slot, this.isPrimary ? this.deadlines.of(slot) : 0);
    }
    const ids: bigint[] = [];
    for (let slot = order.first(); slot !== NONE; slot = order.first()) {
      order.remove(slot);
      if (table.isLive(slot)) ids.push(table.idOf(slot));
      if (order.size % SLOTS_PER_STEP === 0) yield costOf(2 * SLOTS_PER_STEP, 0);
    }
    return ids;
  }
}
