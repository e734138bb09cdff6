import {
  type ConfChange,
  ConfChangeType,
  confChangeOf,
  type Entry,
  EntryType,
  encodeConfChange,
  type HardState,
  isConfChangeV2,
  type LogIndex,
} from "@quorate/raft";
import { assert } from "@quorate/storage/assert";
import type { Wal } from "@quorate/storage/wal/wal";
import { afterConfChange, type ClusterMembers, validateConfChange } from "../cluster/conf-change.ts";
import { formatId } from "../cluster/ids.ts";
import { encodeMemberContext, encodePromotionContext } from "../cluster/member-json.ts";
import type { Membership } from "../cluster/membership.ts";
import type { Logger } from "../log/logger.ts";

/** What etcd gives a member that must exist but is not in the configuration. */
const DEFAULT_PEER_URL = "http://localhost:2380";

export interface ForcedStart {
  /** The log after its snapshot, with its uncommitted end. */
  readonly entries: readonly Entry[];
  readonly wal: Wal;
  readonly membership: Membership;
  /** The last entry that `membership` reflects. */
  readonly appliedIndex: LogIndex;
  /** With what the database proves to be committed. */
  readonly hardState: HardState;
  readonly log: Logger;
}

/**
 * `--force-new-cluster`: what is not known to be committed is dropped, and entries that make this member the only one, and
 * a voter, are appended as if they had been agreed on. IDs and data stay. Returns what to start from; all of it is durable.
 * Throws, before anything is written, for a member that no such entries can help.
 */
export async function forceNewCluster(
  start: ForcedStart,
): Promise<{ readonly entries: readonly Entry[]; readonly hardState: HardState }> {
  const { wal, membership, hardState, log } = start;
  const { localId } = membership;
  const committed = start.entries.filter((entry) => entry.index <= hardState.commit);
  const members = committedMembers(start, committed);
  const changes = changesToLocalAlone(members, localId);
  const forced = changes.map(
    (change, i): Entry => ({
      type: EntryType.EntryConfChange,
      term: hardState.term,
      index: hardState.commit + 1 + i,
      data: encodeConfChange(change),
    }),
  );
  log.warn("forcing a new cluster of this member alone", {
    "removed-member-ids": [...members.members.keys()].filter((id) => id !== localId).map(formatId),
    "was-learner": members.members.get(localId)?.isLearner ?? false,
    "dropped-uncommitted-entries": start.entries.length - committed.length,
  });
  // A reader of the log drops what lies behind an entry that came later, so the first of these, or of those that come
  // next, cuts the uncommitted end off.
  const after = { ...hardState, commit: hardState.commit + forced.length };
  wal.save(after, forced);
  await wal.sync();
  return { entries: [...committed, ...forced], hardState: after };
}

/**
 * The changes that leave nobody but `localId`, as a voter, each of which takes effect. It becomes one first: a
 * configuration without voters is none, and no member could apply such a change.
 */
function changesToLocalAlone(before: ClusterMembers, localId: bigint): ConfChange[] {
  const local = before.members.get(localId);
  if (before.removed.has(localId)) {
    throw new Error(
      `member ${formatId(localId)} was removed from its cluster, so it cannot become a new one; ` +
        "start another member with --force-new-cluster, or restore this one's database from a snapshot file",
    );
  }
  const changes: ConfChange[] = [];
  if (local === undefined) changes.push(additionOf(localId));
  else if (local.isLearner) changes.push(promotionOf(localId));
  const others = [...before.members.keys()].filter((id) => id !== localId).sort((a, b) => (a < b ? -1 : 1));
  for (const nodeId of others) changes.push({ type: ConfChangeType.ConfChangeRemoveNode, nodeId });

  let cluster = before;
  for (const change of changes) {
    const refusal = validateConfChange(cluster, change);
    if (refusal !== undefined) {
      throw new Error(
        `member ${formatId(localId)} cannot become a new cluster (${refusal.message}); ` +
          "restore its database, or a snapshot file, as a new cluster instead",
      );
    }
    cluster = afterConfChange(cluster, change);
  }
  const last = cluster.members.get(localId);
  assert(cluster.members.size === 1 && last?.isLearner === false, "one voter is left");
  return changes;
}

function additionOf(nodeId: bigint): ConfChange {
  const member = { id: nodeId, peerUrls: [DEFAULT_PEER_URL], isLearner: false, name: "", clientUrls: [] };
  return { type: ConfChangeType.ConfChangeAddNode, nodeId, context: encodeMemberContext(member) };
}

function promotionOf(nodeId: bigint): ConfChange {
  return { type: ConfChangeType.ConfChangeAddNode, nodeId, context: encodePromotionContext(nodeId) };
}

/** The members once `committed` has been applied. */
function committedMembers(
  { membership, appliedIndex }: ForcedStart,
  committed: readonly Entry[],
): ClusterMembers {
  let cluster: ClusterMembers = {
    members: new Map(membership.members.map((member) => [member.id, member])),
    removed: new Set(membership.removedIds),
    maxLearners: membership.maxLearners,
  };
  for (const entry of committed) {
    if (entry.type !== EntryType.EntryConfChange || entry.index <= appliedIndex) continue;
    const change = confChangeOf(entry);
    if (!isConfChangeV2(change)) cluster = afterConfChange(cluster, change);
  }
  return cluster;
}
