import { type ClusterMember, decodeMemberList } from "../cluster/member-json.ts";
import { FAILURES, isRefusedWith, RequestError } from "../errors.ts";
import { MEMBER_PROMOTE } from "../operations/member-promote.ts";
import type { PeerResponse } from "../peer/peer-requests.ts";
import type { WaitingCaller } from "./callers.ts";
import { changeMembers } from "./change-members.ts";
import type { PromoteContext } from "./context.ts";
import { pause, waitLeader } from "./waiting.ts";

/** What other members read of a refusal; each of them ends the attempts of whoever forwarded the request. */
export const PROMOTION_REFUSALS = {
  MEMBER_NOT_FOUND: "membership: ID not found",
  MEMBER_NOT_LEARNER: "membership: can only promote a learner member",
  LEARNER_NOT_READY: FAILURES.LEARNER_NOT_READY[1],
} as const;

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
  try {
    return await changeMembers(context, MEMBER_PROMOTE, id, caller);
  } catch (error) {
    if (!isRefusedWith(error, "NOT_LEADER")) throw error;
  }
  return forward(context, id, token, caller.signal);
}

async function forward(
  context: PromoteContext,
  id: bigint,
  token: string | undefined,
  signal: AbortSignal,
): Promise<readonly ClusterMember[]> {
  const { clock, peerRequests, requestTimeoutMs } = context;
  const deadlineMs = clock.nowMs() + requestTimeoutMs;
  const tooLate = new AbortController();
  const timer = clock.setTimer(requestTimeoutMs, () => tooLate.abort());
  const either = AbortSignal.any([signal, tooLate.signal]);
  try {
    while (!either.aborted) {
      const leader = await waitLeader(context, either);
      for (const url of leader.peerUrls) {
        try {
          const response = await peerRequests.send(url, {
            method: "POST",
            path: `/members/promote/${id}`,
            headers: token === undefined ? {} : { authorization: token },
            timeoutMs: Math.max(1, deadlineMs - clock.nowMs()),
            signal: either,
          });
          return readAnswer(response);
        } catch (error) {
          // Those refusals are final; anything else may be over when it is asked again.
          if (error instanceof RequestError) throw error;
          context.log.warn("failed to forward a promotion", {
            address: url,
            error: (error as Error).message,
          });
        }
      }
      await pause(clock, RETRY_MS, either);
    }
  } finally {
    timer.cancel();
  }
  throw new RequestError(signal.aborted ? "CANCELED" : "TIMEOUT");
}

/** Throws `RequestError` for a refusal that is final, `Error` for what may be tried again. */
function readAnswer({ status, body }: PeerResponse): ClusterMember[] {
  const text = body.toString();
  if (status === 200) return decodeMemberList(text);
  if (status === 404) throw new RequestError("MEMBER_NOT_FOUND");
  if (status === 412) {
    for (const failure of ["LEARNER_NOT_READY", "MEMBER_NOT_LEARNER"] as const) {
      if (text.includes(PROMOTION_REFUSALS[failure])) throw new RequestError(failure);
    }
  }
  throw new Error(`member promote: unknown error(${text.slice(0, 200)})`);
}
