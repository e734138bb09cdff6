import { Database, type WriteTransaction } from "@quorate/bbolt";
import { encodeMember, formatId } from "@quorate/server/offline";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import {
  bucketOf,
  CONSISTENT_INDEX,
  encodeRevisionKey,
  encodeUint64,
  KEY,
  MEMBERS,
  MEMBERS_REMOVED,
  META,
  SCHEDULED_COMPACTION,
  TERM,
} from "../database/buckets.ts";
import { snapshotStatus } from "../database/snapshot-status.ts";
import type { Log } from "../log.ts";
import type { NewCluster } from "./new-cluster.ts";

const LAST_REVISION = 2n ** 63n - 1n;

/**
 * Makes a copied database that of the first member of a cluster, which has applied entry `index` of term `term`: it has the
 * cluster's members and none of before, and if `bumpRevision` is not 0, is so many revisions further, all of what was before
 * being compacted. Everything in it is looked at first. Throws Exit when it cannot be one of etcd's.
 */
export async function adoptDatabase(
  path: string,
  cluster: NewCluster,
  applied: { readonly index: bigint; readonly term: bigint },
  bumpRevision: bigint,
  log: Log,
): Promise<void> {
  await using database = await Database.open(path);
  const { revision } = await snapshotStatus(database);
  using tx = database.beginWrite();
  replaceMembers(tx, cluster);
  if (bumpRevision > 0n) bump(tx, revision, revision + bumpRevision, log);
  const meta = bucketOf(tx, META);
  meta.put(CONSISTENT_INDEX, encodeUint64(applied.index));
  meta.put(TERM, encodeUint64(applied.term));
  await tx.commit();
}

function replaceMembers(tx: WriteTransaction, { members }: NewCluster): void {
  for (const name of [MEMBERS, MEMBERS_REMOVED]) {
    const cursor = tx.createBucketIfAbsent(name).cursor();
    while (cursor.next()) cursor.delete();
  }
  const bucket = bucketOf(tx, MEMBERS);
  for (const member of members)
    bucket.put(Buffer.from(formatId(member.id)), Buffer.from(encodeMember(member)));
}

/** A record without a key has the new revision. Nobody can read it, but the member begins with its revision. */
function bump(tx: WriteTransaction, from: bigint, to: bigint, log: Log): void {
  if (to > LAST_REVISION)
    throw new Exit(
      ExitCode.ERROR,
      `--bump-revision: revision ${to} is beyond the last one, ${LAST_REVISION}`,
    );
  const revision = encodeRevisionKey(to, 0n);
  bucketOf(tx, KEY).put(revision, new Uint8Array(0));
  bucketOf(tx, META).put(SCHEDULED_COMPACTION, revision);
  log.info("bumped the latest revision", { "latest-revision": `${from}`, "new-latest-revision": `${to}` });
}
