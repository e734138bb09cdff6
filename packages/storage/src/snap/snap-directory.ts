import { type Disk, readFile } from "../seams/disk.ts";
import {
  decodeSnapFile,
  encodeSnapFile,
  type SnapFileContent,
  SnapFileError,
  snapFileName,
} from "./snap-file.ts";
import type { SnapTimes } from "./snap-times.ts";

/** Holds membership only; anything near this is no such file. */
const LIMIT_BYTES = 512 * 1024 * 1024;

/**
 * Writes `<term>-<index>.snap`; durable when it resolves with the path. A file that could not be written wholly is
 * removed. The caller writes the log's snapshot record after it. `content.index` is greater than 0.
 */
export async function saveSnapFile(
  disk: Disk,
  directory: string,
  content: SnapFileContent,
  times: SnapTimes,
): Promise<string> {
  return times.time(times.saveSeconds, () => save(disk, directory, content, times));
}

async function save(
  disk: Disk,
  directory: string,
  content: SnapFileContent,
  times: SnapTimes,
): Promise<string> {
  const path = `${directory}/${snapFileName(content.term, content.index)}`;
  try {
    const file = await disk.open(path, "write");
    try {
      const bytes = await times.time(times.encodeSeconds, async () => encodeSnapFile(content));
      await file.truncate(bytes.length);
      await file.write(bytes, 0);
      await times.time(times.syncSeconds, () => file.sync());
    } finally {
      await file.close();
    }
    await disk.syncDirectory(directory);
  } catch (error) {
    // The first failure is the one to report; half a file is found out by its CRC.
    await disk.remove(path).catch(() => {});
    throw error;
  }
  return path;
}

export interface LoadedSnapFile {
  readonly content: SnapFileContent;
  readonly path: string;
  /** Files that were newer and damaged; they are called `<name>.broken` now. */
  readonly broken: { readonly path: string; readonly reason: SnapFileError }[];
}

/**
 * Loads the newest file that is whole and that `accepts` takes (a log knows which ones are valid). Throws
 * `SnapFileError` `NO_AVAILABLE_SNAPSHOT`.
 */
export async function loadNewestSnapFile(
  disk: Disk,
  directory: string,
  accepts: (content: SnapFileContent) => boolean = () => true,
): Promise<LoadedSnapFile> {
  const names = (await disk.list(directory)).filter((name) => name.endsWith(".snap")).reverse();
  const broken: LoadedSnapFile["broken"] = [];
  for (const name of names) {
    const path = `${directory}/${name}`;
    try {
      const content = decodeSnapFile(await readFile(disk, path, LIMIT_BYTES));
      if (accepts(content)) return { content, path, broken };
    } catch (error) {
      if (!(error instanceof SnapFileError)) throw error;
      await disk.rename(path, `${path}.broken`);
      broken.push({ path, reason: error });
    }
  }
  throw new SnapFileError("NO_AVAILABLE_SNAPSHOT");
}

/**
 * Removes all but the newest `keep` `.snap` files, and all but the newest `keep` databases received with snapshots
 * (0: removes none). Returns the names of those removed.
 */
export async function purgeSnapFiles(disk: Disk, directory: string, keep: number): Promise<string[]> {
  if (keep === 0) return [];
  const names = await disk.list(directory);
  const removed: string[] = [];
  for (const suffix of [".snap", ".snap.db"]) {
    const matching = names.filter((name) => name.endsWith(suffix));
    for (const name of matching.slice(0, Math.max(0, matching.length - keep))) {
      await disk.remove(`${directory}/${name}`);
      removed.push(name);
    }
  }
  return removed;
}
