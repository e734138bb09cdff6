import type { PutRequest, RequestOp, TxnRequest } from "@quorate/wire/hot";

const PUT_OVERHEAD_BYTES = 256;
/** What a lease grant is reckoned at. */
export const LEASE_GRANT_COST_BYTES = 64;

/** Bytes that a put is reckoned to need. */
export function putCost(put: PutRequest): number {
  return PUT_OVERHEAD_BYTES + put.key.length + put.value.length;
}

/** Bytes that a transaction is reckoned to need: the dearer of its branches, nested transactions likewise. */
export function txnCost(txn: TxnRequest): number {
  return Math.max(branchCost(txn.success), branchCost(txn.failure));
}

function branchCost(ops: readonly RequestOp[]): number {
  let cost = 0;
  for (const op of ops) {
    if (op.kind === 2) cost += putCost(op.put);
    else if (op.kind === 4) cost += txnCost(op.txn);
  }
  return cost;
}

/** The space quota of this member; the size is that of the backend's file, so only defragmentation frees it. */
export class Quota {
  readonly limitBytes: number;
  readonly #sizeBytes: () => number;

  /** `limitBytes` is Infinity when the quota is off. */
  constructor(limitBytes: number, sizeBytes: () => number) {
    this.limitBytes = limitBytes;
    this.#sizeBytes = sizeBytes;
  }

  fits(costBytes: number): boolean {
    return (
      costBytes === 0 ||
      this.limitBytes === Number.POSITIVE_INFINITY ||
      this.#sizeBytes() + costBytes < this.limitBytes
    );
  }
}
