import { pause, within } from "@quorate/storage/seams/waiting";
import { type ClusterMember, decodeMemberList } from "../cluster/member-json.ts";
import { HTTP_FAILURES, isRefusedWith, RequestError } from "../errors.ts";
import { MEMBER_PROMOTE } from "../operations/member-promote.ts";
import type { PeerResponse } from "../peer/peer-requests.ts";
import type { WaitingCaller } from "./callers.ts";
import { changeMembers } from "./change-members.ts";
import type { PromoteContext } from "./context.ts";
import { waitLeader } from "./wait-leader.ts";

/** What other members are told of a refusal; each of them ends the attempts of whoever forwarded the request. */
export const PROMOTION_REFUSALS = [
  ["MEMBER_NOT_FOUND", "PROMOTE_NO_MEMBER"],
  ["MEMBER_NOT_LEARNER", "PROMOTE_NO_LEARNER"],
  ["LEARNER_NOT_READY", "PROMOTE_NOT_READY"],
] as const;

const RETRY_MS = 100;

/**
 * Makes a voter of learner `id`, here or, when another member leads, there. `token` is the caller's proof of who it is.
 * Returns all members afterwards.
 */
export async function promoteMember(
  context: PromoteContext,
  id: bigint,
  token: string | undefined,
  caller: WaitingCaller,
): Promise<readonly ClusterMember[]> {
  const counts = context.measures?.promotions;
  try {
    const members = await changeMembers(context, MEMBER_PROMOTE, id, caller);
    if (counts !== undefined) counts.successes++;
    return members;
  } catch (error) {
    if (!isRefusedWith(error, "NOT_LEADER")) {
      const reason = reasonOf(error);
      counts?.failures.set(reason, (counts.failures.get(reason) ?? 0) + 1);
      throw error;
    }
  }
  return forward(context, id, token, caller.signal);
}

/** What metrics call it: etcd's own text, which other members are told, too. */
function reasonOf(error: unknown): string {
  const told = PROMOTION_REFUSALS.find(([code]) => isRefusedWith(error, code));
  if (told !== undefined) return HTTP_FAILURES[told[1]][1];
  return error instanceof RequestError ? error.message : "unknown";
}

async function forward(
  context: PromoteContext,
  id: bigint,
  token: string | undefined,
  signal: AbortSignal,
): Promise<readonly ClusterMember[]> {
  const { clock, requestTimeoutMs } = context;
  const deadlineMs = clock.nowMs() + requestTimeoutMs;
  const members = await within(
    clock,
    requestTimeoutMs,
    (either) => askLeaders(context, id, token, deadlineMs, either),
    signal,
  );
  if (members === undefined) throw new RequestError(signal.aborted ? "CANCELED" : "TIMEOUT");
  return members;
}

/** All members, as whoever leads knows them afterwards; undefined when `signal` fires first. */
async function askLeaders(
  context: PromoteContext,
  id: bigint,
  token: string | undefined,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<readonly ClusterMember[] | undefined> {
  const { clock, log, peerRequests } = context;
  while (!signal.aborted) {
    const leader = await waitLeader(context, signal);
    for (const url of leader.peerUrls) {
      try {
        const response = await peerRequests.send(url, {
          method: "POST",
          path: `/members/promote/${id}`,
          headers: token === undefined ? {} : { authorization: token },
          timeoutMs: Math.max(1, deadlineMs - clock.nowMs()),
          signal,
        });
        return readAnswer(response);
      } catch (error) {
        // Those refusals are final; anything else may be over when it is asked again.
        if (error instanceof RequestError) throw error;
        log.warn("failed to forward a promotion", { address: url, error: (error as Error).message });
      }
    }
    await pause(clock, RETRY_MS, signal);
  }
  return undefined;
}

/** Throws `RequestError` for a refusal that is final, `Error` for what may be tried again. */
function readAnswer({ status, body }: PeerResponse): ClusterMember[] {
  const text = body.toString();
  if (status === 200) return decodeMemberList(text);
  for (const [failure, told] of PROMOTION_REFUSALS) {
    const [toldStatus, toldText] = HTTP_FAILURES[told];
    // Whatever has no such page has no such member.
    if (status === toldStatus && (status === 404 || text.includes(toldText))) throw new RequestError(failure);
  }
  throw new Error(`member promote: unknown error(${text.slice(0, 200)})`);
}
