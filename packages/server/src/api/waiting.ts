import type { Clock } from "@quorate/storage/seams/clock";
import type { ClusterMember } from "../cluster/member-json.ts";
import { RequestError } from "../errors.ts";
import type { PromoteContext } from "./context.ts";

/** Resolves after `delayMs`, or to false as soon as `signal` fires. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted === true) return Promise.resolve(false);
  return new Promise((resolve) => {
    const onAbort = () => {
      timer.cancel();
      resolve(false);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve(true);
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Runs `run`, whose signal fires after `limitMs`, or when `outer` does: then it is to end by itself. */
export async function within<Result>(
  clock: Clock,
  limitMs: number,
  run: (signal: AbortSignal) => Promise<Result>,
  outer?: AbortSignal,
): Promise<Result> {
  const tooLate = new AbortController();
  const timer = clock.setTimer(limitMs, () => tooLate.abort());
  try {
    return await run(outer === undefined ? tooLate.signal : AbortSignal.any([outer, tooLate.signal]));
  } finally {
    timer.cancel();
  }
}

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
