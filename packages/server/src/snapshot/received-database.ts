import { type Disk, type DiskFile, directoryOf } from "../seams/disk.ts";

const SUFFIX = ".snap.db";
let temporaryFiles = 0;

/** Where the database that came with the snapshot at `index` lies until it becomes the member's own. */
export function receivedDatabasePath(directory: string, index: number): string {
  return `${directory}/${index.toString(16).padStart(16, "0")}${SUFFIX}`;
}

/**
 * Saves a database that arrives; durable under its name when it resolves. When there is one for this index already, that
 * one stays. Rejects, having left nothing behind, when the stream breaks off or the disk fails.
 */
export async function saveReceivedDatabase(
  disk: Disk,
  directory: string,
  index: number,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const path = receivedDatabasePath(directory, index);
  // A start removes what is left under such names.
  const temporary = `${directory}/tmp.${index.toString(16)}.${temporaryFiles++}`;
  try {
    const file = await disk.open(temporary, "write");
    try {
      await writeAll(file, content);
      await file.sync();
    } finally {
      await file.close();
    }
    if (await disk.exists(path)) {
      await disk.remove(temporary);
    } else {
      await disk.rename(temporary, path);
      await disk.syncDirectory(directoryOf(path));
    }
  } catch (error) {
    // The first failure is the one to report.
    await disk.remove(temporary).catch(() => {});
    throw error;
  }
}

/** Removes databases of snapshots before `index`: nobody will ask for them any more. Returns their names. */
export async function removeOrphans(disk: Disk, directory: string, index: number): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await disk.list(directory)) {
    const at = /^([0-9a-f]{16})\.snap\.db$/.exec(name)?.[1];
    if (at === undefined || Number.parseInt(at, 16) >= index) continue;
    await disk.remove(`${directory}/${name}`);
    removed.push(name);
  }
  return removed;
}

/** One write at a time, so that whoever sends is slowed down to the disk. */
async function writeAll(file: DiskFile, content: AsyncIterable<Uint8Array>): Promise<void> {
  let position = 0;
  for await (const chunk of content) {
    await file.write(chunk, position);
    position += chunk.length;
  }
  await file.truncate(position);
}
