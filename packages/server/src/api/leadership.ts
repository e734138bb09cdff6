import { formatId } from "../cluster/ids.ts";
import { RequestError } from "../errors.ts";
import type { ApiContext } from "./context.ts";
import { pause } from "./waiting.ts";

export type LeadershipContext = Pick<
  ApiContext,
  "clock" | "config" | "consensus" | "log" | "membership" | "requestTimeoutMs" | "transport"
>;

/** Hands leadership to voter `to` and waits until it leads, for as long as `signal` lets it. */
export async function moveLeader(context: LeadershipContext, to: bigint, signal: AbortSignal): Promise<void> {
  const { clock, config, consensus, log, membership } = context;
  if (!consensus.isLeader) throw new RequestError("NOT_LEADER");
  const target = membership.member(to);
  if (target === undefined || target.isLearner) throw new RequestError("BAD_LEADER_TRANSFEREE");
  const fields = { "transferee-member-id": formatId(to) };
  log.info("leadership transfer starting", fields);
  const startedMs = clock.nowMs();
  consensus.transferLeadership(to);
  while (consensus.leader !== to) {
    if (!(await pause(clock, config.heartbeatMs, signal))) throw new RequestError("TIMEOUT_LEADER_TRANSFER");
  }
  log.info("leadership transfer finished", { ...fields, tookMs: Math.round(clock.nowMs() - startedMs) });
}

/**
 * Before a stop: hands leadership, if this member has it, to the voter that has been connected for longest. Never rejects
 * and takes no longer than a request may: what does not succeed is left to an election.
 */
export async function transferOnStop(context: LeadershipContext): Promise<void> {
  const { clock, consensus, log, membership, requestTimeoutMs, transport } = context;
  const { localId, voters } = membership;
  if (!consensus.isLeader || voters.length < 2) return;
  let longest: { id: bigint; sinceMs: number } | undefined;
  for (const { id } of voters) {
    const sinceMs = id === localId ? undefined : transport.activeSince(id);
    if (sinceMs !== undefined && (longest === undefined || sinceMs < longest.sinceMs))
      longest = { id, sinceMs };
  }
  const tooLate = new AbortController();
  const timer = clock.setTimer(requestTimeoutMs, () => tooLate.abort());
  try {
    if (longest === undefined) throw new RequestError("UNHEALTHY");
    await moveLeader(context, longest.id, tooLate.signal);
  } catch (error) {
    log.warn("leadership transfer failed", { error: (error as Error).message });
  } finally {
    timer.cancel();
  }
}
