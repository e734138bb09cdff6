import { RequestError } from "../../errors.ts";
import type { LeadershipContext } from "../context.ts";

/** Ticks may be this many heartbeats old before leadership has to be proved by a read. */
export const ACTIVE_HEARTBEATS = 3;
/** A process that stands still again and again while it asks does not serve anybody. */
const MAX_PROOFS = 3;
const CATCH_UP_MS = 1_000;

/** Whether this member leads beyond doubt: it has kept ticking since a quorum last confirmed it. */
export function isCertainLeader({ consensus, lessor, clock, config }: LeadershipContext): boolean {
  const tickAgeMs = clock.nowMs() - consensus.lastTickMs;
  return (
    consensus.isLeader && tickAgeMs <= ACTIVE_HEARTBEATS * config.heartbeatMs && !lessor.pauses.isProofNeeded
  );
}

/**
 * Resolves when this member is certainly the leader. After a pause of this process another may lead: then only a read
 * that a quorum confirms tells. Rejects with NOT_PRIMARY_LESSOR when it is not, or cannot be proved.
 */
export async function ensureLeadership(context: LeadershipContext): Promise<void> {
  const { consensus, lessor, clock } = context;
  for (let proofs = 0; proofs < MAX_PROOFS && consensus.isLeader; proofs++) {
    if (isCertainLeader(context)) return;
    const askedMs = clock.nowMs();
    await consensus.linearizable().catch(() => {
      throw new RequestError("NOT_PRIMARY_LESSOR");
    });
    if (!consensus.isLeader) break;
    lessor.pauses.proved(askedMs);
    // Who leads and is not the lessor yet has no deadlines to misuse. And whatever the last tick says, which may not have
    // come yet, a proof holds unless the process has stood still since.
    if (!lessor.isPrimary || !lessor.pauses.isProofNeeded) return;
  }
  throw new RequestError("NOT_PRIMARY_LESSOR");
}

/** Whether all that is known to be committed has been applied, now or within a second. */
export async function isCaughtUp({ consensus }: Pick<LeadershipContext, "consensus">): Promise<boolean> {
  const { committedIndex, appliedIndex } = consensus;
  return appliedIndex >= committedIndex || (await consensus.waitApplied(committedIndex, CATCH_UP_MS));
}
