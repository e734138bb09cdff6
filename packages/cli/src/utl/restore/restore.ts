import path from "node:path";
import { formatId } from "@quorate/server/offline";
import { RealDisk } from "@quorate/storage/seams/real-disk";
import type { Progress } from "../../ctl/terminal/progress.ts";
import { snapDirectory } from "../database/data-directory.ts";
import type { Log } from "../log.ts";
import { SnapshotFile } from "./copy-snapshot.ts";
import { FIRST_TERM, makeFirstLog } from "./first-log.ts";
import { type NewClusterSettings, newCluster } from "./new-cluster.ts";
import { adoptDatabase } from "./restored-database.ts";
import { Staging } from "./staging.ts";

/** Whose data directory is made, and where. */
export interface MemberSettings extends NewClusterSettings {
  /** Absent or empty. */
  readonly dataDir: string;
  /** Absent. */
  readonly walDir: string;
  /** 0, or by how much revisions go ahead; those of before are compacted then. */
  readonly bumpRevision: bigint;
}

export interface RestoreSettings extends MemberSettings {
  /** The file. */
  readonly snapshot: string;
  /** Whether a snapshot may be without its sum, or with another one. */
  readonly skipHashCheck: boolean;
}

/**
 * Makes the data directory of a member of a new cluster from a snapshot, which stays as it is: whole, or not at all. Throws
 * Exit and what files, logs and databases fail with. `progress` is that of the copy.
 */
export async function restore(settings: RestoreSettings, log: Log, progress: Progress): Promise<void> {
  const { snapshot, skipHashCheck } = settings;
  await restoreFrom(snapshot, settings, log, async (make) => {
    await using source = await SnapshotFile.open(snapshot, skipHashCheck);
    await make(async (database) => {
      try {
        await source.copyTo(database, skipHashCheck, (done, total) => progress.reach(done, total));
      } finally {
        progress.end();
      }
    });
  });
}

/**
 * The same from what `open` opens and then hands to `make`: a function that writes the database to a file, which is not there. `source` says
 * for the log what it comes from.
 */
export async function restoreFrom(
  source: string,
  settings: MemberSettings,
  log: Log,
  open: (make: (writeTo: (database: string) => Promise<void>) => Promise<void>) => Promise<void>,
): Promise<void> {
  const { dataDir, walDir, bumpRevision } = settings;
  const cluster = await newCluster(settings);
  const disk = new RealDisk();
  const staging = await Staging.plan(disk, dataDir, walDir);
  const places = { path: source, "wal-dir": walDir, "data-dir": dataDir, "snap-dir": snapDirectory(dataDir) };
  log.info("restoring snapshot", places);
  await open((writeTo) =>
    staging.run(async () => {
      const database = path.join(staging.snap, "db");
      await writeTo(database);
      const applied = { index: BigInt(cluster.members.length), term: BigInt(FIRST_TERM) };
      await adoptDatabase(database, cluster, applied, bumpRevision, log);
      await makeFirstLog(disk, staging, cluster);
    }),
  );
  for (const { id, peerUrls, isLearner } of cluster.members) {
    log.info("added member", {
      "cluster-id": formatId(cluster.id),
      "local-member-id": formatId(cluster.localId),
      "added-peer-id": formatId(id),
      "added-peer-peer-urls": peerUrls,
      "added-peer-is-learner": isLearner,
    });
  }
  log.info("restored snapshot", places);
}
