import { pause } from "@quorate/storage/seams/waiting";
import type { ClusterMember } from "../cluster/member-json.ts";
import { RequestError } from "../errors.ts";
import type { PromoteContext } from "./context.ts";

/**
 * The leader, once there is one that is a known member. Looks again every election timeout; fails with `NO_LEADER` when
 * `signal` fires.
 */
export async function waitLeader(
  context: Pick<PromoteContext, "consensus" | "membership" | "clock" | "electionTimeoutMs">,
  signal: AbortSignal,
): Promise<ClusterMember> {
  const { consensus, membership } = context;
  for (;;) {
    const leader = membership.member(consensus.leader);
    if (leader !== undefined && leader.peerUrls.length > 0) return leader;
    if (!(await pause(context.clock, context.electionTimeoutMs, signal))) throw new RequestError("NO_LEADER");
  }
}
