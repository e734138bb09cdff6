import { baseName, type Disk, directoryOf } from "../seams/disk.ts";

/** What lies beside a database while it is made, and with it: the checksums of its pages. */
const COMPANIONS = [".sums", ".sums.creating", ".creating"];

/** How the names of unfinished databases beside this one begin. */
export function temporaryPrefix(file: string): string {
  return `${baseName(file)}.tmp.`;
}

/** Removes a database that nobody has open, or whatever has its name. */
export async function removeDatabase(disk: Disk, file: string): Promise<void> {
  for (const suffix of ["", ...COMPANIONS]) await disk.remove(`${file}${suffix}`);
}

/** Removes what a process that ended before it was done has left beside a database. */
export async function removeUnfinished(disk: Disk, file: string): Promise<void> {
  const directory = directoryOf(file);
  for (const name of await disk.list(directory)) {
    if (name.startsWith(temporaryPrefix(file))) await disk.remove(`${directory}/${name}`);
  }
}

/**
 * Gives a database, which may be open, the name of another one in the same directory, with its checksums: durable when it
 * resolves. `onReplaced` is called as soon as the name may mean the new one. A crash leaves either.
 */
export async function replaceDatabase(
  disk: Disk,
  from: string,
  to: string,
  onReplaced: () => void,
): Promise<void> {
  const directory = directoryOf(to);
  // Whether checksums belong to a database is told by numbers that another one may share, and those that do not
  // belong to it would condemn it. Where there are none they are made.
  await disk.remove(`${to}.sums`);
  await disk.syncDirectory(directory);
  await disk.rename(from, to);
  onReplaced();
  await disk.rename(`${from}.sums`, `${to}.sums`);
  await disk.syncDirectory(directory);
}

/**
 * Gives a database file that nobody has open the name `to`, in the place of one that nobody has open either; it keeps its own
 * name, too. A crash leaves either, and perhaps a file with the temporary prefix.
 */
export async function adoptDatabase(disk: Disk, file: string, to: string): Promise<void> {
  const directory = directoryOf(to);
  const unfinished = `${directory}/${temporaryPrefix(to)}adopted`;
  await removeDatabase(disk, unfinished);
  await disk.link(file, unfinished);
  await disk.remove(`${to}.sums`);
  await disk.syncDirectory(directory);
  await disk.rename(unfinished, to);
  // Between two names of one file a rename does nothing.
  await removeDatabase(disk, unfinished);
  await disk.syncDirectory(directory);
}
