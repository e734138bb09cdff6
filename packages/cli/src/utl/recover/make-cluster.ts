import { constants } from "node:fs";
import { copyFile, mkdir, open, readdir } from "node:fs/promises";
import path from "node:path";
import { type Entry, EntryType, encodeConfChange } from "@quorate/raft";
import type { Disk } from "@quorate/storage/seams/disk";
import { listSegments } from "@quorate/storage/wal/recovery";
import { Wal } from "@quorate/storage/wal/wal";
import { snapDirectory } from "../database/data-directory.ts";
import type { Staging } from "../restore/staging.ts";
import type { Best } from "./assess.ts";
import { changesToSoleMember } from "./sole-member.ts";

/**
 * Fills the directories of a new member with copies of the best's files. Its log goes on with entries that make it the only
 * member, and all of it counts as committed: what is not in the database yet is applied when it starts. IDs stay.
 */
export async function makeCluster(
  disk: Disk,
  { of, log, database, cluster }: Best,
  staging: Pick<Staging, "snap" | "wal">,
): Promise<void> {
  const changes = changesToSoleMember(cluster, log.nodeId);
  await copy(database.file, path.join(staging.snap, "db"));
  const snapDir = snapDirectory(of.dataDir);
  const snapFiles = (await readdir(snapDir)).filter((name) => name.endsWith(".snap"));
  for (const name of snapFiles) await copy(path.join(snapDir, name), path.join(staging.snap, name));
  await mkdir(staging.wal, { recursive: true, mode: 0o700 });
  for (const { name } of await listSegments(disk, of.walDir))
    await copy(path.join(of.walDir, name), path.join(staging.wal, name));
  const { wal } = await Wal.open(disk, staging.wal, log.snapshot);
  try {
    const term = Math.max(log.hardState.term, log.lastTerm);
    const forced = changes.map(
      (change, i): Entry => ({
        type: EntryType.EntryConfChange,
        term,
        index: log.lastIndex + 1 + i,
        data: encodeConfChange(change),
      }),
    );
    const vote = term === log.hardState.term ? log.hardState.vote : 0n;
    wal.save({ term, vote, commit: log.lastIndex + forced.length }, forced);
    await wal.sync();
  } finally {
    await wal.close();
  }
}

/** Durable when it resolves; blocks are shared where the file system can. */
async function copy(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  const file = await open(to, "r+");
  try {
    await file.chmod(0o600);
    await file.sync();
  } finally {
    await file.close();
  }
}
