import type { Database, WriteTransaction } from "@quorate/bbolt";
import { compareVersions, formatMinor, formatVersion, type VersionNumber } from "@quorate/server/offline";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { bucketOf, META, STORAGE_VERSION } from "../database/buckets.ts";
import { databasePath, walDirectory } from "../database/data-directory.ts";
import { openDatabase } from "../database/open-database.ts";
import type { Log } from "../log.ts";
import { oldestReleaseFor } from "./log-version.ts";
import { isMarked, migrationSteps, storageVersion } from "./storage-version.ts";

export interface Migration {
  readonly dataDir: string;
  readonly target: VersionNumber;
  /** Whether the version is written even if the migration is not possible. */
  readonly force: boolean;
  readonly timeoutMs: number;
}

/** Makes a database that of another release, in one transaction or not at all. Throws Exit when that cannot be. */
export async function migrate({ dataDir, target, force, timeoutMs }: Migration, log: Log): Promise<void> {
  await using held = await openDatabase(databasePath(dataDir), { writable: true, timeoutMs });
  const { database } = held;
  const current = storageVersion(database.latest);
  if (compareVersions(current, target) === 0) {
    log.info("storage version up-to-date", { "storage-version": formatMinor(current) });
    return;
  }
  const oldest = await oldestReleaseFor(walDirectory(dataDir));
  try {
    const steps = stepsFor(current, target, oldest);
    await write(database, (tx) => {
      for (const step of steps) mark(tx, step);
    });
    for (const step of steps)
      log.info("updated storage version", { "new-storage-version": formatVersion(step) });
  } catch (error) {
    if (!force || !(error instanceof Exit)) throw error;
    log.info("normal migrate failed, trying with force", { error: error.message });
    await write(database, (tx) => mark(tx, target));
    if (isMarked(target))
      log.warn("forcefully set storage version", { "storage-version": formatMinor(target) });
    else log.warn("forcefully cleared storage version");
  }
}

function stepsFor(
  current: VersionNumber,
  target: VersionNumber,
  oldest: VersionNumber | undefined,
): VersionNumber[] {
  const steps = migrationSteps(current, target);
  const isDowngrade = compareVersions(target, current) < 0;
  if (isDowngrade && oldest !== undefined && compareVersions(target, oldest) < 0) {
    throw new Exit(
      ExitCode.ERROR,
      "cannot downgrade storage, WAL contains newer entries, as the target version " +
        `(${formatVersion(target)}) is lower than the version (${formatVersion(oldest)}) detected from WAL logs`,
    );
  }
  return steps;
}

function mark(tx: WriteTransaction, version: VersionNumber): void {
  const meta = bucketOf(tx, META);
  if (isMarked(version)) meta.put(STORAGE_VERSION, Buffer.from(formatVersion(version)));
  else meta.delete(STORAGE_VERSION);
}

async function write(database: Database, change: (tx: WriteTransaction) => void): Promise<void> {
  using tx = database.beginWrite();
  change(tx);
  await tx.commit();
}
