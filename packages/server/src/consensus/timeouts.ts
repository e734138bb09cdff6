import { NONE, type NodeId } from "@quorate/raft";
import { type FailureCode, RequestError } from "../errors.ts";

/** What is known when a request has waited for too long. Times are monotonic milliseconds. */
export interface TimeoutCircumstances {
  readonly localId: NodeId;
  readonly leader: NodeId;
  /** When this member last became the leader; undefined when it never did. */
  readonly electedMs: number | undefined;
  readonly electionTimeoutMs: number;
  /** All members of the configuration, this one included. */
  readonly members: readonly NodeId[];
  /** Since when the links to a member have worked without a break. */
  readonly connectedSince: (id: NodeId) => number | undefined;
}

/** Why a request that began at `startedMs` got no answer in time: what a caller is told (etcd's `parseProposeCtxErr`). */
export function timeoutFailure(startedMs: number, circumstances: TimeoutCircumstances): RequestError {
  return new RequestError(failureCode(startedMs, circumstances));
}

function failureCode(startedMs: number, circumstances: TimeoutCircumstances): FailureCode {
  const { localId, leader, electedMs, electionTimeoutMs, members, connectedSince } = circumstances;
  if (electedMs !== undefined && startedMs > electedMs - 2 * electionTimeoutMs && startedMs < electedMs) {
    return "TIMEOUT_LEADER_FAILED";
  }
  const isConnected = (id: NodeId) => {
    if (id === localId) return true;
    const sinceMs = connectedSince(id);
    return sinceMs !== undefined && sinceMs < startedMs;
  };
  if (leader === NONE) return "TIMEOUT";
  if (leader !== localId) return isConnected(leader) ? "TIMEOUT" : "TIMEOUT_CONNECTION_LOST";
  const quorum = Math.floor(members.length / 2) + 1;
  return members.filter(isConnected).length >= quorum ? "TIMEOUT" : "TIMEOUT_CONNECTION_LOST";
}
