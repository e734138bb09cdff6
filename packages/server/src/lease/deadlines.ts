import type { Clock, Timer } from "@quorate/storage/seams/clock";
import { costOf, type Slices, type Steps } from "@quorate/storage/slices";
import { DeadlineHeap } from "./deadline-heap.ts";
import type { LeaseTable } from "./lease-table.ts";
import { DeadlineSpread } from "./promotion.ts";
import { NONE } from "./slot-index.ts";

export interface LeaseCheckpoint {
  readonly id: bigint;
  readonly remainingTtlSeconds: number;
}

/** What the lessor asks of the rest of the leader. */
export interface LeaseProposals {
  /**
   * Takes a batch of expired leases, oldest deadline first, to revoke them through raft. May drop it: a lease that still
   * exists after the request timeout is proposed again.
   */
  proposeRevoke(ids: readonly bigint[]): void;
  /** Proposes checkpoints, at most 500. Resolves when they have been applied. Failures are left to the next time. */
  proposeCheckpoint(checkpoints: readonly LeaseCheckpoint[]): Promise<void>;
}

export interface DeadlinesOptions {
  readonly clock: Clock;
  readonly proposals: LeaseProposals;
  readonly electionTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Whether this leader proposes checkpoints (feature `LeaseCheckpoint`). */
  readonly checkpoints: boolean;
  /** Default 300 s. */
  readonly checkpointIntervalMs?: number;
}

const SCAN_PERIOD_MS = 500;
const EXPIRED_PER_SCAN = 500;
const CHECKPOINTS_PER_SCAN = 500;
/** Slots worked through between two yields. */
const SLOTS_PER_STEP = 512;

/** A promotion whose leases do not all have deadlines yet. */
interface Promotion {
  readonly atMs: number;
}

/**
 * When the leases of a table end, as the leader knows it: held from `promote` to `demote`, in monotonic milliseconds. What
 * has expired is proposed to be revoked, what lives long to be checkpointed.
 */
export class Deadlines {
  /** Whose leases they are; replaced only while none are held. */
  table: LeaseTable;
  areHeld = false;
  /** How often `promote` was called. */
  promotions = 0;
  readonly #options: DeadlinesOptions;
  readonly #promoting: Slices;
  readonly #checkpointIntervalMs: number;
  readonly #expiries = new DeadlineHeap();
  readonly #checkpoints = new DeadlineHeap();
  #promotion: Promotion | undefined = undefined;
  #timer: Timer | undefined = undefined;

  constructor(options: DeadlinesOptions, table: LeaseTable, promoting: Slices) {
    this.#options = options;
    this.table = table;
    this.#promoting = promoting;
    this.#checkpointIntervalMs = options.checkpointIntervalMs ?? 300_000;
  }

  /** Every lease gets its full TTL, or what the last checkpoint left, and an election timeout more. */
  promote(): void {
    this.areHeld = true;
    this.promotions += 1;
    this.#reserve();
    const atMs = this.#options.clock.nowMs();
    this.#promotion = { atMs };
    this.#continuePromotion(this.#promotion, this.#promotionSteps(atMs));
    this.#armScan();
  }

  demote(): void {
    this.areHeld = false;
    this.#promotion = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#expiries.clear();
    this.#checkpoints.clear();
    this.table.deadline.fill(Number.POSITIVE_INFINITY);
  }

