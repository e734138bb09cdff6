import type { FailureCode } from "../errors.ts";
import type { ClusterMember } from "./member-json.ts";

/** What a member knows when it is asked to change the cluster. */
export interface ClusterHealth {
  readonly voters: readonly ClusterMember[];
  readonly localId: bigint;
  readonly nowMs: number;
  /** Monotonic milliseconds since when a member has been reachable without a break; undefined when it is not. */
  readonly activeSince: (id: bigint) => number | undefined;
}

/** A member counts as connected when it has been for longer than this. */
const HEALTH_INTERVAL_MS = 5_000;

/** Why a member must not be added now: the cluster could lose its quorum. The new one counts as not there. */
export function refuseAddition(health: ClusterHealth, isLearner: boolean): FailureCode | undefined {
  const { voters } = health;
  if (!isLearner && !isReadyToAdd(countStarted(voters), voters.length)) return "NOT_ENOUGH_STARTED_MEMBERS";
  // A cluster of one must be able to grow.
  if (voters.length === 1) return undefined;
  return countConnected(health) >= quorum(voters.length + 1) ? undefined : "UNHEALTHY";
}

/** Why member `id` must not be removed now; `member` is undefined when there is no such member. */
export function refuseRemoval(
  health: ClusterHealth,
  id: bigint,
  member: ClusterMember | undefined,
): FailureCode | undefined {
  if (member?.isLearner === true) return undefined;
  const { voters } = health;
  const remaining = voters.filter((voter) => voter.id !== id);
  if (countStarted(remaining) < quorum(remaining.length)) return "NOT_ENOUGH_STARTED_MEMBERS";
  // Who is down is no part of the quorum that works.
  if (id !== health.localId && health.activeSince(id) === undefined) return undefined;
  return countConnected(health) - 1 < quorum(voters.length - 1) ? "UNHEALTHY" : undefined;
}

/** Why a learner must not become a voter now. It counts as started. */
export function refusePromotion(voters: readonly ClusterMember[]): FailureCode | undefined {
  return countStarted(voters) + 1 < quorum(voters.length + 1) ? "NOT_ENOUGH_STARTED_MEMBERS" : undefined;
}

/** Whether a voter may be added where `started` of `voters` have started. */
export function isReadyToAdd(started: number, voters: number): boolean {
  // The first step from a cluster of one, which nobody could take otherwise.
  if (started === 1 && voters === 1) return true;
  return started >= quorum(voters + 1);
}

function countStarted(members: readonly ClusterMember[]): number {
  return members.filter((member) => member.name !== "").length;
}

function countConnected({ voters, localId, activeSince, nowMs }: ClusterHealth): number {
  return voters.filter(({ id }) => id === localId || (activeSince(id) ?? nowMs) < nowMs - HEALTH_INTERVAL_MS)
    .length;
}

function quorum(count: number): number {
  return Math.floor(count / 2) + 1;
}
