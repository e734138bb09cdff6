import { type ConfChange, NONE } from "@quorate/raft";
import { pause } from "@quorate/storage/seams/waiting";
import { formatId } from "../cluster/ids.ts";
import type { ClusterMember } from "../cluster/member-json.ts";
import { type FailureCode, RequestError } from "../errors.ts";
import type { ClusterStatus, MemberChange } from "../operations/member-change.ts";
import type { WaitingCaller } from "./callers.ts";
import type { ReconfigureContext } from "./context.ts";

const APPLIED_TIMEOUT_MS = 1_000;
/** Refusals that no operator need look at: the request goes to another member, or names one that is not there. */
const SAYS_NOTHING_OF_HEALTH: ReadonlySet<FailureCode> = new Set(["NOT_LEADER", "MEMBER_NOT_FOUND"]);

/**
 * Changes the members, if this member sees nothing against it; returns all of them afterwards. Waits for as long as the
 * caller does, for a leader too; what raft drops in silence, as another change is under way, ends with the caller's patience.
 */
export async function changeMembers<Request>(
  context: ReconfigureContext,
  operation: MemberChange<Request>,
  request: Request,
  caller: WaitingCaller,
): Promise<readonly ClusterMember[]> {
  const { access, consensus, membership } = context;
  if (access.isRestricted) operation.needs(request, access.needsOf(caller));
  if (operation.awaitsApplied && !(await consensus.waitApplied(consensus.committedIndex, APPLIED_TIMEOUT_MS)))
    throw new RequestError("TIMEOUT_APPLIED_INDEX");
  const change = operation.change(request);
  const failure = operation.refusal(request, statusOf(context));
  if (failure !== undefined) {
    const error = new RequestError(failure);
    if (!SAYS_NOTHING_OF_HEALTH.has(failure)) {
      context.log.warn(`rejecting member ${operation.word} request`, {
        "requested-member-id": formatId(change.nodeId),
        error: error.message,
      });
    }
    throw error;
  }
  await propose(context, change, caller.signal);
  return membership.members;
}

async function propose(
  { clock, config, consensus, ids }: ReconfigureContext,
  change: Omit<ConfChange, "id">,
  signal: AbortSignal,
): Promise<void> {
  while (consensus.leader === NONE) {
    if (!(await pause(clock, config.heartbeatMs, signal))) throw new RequestError("CANCELED");
  }
  if (signal.aborted) throw new RequestError("CANCELED");
  const id = ids.next();
  const onAbort = () => consensus.abandonConfChange(id);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await consensus.proposeConfChange({ ...change, id });
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function statusOf({ clock, config, consensus, membership, transport }: ReconfigureContext): ClusterStatus {
  return {
    isStrict: config.strictReconfigCheck,
    voters: membership.voters,
    localId: membership.localId,
    matchIndexes: consensus.matchIndexes(),
    nowMs: clock.nowMs(),
    activeSince: (id) => transport.activeSince(id),
    member: (id) => membership.member(id),
  };
}
