import { type Disk, type DiskFile, directoryOf } from "./disk.ts";

/** What follows the name of a file until all of it is durable. */
export const TEMPORARY_SUFFIX = ".tmp";

/** Makes a file, or empties the one that is there, and has `fill` write it; its content is durable when it resolves. */
export async function writeFile(
  disk: Disk,
  path: string,
  fill: (file: DiskFile) => Promise<void>,
): Promise<void> {
  const file = await disk.open(path, "write");
  try {
    await file.truncate(0);
    await fill(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * As `writeFile`, whole or not at all: whenever the machine stops, `path` is what it was before, or what `fill` has written. It is
 * written beside it; `beforeRename` is told where, when all of it is durable.
 */
export async function replaceFile(
  disk: Disk,
  path: string,
  fill: (file: DiskFile) => Promise<void>,
  beforeRename?: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = path + TEMPORARY_SUFFIX;
  await writeFile(disk, temporary, fill);
  await beforeRename?.(temporary);
  await disk.rename(temporary, path);
  await disk.syncDirectory(directoryOf(path));
}
