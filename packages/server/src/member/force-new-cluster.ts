import {
  type ConfChange,
  ConfChangeType,
  confChangeOf,
  type Entry,
  EntryType,
  encodeConfChange,
  type HardState,
  isConfChangeV2,
  type NodeId,
} from "@quorate/raft";
import { encodeMember } from "../cluster/member-json.ts";
import type { Membership } from "../cluster/membership.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Wal } from "../wal/wal.ts";

/** What etcd gives a member that must exist but is not in the configuration. */
const DEFAULT_PEER_URL = "http://localhost:2380";

export interface ForcedStart {
  /** The log after its snapshot, with its uncommitted end. */
  readonly entries: readonly Entry[];
  readonly wal: Wal;
  readonly membership: Membership;
  /** With what the database proves to be committed. */
  readonly hardState: HardState;
  readonly log: Logger;
}

/**
 * `--force-new-cluster`: what is not known to be committed is dropped, and entries that make this member the only one
 * are appended as if they had been agreed on. IDs and data stay. Returns what to start from; all of it is durable.
 */
export async function forceNewCluster(
  start: ForcedStart,
): Promise<{ readonly entries: readonly Entry[]; readonly hardState: HardState }> {
  const { wal, membership, hardState, log } = start;
  const committed = start.entries.filter((entry) => entry.index <= hardState.commit);
  const others = memberIds(membership, committed);
  const isMember = others.delete(membership.localId);
  const removed = [...others].sort((a, b) => (a < b ? -1 : 1));
  const changes: ConfChange[] = removed.map((nodeId) => ({
    type: ConfChangeType.ConfChangeRemoveNode,
    nodeId,
  }));
  if (!isMember) changes.unshift(additionOf(membership.localId));
  const forced = changes.map(
    (change, i): Entry => ({
      type: EntryType.EntryConfChange,
      term: hardState.term,
      index: hardState.commit + 1 + i,
      data: encodeConfChange(change),
    }),
  );
  log.warn("forcing a new cluster of this member alone", {
    "removed-member-ids": removed.map((id) => id.toString(16)),
    "dropped-uncommitted-entries": start.entries.length - committed.length,
  });
  // A reader of the log drops what lies behind an entry that came later, so the first of these, or of those that come
  // next, cuts the uncommitted end off.
  const after = { ...hardState, commit: hardState.commit + forced.length };
  wal.save(after, forced);
  await wal.sync();
  return { entries: [...committed, ...forced], hardState: after };
}

function additionOf(nodeId: NodeId): ConfChange {
  const member = { id: nodeId, peerUrls: [DEFAULT_PEER_URL], isLearner: false, name: "", clientUrls: [] };
  return {
    type: ConfChangeType.ConfChangeAddNode,
    nodeId,
    context: Buffer.from(encodeMember(member)),
  };
}

/** Everybody who is a member once `committed` has been applied. */
function memberIds(membership: Membership, committed: readonly Entry[]): Set<NodeId> {
  const ids = new Set(membership.members.map((member) => member.id));
  for (const entry of committed) {
    if (entry.type !== EntryType.EntryConfChange) continue;
    const change = confChangeOf(entry);
    if (isConfChangeV2(change)) continue;
    if (change.type === ConfChangeType.ConfChangeRemoveNode) ids.delete(change.nodeId);
    else if (!membership.isRemoved(change.nodeId)) ids.add(change.nodeId);
  }
  return ids;
}
