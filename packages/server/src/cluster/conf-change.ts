import { type ConfChange, ConfChangeType, NONE } from "@quorate/raft";
import { RequestError } from "../errors.ts";
import { type ClusterMember, type ConfChangeContext, decodeConfChangeContext } from "./member-json.ts";

/** The members that a change is checked against. */
export interface ClusterMembers {
  readonly members: ReadonlyMap<bigint, ClusterMember>;
  readonly removed: ReadonlySet<bigint>;
  readonly maxLearners: number;
}

/**
 * Why a committed configuration change must not take effect; undefined when it may. Depends on nothing but the change
 * and the members, so that all members decide alike. URLs are compared as strings.
 */
export function validateConfChange(cluster: ClusterMembers, change: ConfChange): RequestError | undefined {
  const { members, removed } = cluster;
  const { nodeId } = change;
  if (removed.has(nodeId)) return new RequestError("MEMBER_REMOVED");
  switch (change.type) {
    case ConfChangeType.ConfChangeAddNode:
    case ConfChangeType.ConfChangeAddLearnerNode: {
      const context = contextOf(change);
      if (context === undefined) return new RequestError("MALFORMED_CONF_CHANGE");
      if (context.isPromote) return validatePromotion(members.get(nodeId));
      return validateAddition(cluster, change, context.member);
    }
    case ConfChangeType.ConfChangeUpdateNode: {
      const context = contextOf(change);
      if (context === undefined) return new RequestError("MALFORMED_CONF_CHANGE");
      if (!members.has(nodeId)) return new RequestError("MEMBER_NOT_FOUND");
      return takenUrl(members, context.member.peerUrls, nodeId);
    }
    case ConfChangeType.ConfChangeRemoveNode:
      return members.has(nodeId) ? undefined : new RequestError("MEMBER_NOT_FOUND");
    default:
      return new RequestError("MALFORMED_CONF_CHANGE");
  }
}

/** What the members are after a committed change: the same as before when it must not take effect. */
export function afterConfChange(cluster: ClusterMembers, change: ConfChange): ClusterMembers {
  const { nodeId } = change;
  if (nodeId === NONE || validateConfChange(cluster, change) !== undefined) return cluster;
  const members = new Map(cluster.members);
  if (change.type === ConfChangeType.ConfChangeRemoveNode) {
    members.delete(nodeId);
    return { ...cluster, members, removed: new Set([...cluster.removed, nodeId]) };
  }
  const { member, isPromote } = decodeConfChangeContext(change.context);
  const known = members.get(nodeId);
  if (known === undefined) members.set(nodeId, member);
  else
    members.set(nodeId, isPromote ? { ...known, isLearner: false } : { ...known, peerUrls: member.peerUrls });
  return { ...cluster, members };
}

function validatePromotion(member: ClusterMember | undefined): RequestError | undefined {
  if (member === undefined) return new RequestError("MEMBER_NOT_FOUND");
  return member.isLearner ? undefined : new RequestError("MEMBER_NOT_LEARNER");
}

function validateAddition(
  cluster: ClusterMembers,
  change: ConfChange,
  member: ClusterMember,
): RequestError | undefined {
  if (cluster.members.has(change.nodeId)) return new RequestError("MEMBER_EXISTS");
  const taken = takenUrl(cluster.members, member.peerUrls, undefined);
  if (taken !== undefined) return taken;
  if (!member.isLearner || change.type !== ConfChangeType.ConfChangeAddLearnerNode) return undefined;
  const learners = [...cluster.members.values()].filter(({ isLearner }) => isLearner).length;
  return learners + 1 > cluster.maxLearners ? new RequestError("TOO_MANY_LEARNERS") : undefined;
}

function takenUrl(
  members: ReadonlyMap<bigint, ClusterMember>,
  urls: readonly string[],
  except: bigint | undefined,
): RequestError | undefined {
  for (const member of members.values()) {
    if (member.id === except) continue;
    if (member.peerUrls.some((url) => urls.includes(url))) return new RequestError("PEER_URL_EXISTS");
  }
  return undefined;
}

/** Undefined when the change has no context that fits it: nothing that a member proposes. */
function contextOf(change: ConfChange): ConfChangeContext | undefined {
  try {
    const context = decodeConfChangeContext(change.context);
    return context.member.id === change.nodeId ? context : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
