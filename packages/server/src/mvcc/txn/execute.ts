import {
  decodeKeyValue,
  EMPTY,
  encodeDeleteRangeResponse,
  encodeInnerHeader,
  encodePutResponse,
  encodeRangeResponse,
  encodeTxnResponse,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  type TxnRequest,
} from "@quorate/wire/hot";
import { assert } from "../../assert.ts";
import { KvError } from "../errors.ts";
import { readRange } from "../range.ts";
import type { MvccStore, WriteTxn } from "../store.ts";
import type { StoreState } from "../store-state.ts";
import { holds } from "./compare.ts";
import { Erasures } from "./erasures.ts";

/** What transactions need of leases. Keys are borrowed until the call returns. */
export interface TxnLeases {
  leaseExists(lease: bigint): boolean;
  /** After a put: attach the key to this lease, or detach it when the lease is 0. */
  onPut(key: Uint8Array, lease: bigint): void;
  /** After the deletion of a key that was attached to a lease. */
  onDelete(key: Uint8Array): void;
}

export interface TxnOutcome {
  /** For the outer header: the new revision, or the old one when nothing changed. */
  readonly revision: number;
  readonly succeeded: boolean;
  /** Encoded responses for `encodeTxnResponse`, inner headers included; `kind` is the field number. Owned. */
  readonly responses: readonly { readonly kind: number; readonly body: Uint8Array }[];
}

/** Which branch a transaction takes, and those that it contains. */
interface Decision {
  readonly succeeded: boolean;
  readonly ops: readonly RequestOp[];
  /** Of the nested transactions among `ops`, in their order. */
  readonly nested: readonly Decision[];
}

/**
 * Executes a transaction that may write: decides all branches in the state before it, checks the chosen path so that
 * nothing can fail half way (throws KvError without any effect), and then runs it. Records of ranges are copied into the
 * responses.
 */
export function executeTxn(store: MvccStore, request: TxnRequest, leases: TxnLeases): TxnOutcome {
  const { state } = store;
  const decision = decide(state, request);
  const erasures = new Erasures();
  checkPath(state, decision, leases, erasures);
  const txn = store.beginWrite();
  const responses = run(state, decision, txn, leases);
  return { revision: txn.end(), succeeded: decision.succeeded, responses };
}

/** Serves a transaction of ranges (see `isReadOnlyTxn`) from the current state. Throws what its ranges throw. */
export function executeReadOnlyTxn(store: MvccStore, request: TxnRequest): TxnOutcome {
  const { state } = store;
  const decision = decide(state, request);
  for (const op of decision.ops) if (op.kind === 1) checkRevision(state, op.range);
  const responses = decision.ops.map((op) => {
    assert(op.kind === 1, "a read-only transaction has only ranges");
    return { kind: 1, body: rangeResponse(state, op.range) };
  });
  return { revision: state.currentRevision, succeeded: decision.succeeded, responses };
}

function decide(state: StoreState, txn: TxnRequest): Decision {
  const succeeded = txn.compare.every((compare) => holds(state, compare));
  const ops = succeeded ? txn.success : txn.failure;
  const nested: Decision[] = [];
  for (const op of ops) if (op.kind === 4) nested.push(decide(state, op.txn));
  return { succeeded, ops, nested };
}

function checkPath(state: StoreState, decision: Decision, leases: TxnLeases, erasures: Erasures): void {
  let nested = 0;
  for (const op of decision.ops) {
    switch (op.kind) {
      case 1:
        checkRevision(state, op.range);
        break;
      case 2:
        checkPutPath(state, op.put, leases, erasures);
        break;
      case 3:
        erasures.deleted(op.deleteRange);
        break;
      case 4:
        checkPath(state, decision.nested[nested++]!, leases, erasures);
        break;
      default:
        // The API refuses it; should it be in the log nevertheless, all members refuse it alike.
        throw new KvError("KEY_NOT_FOUND");
    }
  }
}

/** Unlike in a plain range, a negative revision is compared as it is. */
function checkRevision(state: StoreState, { revision }: RangeRequest): void {
  if (revision === 0) return;
  if (revision > state.currentRevision) throw new KvError("FUTURE_REVISION");
  if (revision < state.compactRevision) throw new KvError("COMPACTED");
}

function checkPutPath(state: StoreState, put: PutRequest, leases: TxnLeases, erasures: Erasures): void {
  if (put.lease !== 0n && !leases.leaseExists(put.lease)) throw new KvError("LEASE_NOT_FOUND");
  if (put.ignoreValue || put.ignoreLease) {
    if (state.index.findLive(put.key) < 0 || erasures.erased(put.key)) throw new KvError("KEY_NOT_FOUND");
  }
  erasures.put(put.key);
}

function run(
  state: StoreState,
  decision: Decision,
  txn: WriteTxn,
  leases: TxnLeases,
): { kind: number; body: Uint8Array }[] {
  const responses: { kind: number; body: Uint8Array }[] = [];
  let nested = 0;
  for (const op of decision.ops) {
    switch (op.kind) {
      case 1:
        responses.push({ kind: 1, body: rangeResponse(state, op.range) });
        break;
      case 2:
        responses.push({ kind: 2, body: runPut(txn, op.put, leases) });
        break;
      case 3: {
        const prevKvs: Uint8Array[] = [];
        const { key, rangeEnd, prevKv } = op.deleteRange;
        const deleted = txn.deleteRange(key, rangeEnd, prevKv ? prevKvs : undefined, (deletedKey) =>
          leases.onDelete(deletedKey),
        );
        const body = encodeDeleteRangeResponse(encodeInnerHeader(txn.revision), deleted, prevKvs);
        responses.push({ kind: 3, body });
        break;
      }
      case 4: {
        const inner = decision.nested[nested++]!;
        const body = encodeTxnResponse(EMPTY, inner.succeeded, run(state, inner, txn, leases));
        responses.push({ kind: 4, body });
        break;
      }
    }
  }
  return responses;
}

function runPut(txn: WriteTxn, put: PutRequest, leases: TxnLeases): Uint8Array {
  let { value, lease } = put;
  let prevKv: Uint8Array | undefined;
  if (put.prevKv || put.ignoreValue || put.ignoreLease) {
    prevKv = txn.latestRecord(put.key)?.slice();
    if (put.ignoreValue || put.ignoreLease) {
      assert(prevKv !== undefined, "the path was checked");
      const old = decodeKeyValue(prevKv);
      if (put.ignoreValue) value = old.value;
      if (put.ignoreLease) lease = old.lease;
    }
  }
  const wasLeased = txn.put(put.key, value, lease);
  if (wasLeased || lease !== 0n) leases.onPut(put.key, lease);
  return encodePutResponse(encodeInnerHeader(txn.revision), put.prevKv ? prevKv : undefined);
}

function rangeResponse(state: StoreState, request: RangeRequest): Uint8Array {
  const { kvs, more, count, revision } = readRange(state, request);
  return encodeRangeResponse(encodeInnerHeader(revision), kvs, more, count);
}
