import type { CheckedSnapshot } from "@quorate/backup";
import type { Database } from "@quorate/bbolt";
import {
  bucketOf,
  decodeRevisionKey,
  FINISHED_COMPACTION,
  META,
  SCHEDULED_COMPACTION,
} from "../utl/database/buckets.ts";
import { openDatabase } from "../utl/database/open-database.ts";
import { snapshotStatus } from "../utl/database/snapshot-status.ts";

const LOCK_WITHIN_MS = 10_000;
const FIRST_REVISION = 1n;

/** Looks at every page and every record, as `utl snapshot status`. Throws Exit with what is wrong. */
export async function checkSnapshot(file: string): Promise<CheckedSnapshot> {
  await using held = await openDatabase(file, { writable: false, timeoutMs: LOCK_WITHIN_MS });
  const status = await snapshotStatus(held.database);
  return { ...status, revision: revisionOf(held.database, status.revision) };
}

/** What a member begins with on it: a compaction may have removed the last record, and an empty store is at revision 1. */
function revisionOf(database: Database, lastRecord: bigint): bigint {
  using tx = database.beginRead();
  const meta = bucketOf(tx, META);
  const compacted = [FINISHED_COMPACTION, SCHEDULED_COMPACTION].map((name) => {
    const value = meta.get(name);
    const revision = value === undefined ? "" : decodeRevisionKey(value);
    return typeof revision === "string" ? 0n : revision.main;
  });
  return [...compacted, lastRecord].reduce((a, b) => (a > b ? a : b), FIRST_REVISION);
}
