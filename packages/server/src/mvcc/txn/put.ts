import { assert } from "@quorate/storage/assert";
import { decodeKeyValue, type PutRequest } from "@quorate/wire/hot";
import { RequestError } from "../../errors.ts";
import type { StoreState } from "../store-state.ts";
import type { AttachedKeys, WriteTxn } from "../write-txn.ts";
import type { Erasures } from "./erasures.ts";

/** What writes need of leases. */
export interface KeyLeases extends AttachedKeys {
  has(lease: bigint): boolean;
  /** `key` is borrowed until it returns; it is detached when `lease` is 0. */
  attach(key: Uint8Array, lease: bigint): void;
}

/**
 * Refuses (RequestError) a put that cannot be carried out: its lease is not there, or it is to keep the value or lease of a
 * key that is not there. In a transaction `erasures` are what precedes it.
 */
export function checkPutInState(
  state: StoreState,
  put: PutRequest,
  leases: KeyLeases,
  erasures?: Erasures,
): void {
  if (put.lease !== 0n && !leases.has(put.lease)) throw new RequestError("LEASE_NOT_FOUND");
  if (!put.ignoreValue && !put.ignoreLease) return;
  if (state.index.findLive(put.key) < 0 || erasures?.erased(put.key)) {
    state.counters.ranges += 1;
    throw new RequestError("KEY_NOT_FOUND");
  }
}

/** Whether a put looks at what is there before it. */
export function readsBefore({ ignoreLease, ignoreValue, prevKv }: PutRequest): boolean {
  return prevKv || ignoreValue || ignoreLease;
}

/**
 * Carries out a put that was checked. Returns the record before it, if there was one and `withPrevious` is set; owned. Hot.
 */
export function runPut(
  txn: WriteTxn,
  put: PutRequest,
  leases: KeyLeases,
  withPrevious: boolean,
): Uint8Array | undefined {
  if (readsBefore(put)) txn.countRange();
  let { value, lease } = put;
  let previous: Uint8Array | undefined;
  if (withPrevious || put.ignoreValue || put.ignoreLease) {
    previous = txn.latestRecord(put.key)?.slice();
    if (put.ignoreValue || put.ignoreLease) {
      assert(previous !== undefined, "a put that keeps a value or a lease was checked");
      const old = decodeKeyValue(previous);
      if (put.ignoreValue) value = old.value;
      if (put.ignoreLease) lease = old.lease;
    }
  }
  const wasLeased = txn.put(put.key, value, lease);
  if (wasLeased || lease !== 0n) leases.attach(put.key, lease);
  return withPrevious ? previous : undefined;
}
