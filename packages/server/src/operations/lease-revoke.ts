import { costOf, type Steps } from "@quorate/storage/slices";
import { decodeLeaseId, encodeLeaseRevokeResponse, InternalField } from "@quorate/wire/hot";
import type { WriteTxn } from "../mvcc/store.ts";
import { NO_RANGE_END } from "./keys.ts";
import { clientOperation, inSlices } from "./operation.ts";
import type { ReplicatedState } from "./state.ts";

const DELETES_BETWEEN_YIELDS = 256;

/** `Lease.LeaseRevoke`, of the lease with this ID; the outcome is the revision afterwards. */
export const LEASE_REVOKE = clientOperation<bigint, number>({
  field: InternalField.leaseRevoke,
  decode: decodeLeaseId,
  needsOfProposer: (_id, needs) => needs.user(),
  needsWhenApplied: (id, needs) => needs.writeAttached(id),
  isUrgent: true,
  apply: (state, id) => inSlices(state, revokeSteps(state, id)),
  answer(headers, revision, call) {
    call.reply(encodeLeaseRevokeResponse(headers.bytes(revision)));
  },
});

/** Deletes the lease and its keys in one transaction. */
function* revokeSteps({ store, lessor }: ReplicatedState, id: bigint): Steps<number> {
  const keys = yield* lessor.sortedKeysSteps(id);
  const txn = store.beginWrite();
  yield* txn.hiding(deleteSteps(txn, keys));
  // The lease and its keys are gone in the same turn.
  const detached = lessor.applyRevokeOfDeleted(id);
  const revision = txn.end();
  yield* detached;
  return revision;
}

function* deleteSteps(txn: WriteTxn, keys: readonly Uint8Array[]): Steps<void> {
  for (let i = 0; i < keys.length; i++) {
    txn.deleteRange(keys[i]!, NO_RANGE_END);
    if (i % DELETES_BETWEEN_YIELDS === DELETES_BETWEEN_YIELDS - 1) yield costOf(DELETES_BETWEEN_YIELDS, 0);
  }
}
