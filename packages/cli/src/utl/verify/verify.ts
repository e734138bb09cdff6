import { type Database, DatabaseFileError } from "@quorate/bbolt";
import { formatId } from "@quorate/server/offline";
import { type Disk, DiskError, readFile } from "@quorate/storage/seams/disk";
import { RealDisk } from "@quorate/storage/seams/real-disk";
import { decodeSnapFile, SnapFileError } from "@quorate/storage/snap/snap-file";
import { CONSISTENT_INDEX, MEMBERS, MEMBERS_REMOVED, META, readUint64, TERM } from "../database/buckets.ts";
import { snapDirectory } from "../database/data-directory.ts";
import { checkDatabase, type DatabaseSummary } from "./check-database.ts";
import { checkLog, type LogSummary } from "./check-log.ts";
import type { Faults } from "./faults.ts";

const LARGEST_SNAP_BYTES = 512 << 20;

export interface Verification {
  readonly database: DatabaseSummary;
  /** Undefined when it cannot be read. */
  readonly log: LogSummary | undefined;
  readonly snapFiles: number;
}

/** Looks at all files of a member, and whether they belong together. What is wrong goes into `faults`. */
export async function verify(
  dataDir: string,
  walDir: string,
  database: Database,
  faults: Faults,
): Promise<Verification> {
  const disk = new RealDisk();
  const summary = await checkDatabase(database, faults);
  const log = await checkLog(disk, walDir, faults);
  if (log !== undefined) {
    try {
      compare(database, log, faults);
    } catch (error) {
      // Told already, as one of the pages that are wrong.
      if (!(error instanceof DatabaseFileError)) throw error;
    }
  }
  return { database: summary, log, snapFiles: await checkSnapFiles(disk, snapDirectory(dataDir), faults) };
}

/** The database is the state after an entry of the log, which goes on from there. */
function compare(database: Database, log: LogSummary, faults: Faults): void {
  using tx = database.beginRead();
  const meta = tx.bucket(META);
  const index = meta === undefined ? 0n : (readUint64(meta, CONSISTENT_INDEX) ?? 0n);
  const { snapshot, lastIndex } = log;
  if (index < BigInt(snapshot.index) && index > 0n)
    faults.add(
      `the database is the state after entry ${index}, and the log begins after entry ${snapshot.index}`,
    );
  if (index > BigInt(lastIndex) && !log.isTorn)
    faults.add(`the database is the state after entry ${index}, and the log ends with entry ${lastIndex}`);
  const term = meta === undefined ? undefined : readUint64(meta, TERM);
  const logTerm = log.termOf(Number(index));
  if (term !== undefined && logTerm !== undefined && term !== BigInt(logTerm))
    faults.add(
      `the database says that entry ${index} is of term ${term}, and the log that it is of term ${logTerm}`,
    );
  const id = Buffer.from(formatId(log.nodeId));
  const isKnown = [MEMBERS, MEMBERS_REMOVED].some((name) => tx.bucket(name)?.get(id) !== undefined);
  if (!isKnown && index > 0n)
    faults.add(`the log is that of member ${id}, of which the database knows nothing`);
}

async function checkSnapFiles(disk: Disk, directory: string, faults: Faults): Promise<number> {
  const names = (await disk.list(directory)).filter((name) => name.endsWith(".snap"));
  for (const name of names) {
    try {
      decodeSnapFile(await readFile(disk, `${directory}/${name}`, LARGEST_SNAP_BYTES));
    } catch (error) {
      if (!(error instanceof SnapFileError || error instanceof DiskError)) throw error;
      faults.add(`${name}: ${error.message}`);
    }
  }
  return names.length;
}
