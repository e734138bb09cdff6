import type { ComparisonContext } from "../api/context.ts";
import { formatId } from "../cluster/ids.ts";
import { differingMembers } from "./decisions.ts";
import { hashesOfOthers } from "./hashes-of-others.ts";

/**
 * Compares this member's data with that of all others that answer, before it serves anybody. Rejects when they differ:
 * then it must not start. For members that had data before, with feature `InitialCorruptCheck`.
 */
export async function initialCheck(context: ComparisonContext): Promise<void> {
  const { membership, store, log } = context;
  const localId = formatId(membership.localId);
  log.info("starting initial corruption check", { "local-member-id": localId });
  const own = await store.hashKv(0);
  const answers = await hashesOfOthers(context, own.hashRevision);
  const differing = differingMembers(own, answers);
  for (const id of differing) {
    log.warn("found different hash values from remote peer", {
      "local-member-id": localId,
      "local-member-revision": own.hashRevision,
      "local-member-compact-revision": own.compactRevision,
      "local-member-hash": own.hash,
      "remote-peer-id": formatId(id),
      "remote-peer-hash": answers.find((answer) => answer.id === id)?.hash?.hash,
    });
  }
  if (differing.length > 0) throw new Error(`${localId} found data inconsistency with peers`);
  log.info("initial corruption checking passed; no corruption", { "local-member-id": localId });
}
