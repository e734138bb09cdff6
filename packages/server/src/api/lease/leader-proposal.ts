import { encodeInternalRequest } from "@quorate/wire/hot";
import type { Applier } from "../../apply/applier.ts";
import { RequestError } from "../../errors.ts";
import type { ApiContext } from "../context.ts";
import { checkProposal, PromiseProposal } from "../propose.ts";

/** Revokes that may be committed and not yet applied, with feature `PriorityRequest`. */
const MAX_UNAPPLIED_REVOKES = 10_000;

/**
 * Sends what the lessor has decided through the log; resolves when it has been applied. It is never carried to another
 * leader, who may have renewed the lease meanwhile: then it fails with NOT_PRIMARY_LESSOR.
 */
export function proposeAsLeader(
  context: ApiContext,
  field: number,
  request: Uint8Array,
  apply: (applier: Applier) => unknown,
  check: (context: ApiContext, data: Uint8Array) => void = checkProposal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const data = encodeInternalRequest(field, request, context.ids.next(), "", 0);
    check(context, data);
    context.consensus.propose(new LeaderProposal(data, apply, () => resolve(), reject));
  });
}

/** As `checkProposal`; with feature `PriorityRequest` revokes go on for longer when applying falls behind. */
export function checkRevoke(context: ApiContext, data: Uint8Array): void {
  const { config, consensus } = context;
  if (!config.features.PriorityRequest) checkProposal(context, data);
  else if (consensus.committedIndex > consensus.appliedIndex + MAX_UNAPPLIED_REVOKES) {
    throw new RequestError("TOO_MANY_REQUESTS");
  }
}

class LeaderProposal extends PromiseProposal<unknown> {
  override readonly leaderOnly = true;
}
