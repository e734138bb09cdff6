import { decode, encode } from "@quorate/wire";
import { LeaseCheckpointRequestSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import type { LeaseCheckpoint } from "../lease/deadlines.ts";
import { saturate } from "./int64.ts";
import { operation } from "./operation.ts";

/** How long leases have left, as their lessor saw it: the next one goes on from there. At most 500 in an entry. */
export const LEASE_CHECKPOINT = operation<readonly LeaseCheckpoint[], void>({
  field: InternalField.leaseCheckpoint,
  decode: (bytes, start, end) =>
    decode(LeaseCheckpointRequestSchema, bytes.subarray(start, end)).checkpoints.map(
      ({ ID, remainingTTL }) => ({ id: ID, remainingTtlSeconds: saturate(remainingTTL) }),
    ),
  runsWhenCorrupt: true,
  apply({ lessor, membership }, checkpoints) {
    // All members decide alike: by the version that the cluster has agreed on, not by their own.
    const persist = membership.isVersionAtLeast(3, 6);
    for (const { id, remainingTtlSeconds } of checkpoints) {
      lessor.applyCheckpoint(id, remainingTtlSeconds, persist);
    }
  },
});

export function encodeCheckpoints(checkpoints: readonly LeaseCheckpoint[]): Uint8Array {
  return encode(LeaseCheckpointRequestSchema, {
    checkpoints: checkpoints.map(({ id, remainingTtlSeconds }) => ({
      ID: id,
      remainingTTL: BigInt(remainingTtlSeconds),
    })),
  });
}
