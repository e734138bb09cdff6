import type { LogIndex } from "@quorate/raft";
import { failpoints } from "@quorate/storage/failpoints";
import type { Disk, DiskFile } from "@quorate/storage/seams/disk";
import type { SnapTimes } from "@quorate/storage/snap/snap-times";

const SUFFIX = ".snap.db";
/** Of files that are not finished; a start removes them. */
const TEMPORARY_PREFIX = "tmp";
/** Small chunks are written together. */
const WRITE_BYTES = 2 ** 20;

/** Where the database that came with the snapshot at `index` lies. */
export function receivedDatabasePath(directory: string, index: LogIndex): string {
  return `${directory}/${index.toString(16).padStart(16, "0")}${SUFFIX}`;
}

/** Tells files apart that a member receives at the same time: how many it has begun. */
const filesBegun = new WeakMap<Disk, number>();

/**
 * What is wrong with the database that was received with the snapshot at `index` and lies at `path`; undefined when it is
 * sound and reflects that entry, so that it can become the member's state. Rejects when it cannot be read.
 */
export type FindDatabaseFault = (path: string, index: LogIndex) => Promise<string | undefined>;

/**
 * Saves a database that another member sends, as `<index>.snap.db`; it is durable and known to be sound when this resolves:
 * raft, and then the log, may be told of the snapshot. Takes the place of one of that index, which may be damaged. Rejects,
 * and leaves nothing behind, when `database` throws, the disk fails or is full, or there is a fault in what was sent.
 */
export async function saveReceivedDatabase(
  disk: Disk,
  directory: string,
  index: LogIndex,
  database: AsyncIterable<Uint8Array>,
  findFault: FindDatabaseFault,
  times: SnapTimes,
): Promise<void> {
  await times.time(times.databaseSaveSeconds, () => save(disk, directory, index, database, findFault, times));
}

async function save(
  disk: Disk,
  directory: string,
  index: LogIndex,
  database: AsyncIterable<Uint8Array>,
  findFault: FindDatabaseFault,
  times: SnapTimes,
): Promise<void> {
  const number = filesBegun.get(disk) ?? 0;
  filesBegun.set(disk, number + 1);
  const temporaryPath = `${directory}/${TEMPORARY_PREFIX}${index.toString(16)}-${number}`;
  try {
    await writeFile(disk, temporaryPath, database, times);
    const fault = await findFault(temporaryPath, index);
    if (fault !== undefined)
      throw new Error(`the database received with snapshot ${index} is of no use: ${fault}`);
    await disk.rename(temporaryPath, receivedDatabasePath(directory, index));
    await failpoints?.hit("snapDBRenameBeforeDirSync");
    const failure = await failpoints?.hit("snapDBDirSyncError");
    if (failure !== undefined) throw new Error(`${failure}`);
    await disk.syncDirectory(directory);
  } catch (error) {
    // The first failure is the one to report; a start removes what could not be removed now.
    await disk.remove(temporaryPath).catch(() => {});
    throw error;
  }
}

/**
 * Removes databases that were received with snapshots before `olderThanIndex`: a newer one is in place. Returns their
 * names.
 */
export async function removeOrphans(
  disk: Disk,
  directory: string,
  olderThanIndex: LogIndex,
): Promise<string[]> {
  const orphans = (await disk.list(directory)).filter((name) => {
    const index = /^([0-9a-f]{16})\.snap\.db$/.exec(name)?.[1];
    return index !== undefined && BigInt(`0x${index}`) < BigInt(olderThanIndex);
  });
  for (const name of orphans) await disk.remove(`${directory}/${name}`);
  if (orphans.length > 0) await disk.syncDirectory(directory);
  return orphans;
}

async function writeFile(
  disk: Disk,
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  times: SnapTimes,
): Promise<void> {
  const file = await disk.open(path, "write");
  try {
    const size = await writeChunks(file, chunks);
    await file.truncate(size);
    await times.time(times.databaseSyncSeconds, () => file.sync());
  } finally {
    await file.close();
  }
}

/** Returns how many bytes there were. The next chunks arrive while the ones before are being written. */
async function writeChunks(file: DiskFile, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let position = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async () => {
    // Not more than one write under way: that is what holds back the sender.
    await writing;
    const bytes = Buffer.concat(waiting);
    writing = file.write(bytes, position);
    // Awaited by the next flush; a failure must not count as unhandled until then.
    writing.catch(() => {});
    position += bytes.length;
    waiting = [];
    waitingBytes = 0;
  };
  try {
    for await (const chunk of chunks) {
      waiting.push(chunk);
      waitingBytes += chunk.length;
      if (waitingBytes >= WRITE_BYTES) await flush();
    }
    await flush();
  } finally {
    // The file is closed next, whatever happened.
    await writing.catch(() => {});
  }
  await writing;
  return position;
}

/** A database says less than the snapshot it came with: whoever made it must not be believed. */
export function lagFault(consistentIndex: LogIndex, index: LogIndex): string | undefined {
  return consistentIndex >= index ? undefined : `it reflects entry ${consistentIndex} and not ${index}`;
}
