import { pause, within } from "@quorate/storage/seams/waiting";
import { formatId } from "../cluster/ids.ts";
import { RequestError } from "../errors.ts";
import type { TransferContext } from "./context.ts";

/** Hands leadership to voter `to` and waits until it leads, for as long as `signal` lets it. */
export async function moveLeader(context: TransferContext, to: bigint, signal: AbortSignal): Promise<void> {
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
 * Before a stop: hands leadership, if this member has it, to a voter that is connected, the one connected for longest
 * first. Never rejects and takes no longer than a request may: what does not succeed is left to an election.
 */
export async function transferOnStop(context: TransferContext): Promise<void> {
  const { clock, consensus, electionTimeoutMs, log, membership, requestTimeoutMs } = context;
  if (!consensus.isLeader || membership.voters.length < 2) return;
  const candidates = connectedVoters(context);
  if (candidates.length === 0) {
    log.warn("leadership transfer failed", { error: new RequestError("UNHEALTHY").message });
    return;
  }
  const giveUpMs = clock.nowMs() + requestTimeoutMs;
  for (const id of candidates) {
    if (!consensus.isLeader || clock.nowMs() >= giveUpMs) return;
    // Raft gives an attempt up after an election timeout.
    try {
      await within(clock, electionTimeoutMs, (signal) => moveLeader(context, id, signal));
      return;
    } catch (error) {
      log.warn("leadership transfer failed", {
        "transferee-member-id": formatId(id),
        error: (error as Error).message,
      });
    }
  }
}

/** Without this member; those whose links have worked for longest first. */
function connectedVoters({ membership, transport }: TransferContext): bigint[] {
  return membership.voters
    .filter(({ id }) => id !== membership.localId)
    .map(({ id }) => ({ id, sinceMs: transport.activeSince(id) ?? Number.POSITIVE_INFINITY }))
    .filter(({ sinceMs }) => sinceMs !== Number.POSITIVE_INFINITY)
    .sort((a, b) => a.sinceMs - b.sinceMs)
    .map(({ id }) => id);
}
