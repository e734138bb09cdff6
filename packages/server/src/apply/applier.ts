import { type DeleteRangeRequest, decodeKeyValue, type PutRequest, type TxnRequest } from "@quorate/wire/hot";
import type { Alarm, AlarmStore } from "../alarm/alarm-store.ts";
import type { DowngradeInfo } from "../cluster/downgrade-info.ts";
import type { Membership } from "../cluster/membership.ts";
import { followClusterVersion } from "../cluster/storage-version.ts";
import { RequestError } from "../errors.ts";
import type { Lessor } from "../lease/lessor.ts";
import type { CompactionHandle, MvccStore, WriteTxn } from "../mvcc/store.ts";
import { executePlainTxn, isPlain, type TxnLeases, type TxnOutcome, txnSteps } from "../mvcc/txn/execute.ts";
import type { Backend, RecordSink } from "../seams/backend.ts";
import { costOf, type Steps } from "../slices.ts";
import { LEASE_GRANT_COST_BYTES, putCost, type Quota, txnCost } from "./quota.ts";

export interface PutOutcome {
  readonly revision: number;
  /** The previous record, if asked for and there was one; owned. */
  readonly prevKv: Uint8Array | undefined;
  /** The write happened, but this member is over its quota: the caller is told so. */
  readonly overQuota: boolean;
}

export interface DeleteOutcome {
  readonly revision: number;
  readonly deleted: number;
}

export interface AppliedTxn {
  readonly outcome: TxnOutcome;
  /** As in `PutOutcome`. */
  readonly overQuota: boolean;
}

/** What entries change. The applier is the only writer of it. */
export interface ReplicatedState {
  readonly store: MvccStore;
  readonly lessor: Lessor;
  readonly alarms: AlarmStore;
  readonly membership: Membership;
  readonly backend: Backend;
  readonly quota: Quota;
}

/**
 * Executes committed operations: one entry, one change of the replicated state. Every method does the same on every
 * member; what it throws (`RequestError`) is a result like any other and leaves no trace.
 * What gives a promise takes more than one turn, as much work as it is: until it has settled nothing else may be applied,
 * and readers see the state before it.
 */
export class Applier {
  readonly #state: ReplicatedState;
  readonly #leases: TxnLeases;