  /** Of a lease that has just been granted. */
  add(slot: number, ttlSeconds: number): void {
    this.#reserve();
    this.set(slot, this.#options.clock.nowMs() + ttlSeconds * 1000);
    this.scheduleCheckpoint(slot);
  }

  remove(slot: number): void {
    this.#expiries.remove(slot);
    this.#checkpoints.remove(slot);
  }

  set(slot: number, deadlineMs: number): void {
    this.table.deadline.set(slot, deadlineMs);
    this.#expiries.set(slot, deadlineMs);
  }

  /** On the lessor. A lease that the promotion has not come to yet is served first. */
  of(slot: number): number {
    const deadlineMs = this.table.deadline.get(slot);
    if (deadlineMs !== Number.POSITIVE_INFINITY || this.#promotion === undefined) return deadlineMs;
    this.#setPromotedDeadline(slot, this.#promotion.atMs, this.#startTtl(slot));
    return this.table.deadline.get(slot);
  }

  scheduleCheckpoint(slot: number): void {
    if (!this.#options.checkpoints) return;
    if (this.#startTtl(slot) * 1000 <= this.#checkpointIntervalMs) return;
    this.#checkpoints.set(slot, this.#options.clock.nowMs() + this.#checkpointIntervalMs);
  }

  #reserve(): void {
    this.#expiries.reserve(this.table.usedSlots);
    if (this.#options.checkpoints) this.#checkpoints.reserve(this.table.usedSlots);
  }

  /** The seconds a lease begins with at a promotion. */
  #startTtl(slot: number): number {
    const remaining = this.table.remainingTtl.get(slot);
    return remaining > 0 ? remaining : this.table.ttl.get(slot);
  }

  #setPromotedDeadline(slot: number, atMs: number, seconds: number): void {
    this.set(slot, atMs + this.#options.electionTimeoutMs + seconds * 1000);
    this.scheduleCheckpoint(slot);
  }

  #continuePromotion(promotion: Promotion, steps: Steps<void>): void {
    if (this.#promotion !== promotion) return;
    if (this.#promoting.begin(steps).done) this.#promotion = undefined;
    else this.#options.clock.soon(() => this.#continuePromotion(promotion, steps));
  }

  /** First all leases are counted, then they get their deadlines. */
  *#promotionSteps(atMs: number): Steps<void> {
    const { table } = this;
    const spread = new DeadlineSpread();
    const hasNone = (slot: number) =>
      table.isLive(slot) && table.deadline.get(slot) === Number.POSITIVE_INFINITY;
    for (let slot = 0; slot < table.usedSlots; slot++) {
      if (slot % SLOTS_PER_STEP === SLOTS_PER_STEP - 1) yield costOf(SLOTS_PER_STEP, 0);
      if (hasNone(slot)) spread.count(this.#startTtl(slot));
    }
    yield* spread.planSteps();
    for (let slot = 0; slot < table.usedSlots; slot++) {
      if (slot % SLOTS_PER_STEP === SLOTS_PER_STEP - 1) yield costOf(2 * SLOTS_PER_STEP, 0);
      if (hasNone(slot)) this.#setPromotedDeadline(slot, atMs, spread.place(this.#startTtl(slot)));
    }
  }

  #armScan(): void {
    this.#timer = this.#options.clock.setTimer(SCAN_PERIOD_MS, () => {
      this.#armScan();
      this.#proposeExpired();
      if (this.areHeld) this.#proposeCheckpoints();
    });
  }

  #proposeExpired(): void {
    const nowMs = this.#options.clock.nowMs();
    const ids: bigint[] = [];
    while (ids.length < EXPIRED_PER_SCAN) {
      const slot = this.#expiries.first();
      if (slot === NONE || this.#expiries.timeOf(slot) > nowMs) break;
      ids.push(this.table.idOf(slot));
      // The revoke may fail; if the lease still exists by then, it is proposed again.
      this.#expiries.set(slot, nowMs + this.#options.requestTimeoutMs);
    }
    if (ids.length > 0) this.#options.proposals.proposeRevoke(ids);
  }

  #proposeCheckpoints(): void {
    const nowMs = this.#options.clock.nowMs();
    const due: LeaseCheckpoint[] = [];
    while (due.length < CHECKPOINTS_PER_SCAN) {
      const slot = this.#checkpoints.first();
      if (slot === NONE || this.#checkpoints.timeOf(slot) > nowMs) break;
      this.#checkpoints.remove(slot);
      const leftMs = this.table.deadline.get(slot) - nowMs;
      if (leftMs <= 0) continue;
      const remainingTtlSeconds = Math.ceil(leftMs / 1000);
      if (remainingTtlSeconds >= this.table.ttl.get(slot)) {
        // Just renewed. It is looked at again, so that a later leader does not begin from the start.
        this.scheduleCheckpoint(slot);
        continue;
      }
      due.push({ id: this.table.idOf(slot), remainingTtlSeconds });
    }
    if (due.length > 0) this.#options.proposals.proposeCheckpoint(due).catch(() => {});
  }
}
