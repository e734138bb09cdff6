import type { CheckedSnapshot } from "@quorate/backup";
import { openDatabase } from "../utl/database/open-database.ts";
import { snapshotStatus } from "../utl/database/snapshot-status.ts";

const LOCK_WITHIN_MS = 10_000;

/** Looks at every page and every record, as `utl snapshot status`. Throws Exit with what is wrong. */
export async function checkSnapshot(file: string): Promise<CheckedSnapshot> {
  await using held = await openDatabase(file, { writable: false, timeoutMs: LOCK_WITHIN_MS });
  return await snapshotStatus(held.database);
}
