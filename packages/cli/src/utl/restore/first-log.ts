import { ConfChangeType, type Entry, EntryType, encodeConfChange } from "@quorate/raft";
import { encodeMemberContext } from "@quorate/server/offline";
import type { Disk } from "@quorate/storage/seams/disk";
import { realClock } from "@quorate/storage/seams/real-clock";
import { saveSnapFile } from "@quorate/storage/snap/snap-directory";
import { SnapTimes } from "@quorate/storage/snap/snap-times";
import { encodeV2Store } from "@quorate/storage/snap/v2-store";
import { Wal } from "@quorate/storage/wal/wal";
import type { NewCluster } from "./new-cluster.ts";

/** The term in which a cluster's first entries are. */
export const FIRST_TERM = 1;

/** Makes the log of a member with which a cluster begins, which has applied all of it, and the `.snap` file that says so. */
export async function makeFirstLog(
  disk: Disk,
  directories: { readonly wal: string; readonly snap: string },
  { id, localId, members }: NewCluster,
): Promise<void> {
  const entries: Entry[] = members.map((member, i) => ({
    type: EntryType.EntryConfChange,
    term: FIRST_TERM,
    index: i + 1,
    data: encodeConfChange({
      type: ConfChangeType.ConfChangeAddNode,
      nodeId: member.id,
      context: encodeMemberContext(member),
    }),
  }));
  const voters = members.map((member) => member.id);
  const confState = { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  const applied = { index: entries.length, term: FIRST_TERM, confState };
  const wal = await Wal.create(disk, directories.wal, { nodeId: localId, clusterId: id });
  try {
    wal.save({ term: FIRST_TERM, vote: voters[0]!, commit: entries.length }, entries);
    await wal.sync();
    const data = encodeV2Store({ members, removedIds: [], clusterVersion: undefined });
    await saveSnapFile(disk, directories.snap, { ...applied, data }, new SnapTimes(realClock));
    await wal.saveSnapshot(applied);
  } finally {
    await wal.close();
  }
}
