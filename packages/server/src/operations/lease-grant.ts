import type { Revision } from "@quorate/storage/seams/backend";
import { decodeLeaseGrantRequest, encodeLeaseTtl, InternalField, type LeaseTtl } from "@quorate/wire/hot";
import { clientOperation } from "./operation.ts";

/** ID 0: none is asked for. */
export type GrantRequest = LeaseTtl;

export interface GrantOutcome {
  readonly id: bigint;
  readonly ttlSeconds: number;
  readonly revision: Revision;
}

/** What a lease is reckoned at, in bytes. */
const COST_BYTES = 64;

/** `Lease.LeaseGrant`. The TTL in the outcome is the granted one, raised to this member's minimum. Hot. */
export const LEASE_GRANT = clientOperation<GrantRequest, GrantOutcome>({
  field: InternalField.leaseGrant,
  decode: decodeLeaseGrantRequest,
  costBytes: () => COST_BYTES,
  needsOfProposer: (_request, needs) => needs.user(),
  apply({ lessor, store }, { id, ttlSeconds }) {
    return { id, ttlSeconds: lessor.applyGrant(id, ttlSeconds), revision: store.currentRevision };
  },
  answer(headers, { id, ttlSeconds, revision }, call) {
    call.reply(encodeLeaseTtl(headers.bytes(revision), id, ttlSeconds));
  },
});
