import type { DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from "@quorate/wire/hot";
import { RequestError } from "../../errors.ts";
import { SortOrder, SortTarget } from "../range-hits.ts";
import { checkOverlap } from "./overlap.ts";
import { checkPoison } from "./poison.ts";

/** What the API checks of a request before anything else; each throws `RequestError`. The order of checks is etcd's. */
export function checkRange(request: RangeRequest): void {
  if (request.key.length === 0) throw new RequestError("KEY_NOT_PROVIDED");
  if (request.sortOrder < SortOrder.NONE || request.sortOrder > SortOrder.DESCEND) {
    throw new RequestError("INVALID_SORT_OPTION");
  }
  if (request.sortTarget < SortTarget.KEY || request.sortTarget > SortTarget.VALUE) {
    throw new RequestError("INVALID_SORT_OPTION");
  }
}

export function checkRangeStream(request: RangeRequest): void {
  checkRange(request);
  const { sortOrder, sortTarget } = request;
  if (sortOrder === SortOrder.DESCEND || (sortOrder === SortOrder.ASCEND && sortTarget !== SortTarget.KEY)) {
    throw new RequestError("STREAM_CUSTOM_SORT");
  }
  if (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  ) {
    throw new RequestError("STREAM_FILTERS");
  }
}

export function checkPut(request: PutRequest): void {
  if (request.key.length === 0) throw new RequestError("KEY_NOT_PROVIDED");
  if (request.ignoreValue && request.value.length > 0) throw new RequestError("VALUE_PROVIDED");
  if (request.ignoreLease && request.lease !== 0n) throw new RequestError("LEASE_PROVIDED");
}

export function checkDeleteRange(request: DeleteRangeRequest): void {
  if (request.key.length === 0) throw new RequestError("KEY_NOT_PROVIDED");
}

/** `maxOps` bounds the sum of the levels' sizes along every path of nested transactions. */
export function checkTxn(request: TxnRequest, maxOps: number): void {
  checkStructure(request, maxOps);
  checkOverlap(request);
  checkPoison(request);
}

function checkStructure(txn: TxnRequest, budget: number): void {
  const size = Math.max(txn.compare.length, txn.success.length, txn.failure.length);
  if (size > budget) throw new RequestError("TOO_MANY_OPS");
  for (const compare of txn.compare) {
    if (compare.key.length === 0) throw new RequestError("KEY_NOT_PROVIDED");
  }
  for (const op of txn.success) checkOp(op, budget - size);
  for (const op of txn.failure) checkOp(op, budget - size);
}

function checkOp(op: RequestOp, budget: number): void {
  switch (op.kind) {
    case 1:
      checkRange(op.range);
      break;
    case 2:
      checkPut(op.put);
      break;
    case 3:
      checkDeleteRange(op.deleteRange);
      break;
    case 4:
      checkStructure(op.txn, budget);
      break;
    default:
      throw new RequestError("KEY_NOT_FOUND");
  }
}

/** Whether a transaction only reads, so that it is served by this member without an entry. */
export function isReadOnlyTxn(txn: TxnRequest): boolean {
  return txn.success.every((op) => op.kind === 1) && txn.failure.every((op) => op.kind === 1);
}

/** Whether a read-only transaction does without a read index. One without any operation does. */
export function isSerializableTxn(txn: TxnRequest): boolean {
  const serializable = (op: RequestOp): boolean => op.kind === 1 && op.range.serializable;
  return txn.success.every(serializable) && txn.failure.every(serializable);
}
