import { type ConfChange, ConfChangeType } from "@quorate/raft";
import {
  afterConfChange,
  type ClusterMembers,
  encodePromotionContext,
  formatId,
  validateConfChange,
} from "@quorate/server/offline";
import { Exit, ExitCode } from "../../command-line/exit.ts";

/** The changes, one after another, that leave a member alone, as a voter. Throws Exit when it cannot be. */
export function changesToSoleMember(before: ClusterMembers, localId: bigint): ConfChange[] {
  const local = before.members.get(localId);
  if (local === undefined)
    throw new Exit(
      ExitCode.ERROR,
      `member ${formatId(localId)} is none of its cluster any more: choose another with --best, or make a new cluster ` +
        "of the database alone with snapshot restore --skip-hash-check",
    );
  const changes: ConfChange[] = [];
  // First: a configuration without voters is none.
  if (local.isLearner)
    changes.push({
      type: ConfChangeType.ConfChangeAddNode,
      nodeId: localId,
      context: encodePromotionContext(localId),
    });
  const others = [...before.members.keys()].filter((id) => id !== localId).sort((a, b) => (a < b ? -1 : 1));
  for (const nodeId of others) changes.push({ type: ConfChangeType.ConfChangeRemoveNode, nodeId });
  let cluster = before;
  for (const change of changes) {
    const refusal = validateConfChange(cluster, change);
    if (refusal !== undefined)
      throw new Exit(
        ExitCode.ERROR,
        `member ${formatId(localId)} cannot become a cluster: ${refusal.message}`,
      );
    cluster = afterConfChange(cluster, change);
  }
  return changes;
}