  constructor(state: ReplicatedState) {
    this.#state = state;
    this.#leases = {
      leaseExists: (lease) => state.lessor.has(lease),
      onPut: (key, lease) => this.#attach(key, lease),
      onDelete: (key) => state.lessor.detach(key),
    };
  }

  put(request: PutRequest): PutOutcome {
    const { store, lessor, quota } = this.#state;
    const cost = putCost(request);
    this.#refuseUnderAlarms(cost);
    if (request.lease !== 0n && !lessor.has(request.lease)) throw new RequestError("LEASE_NOT_FOUND");
    let { value, lease } = request;
    let prevKv: Uint8Array | undefined;
    if (request.prevKv || request.ignoreValue || request.ignoreLease) {
      prevKv = store.latestRecord(request.key)?.slice();
      if (request.ignoreValue || request.ignoreLease) {
        if (prevKv === undefined) throw new RequestError("KEY_NOT_FOUND");
        const old = decodeKeyValue(prevKv);
        if (request.ignoreValue) value = old.value;
        if (request.ignoreLease) lease = old.lease;
      }
    }
    const txn = store.beginWrite();
    const wasLeased = txn.put(request.key, value, lease);
    if (wasLeased || lease !== 0n) lessor.attach(request.key, lease);
    const revision = txn.end();
    return { revision, prevKv: request.prevKv ? prevKv : undefined, overQuota: !quota.fits(cost) };
  }

  /** `prevKvs` receives the deleted records in ascending order of their keys, for whoever wants to see them. */
  deleteRange(request: DeleteRangeRequest, prevKvs?: RecordSink): DeleteOutcome | Promise<DeleteOutcome> {
    this.#refuseIfCorrupt();
    return this.#inSlices(this.#deleteRangeSteps(request, prevKvs));
  }

  *#deleteRangeSteps(
    { key, rangeEnd }: DeleteRangeRequest,
    prevKvs: RecordSink | undefined,
  ): Steps<DeleteOutcome> {
    const { store, lessor } = this.#state;
    const txn = store.beginWrite();
    const onDetach = (attached: Uint8Array) => lessor.detach(attached);
    const deleted =
      rangeEnd.length === 0
        ? txn.deleteRange(key, rangeEnd, prevKvs, onDetach)
        : yield* txn.hiding(txn.deleteRangeSteps(key, rangeEnd, prevKvs, onDetach));
    return { revision: txn.end(), deleted };
  }

  txn(request: TxnRequest): AppliedTxn | Promise<AppliedTxn> {
    const cost = txnCost(request);
    this.#refuseUnderAlarms(cost);
    if (!isPlain(request)) return this.#inSlices(this.#txnSteps(request, cost));
    const outcome = executePlainTxn(this.#state.store, request, this.#leases);
    return { outcome, overQuota: !this.#state.quota.fits(cost) };
  }

  *#txnSteps(request: TxnRequest, cost: number): Steps<AppliedTxn> {
    const outcome = yield* txnSteps(this.#state.store, request, this.#leases);
    return { outcome, overQuota: !this.#state.quota.fits(cost) };
  }

  /** The state from which reads are refused changes here; the physical part goes on in the background. */
  compact(revision: number): CompactionHandle {
    this.#refuseIfCorrupt();
    return this.#state.store.compact(revision);
  }

  /** The TTL in the outcome is the granted one, raised to this member's minimum. */
  leaseGrant(id: bigint, ttlSeconds: number): { ttlSeconds: number; overQuota: boolean } {
    this.#refuseUnderAlarms(LEASE_GRANT_COST_BYTES);
    const granted = this.#state.lessor.applyGrant(id, ttlSeconds);
    return { ttlSeconds: granted, overQuota: !this.#state.quota.fits(LEASE_GRANT_COST_BYTES) };
  }

  /** Deletes the lease and its keys in one transaction; returns the revision afterwards. */
  leaseRevoke(id: bigint): number | Promise<number> {
    this.#refuseIfCorrupt();
    return this.#inSlices(this.#revokeSteps(id));
  }

  *#revokeSteps(id: bigint): Steps<number> {
    const { store, lessor } = this.#state;
    const keys = yield* lessor.sortedKeysSteps(id);
    const txn = store.beginWrite();
    yield* txn.hiding(deleteSteps(txn, keys));
    // The lease and its keys are gone in the same turn.
    const detached = lessor.applyRevokeOfDeleted(id);
    const revision = txn.end();
    yield* detached;
    return revision;
  }

  leaseCheckpoint(checkpoints: readonly { id: bigint; remainingTtlSeconds: number }[]): void {
    const { lessor, membership } = this.#state;
    // All members decide alike: by the version that the cluster has agreed on, not by their own.
    const persist = membership.isVersionAtLeast(3, 6);
    for (const { id, remainingTtlSeconds } of checkpoints)
      lessor.applyCheckpoint(id, remainingTtlSeconds, persist);
  }

  alarm(action: number, memberId: bigint, type: number): readonly Alarm[] {
    const { alarms } = this.#state;
    if (action === AlarmAction.GET) return alarms.list(type);
    if (action === AlarmAction.ACTIVATE) return alarms.activate(memberId, type);
    return action === AlarmAction.DEACTIVATE ? alarms.deactivate(memberId, type) : [];
  }

  clusterVersion(version: string): void {
    const { membership, backend } = this.#state;
    membership.applyVersion(version);
    followClusterVersion(backend, version, false);
  }

  downgradeInfo(info: DowngradeInfo): void {
    this.#state.membership.applyDowngrade(info);
  }

  memberAttributes(id: bigint, name: string, clientUrls: readonly string[]): void {
    this.#state.membership.applyAttributes(id, name, clientUrls);
  }

  /** At once when that is little work, else the rest in later turns. */
  #inSlices<Result>(steps: Steps<Result>): Result | Promise<Result> {
    const { applying } = this.#state.store;
    const step = applying.begin(steps);
    return step.done ? step.value : applying.rest(steps);
  }

  #attach(key: Uint8Array, lease: bigint): void {
    if (lease !== 0n) this.#state.lessor.attach(key, lease);
    else this.#state.lessor.detach(key);
  }

  #refuseIfCorrupt(): void {
    if (this.#state.alarms.corrupt) throw new RequestError("CORRUPT");
  }

  #refuseUnderAlarms(costBytes: number): void {
    this.#refuseIfCorrupt();
    if (this.#state.alarms.noSpace && costBytes > 0) throw new RequestError("NO_SPACE");
  }
}

/** `etcdserverpb.AlarmRequest.AlarmAction`. */
export const AlarmAction = { GET: 0, ACTIVATE: 1, DEACTIVATE: 2 } as const;

const NO_RANGE_END = new Uint8Array(0);

function* deleteSteps(txn: WriteTxn, keys: readonly Uint8Array[]): Steps<void> {
  for (let i = 0; i < keys.length; i++) {
    txn.deleteRange(keys[i]!, NO_RANGE_END);
    if (i % DELETES_BETWEEN_YIELDS === DELETES_BETWEEN_YIELDS - 1) yield costOf(DELETES_BETWEEN_YIELDS, 0);
  }
}

const DELETES_BETWEEN_YIELDS = 256;
