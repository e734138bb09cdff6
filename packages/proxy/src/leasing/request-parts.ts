import {
  type Compare,
  CompareResult,
  CompareTarget,
  type RangeRequest,
  type RequestOp,
} from "@quorate/wire/messages";
import type { KeyRange } from "../cache/key-range.ts";

const NOTHING = new Uint8Array(0);
const NO_COMPARE = {
  result: CompareResult.EQUAL,
  rangeEnd: NOTHING,
  version: undefined,
  createRevision: undefined,
  modRevision: undefined,
  value: undefined,
  lease: undefined,
};
const NO_OP: RequestOp = {
  requestRange: undefined,
  requestPut: undefined,
  requestDeleteRange: undefined,
  requestTxn: undefined,
};

/** Every key of the range was created at that revision; of a range without keys 0 holds. */
export function createdAt({ key, rangeEnd }: KeyRange, createRevision: bigint): Compare {
  return { ...NO_COMPARE, target: CompareTarget.CREATE, key, rangeEnd, createRevision };
}

/** The key is not there, or hangs on no lease. */
export function hasNoLease(key: Uint8Array): Compare {
  return { ...NO_COMPARE, target: CompareTarget.LEASE, key, lease: 0n };
}

export function rangeRequest({ key, rangeEnd }: KeyRange, limit: bigint = 0n): RangeRequest {
  return {
    key,
    rangeEnd,
    limit,
    revision: 0n,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0n,
    maxModRevision: 0n,
    minCreateRevision: 0n,
    maxCreateRevision: 0n,
  };
}

export function oneKey(key: Uint8Array): KeyRange {
  return { key, rangeEnd: NOTHING };
}

export function opOf(op: Partial<RequestOp>): RequestOp {
  return { ...NO_OP, ...op };
}

export function putOp(key: Uint8Array, value: Uint8Array, lease: bigint | "unchanged"): RequestOp {
  const isUnchanged = lease === "unchanged";
  const rest = { prevKv: false, ignoreValue: false, ignoreLease: isUnchanged };
  return opOf({ requestPut: { key, value, lease: isUnchanged ? 0n : lease, ...rest } });
}
