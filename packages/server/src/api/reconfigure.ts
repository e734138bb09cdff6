import { type ConfChange, ConfChangeType, NONE } from "@quorate/raft";
import { memberId } from "../cluster/ids.ts";
import { type ClusterMember, encodeMemberContext, encodePromotionContext } from "../cluster/member-json.ts";
import {
  type ClusterHealth,
  refuseAddition,
  refusePromotion,
  refuseRemoval,
} from "../cluster/strict-checks.ts";
import { urlProblem } from "../config/parse-flags.ts";
import { type FailureCode, RequestError } from "../errors.ts";
import type { ReconfigureContext } from "./context.ts";
import { pause } from "./waiting.ts";

/** A learner's log must reach this part of the leader's before it may vote. */
const READY_RATIO = 0.9;
const APPLIED_TIMEOUT_MS = 1_000;

/** Adds a member that will be reached at `urls`; returns it and all members afterwards. */
export async function addMember(
  context: ReconfigureContext,
  urls: readonly string[],
  isLearner: boolean,
  signal: AbortSignal,
): Promise<{ added: ClusterMember; members: readonly ClusterMember[] }> {
  const peerUrls = normalizedUrls(urls);
  const id = memberId(peerUrls, "", Math.floor(context.clock.wallMs() / 1_000));
  const added: ClusterMember = { id, peerUrls, isLearner, name: "", clientUrls: [] };
  if (context.config.strictReconfigCheck)
    refuse(context, "add", id, refuseAddition(healthOf(context), isLearner));
  const type = isLearner ? ConfChangeType.ConfChangeAddLearnerNode : ConfChangeType.ConfChangeAddNode;
  const change = { type, nodeId: id, context: encodeMemberContext(added) };
  return { added, members: await configure(context, change, signal) };
}

/** Returns all members afterwards. */
export async function removeMember(
  context: ReconfigureContext,
  id: bigint,
  signal: AbortSignal,
): Promise<readonly ClusterMember[]> {
  const { config, membership } = context;
  if (config.strictReconfigCheck) {
    refuse(context, "remove", id, refuseRemoval(healthOf(context), id, membership.member(id)));
  }
  return configure(context, { type: ConfChangeType.ConfChangeRemoveNode, nodeId: id }, signal);
}

/** Gives a member new URLs, which are not looked at here. Returns all members afterwards. */
export async function updateMember(
  context: ReconfigureContext,
  id: bigint,
  peerUrls: readonly string[],
  signal: AbortSignal,
): Promise<readonly ClusterMember[]> {
  const described = { id, peerUrls, isLearner: false, name: "", clientUrls: [] };
  const change = {
    type: ConfChangeType.ConfChangeUpdateNode,
    nodeId: id,
    context: encodeMemberContext(described),
  };
  return configure(context, change, signal);
}

/** Makes a voter of a learner, on the leader: fails with `NOT_LEADER` elsewhere. Returns all members afterwards. */
export async function promoteLocally(
  context: ReconfigureContext,
  id: bigint,
  signal: AbortSignal,
): Promise<readonly ClusterMember[]> {
  const { config, consensus, membership } = context;
  if (!(await consensus.waitApplied(consensus.committedIndex, APPLIED_TIMEOUT_MS))) {
    throw new RequestError("TIMEOUT_APPLIED_INDEX");
  }
  const matches = consensus.matchIndexes();
  if (matches === undefined) throw new RequestError("NOT_LEADER");
  const match = matches.get(id);
  if (match === undefined) throw new RequestError("MEMBER_NOT_FOUND");
  // Nothing of nothing is no part, and passes: the entry itself is checked when it is applied.
  const leaderMatch = matches.get(membership.localId) ?? 0;
  if (match / leaderMatch < READY_RATIO) refuse(context, "promote", id, "LEARNER_NOT_READY");
  if (config.strictReconfigCheck) refuse(context, "promote", id, refusePromotion(membership.voters));
  const change = {
    type: ConfChangeType.ConfChangeAddNode,
    nodeId: id,
    context: encodePromotionContext(id),
  };
  return configure(context, change, signal);
}

/**
 * Sends a change through the log. Waits for as long as the caller does, for a leader too; what raft drops in silence, as
 * another change is under way, ends with the caller's patience.
 */
async function configure(
  context: ReconfigureContext,
  change: ConfChange,
  signal: AbortSignal,
): Promise<readonly ClusterMember[]> {
  const { clock, config, consensus, ids, membership } = context;
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
  return membership.members;
}

function healthOf({ clock, membership, transport }: ReconfigureContext): ClusterHealth {
  return {
    voters: membership.voters,
    localId: membership.localId,
    nowMs: clock.nowMs(),
    activeSince: (id) => transport.activeSince(id),
  };
}

function refuse(
  context: ReconfigureContext,
  what: string,
  id: bigint,
  failure: FailureCode | undefined,
): void {
  if (failure === undefined) return;
  const error = new RequestError(failure);
  context.log.warn(`rejecting member ${what} request`, {
    "requested-member-id": id.toString(16),
    error: error.message,
  });
  throw error;
}

/** Ordered, as IDs are made of them. Fails with `BAD_MEMBER_URLS`. */
export function normalizedUrls(urls: readonly string[]): string[] {
  const trimmed = urls.map((url) => url.trim().replace(/^[^:]*:/, (scheme) => scheme.toLowerCase()));
  if (trimmed.length === 0 || trimmed.some((url) => urlProblem(url) !== undefined)) {
    throw new RequestError("BAD_MEMBER_URLS");
  }
  return trimmed.sort();
}
