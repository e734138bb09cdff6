import { rmSync } from "node:fs";
import { copyFile, link, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { syncDirectory } from "../backend/sync-directory.ts";

/** What lies beside a database while it is made, and with it: the checksums of its pages. */
const COMPANIONS = [".sums", ".sums.creating", ".creating"];

/** How the names of unfinished databases beside this one begin. */
export function temporaryPrefix(file: string): string {
  return `${path.basename(file)}.tmp.`;
}

/** Removes a database that nobody has open, or whatever has its name. */
export function removeDatabase(file: string): void {
  for (const suffix of ["", ...COMPANIONS]) rmSync(`${file}${suffix}`, { force: true, recursive: true });
}

/**
 * Gives a database, which may be open, the name of another one in the same directory, with its checksums: durable when it
 * resolves. `onReplaced` is called as soon as the name may mean the new one. A crash leaves either.
 */
export async function replaceDatabase(from: string, to: string, onReplaced: () => void): Promise<void> {
  const directory = path.dirname(to);
  // Whether checksums belong to a database is told by numbers that another one may share, and those that do not
  // belong to it would condemn it. Where there are none they are made.
  await rm(`${to}.sums`, { force: true });
  await syncDirectory(directory);
  await rename(from, to);
  onReplaced();
  await rename(`${from}.sums`, `${to}.sums`);
  await syncDirectory(directory);
}

/**
 * Gives a database file that nobody has open the name `to`, in the place of one that nobody has open either; it keeps its own
 * name, too. A crash leaves either, and perhaps a file with the temporary prefix.
 */
export async function adoptDatabase(file: string, to: string): Promise<void> {
  const unfinished = path.join(path.dirname(to), `${temporaryPrefix(to)}${process.pid}.adopted`);
  removeDatabase(unfinished);
  await link(file, unfinished).catch(async (error: NodeJS.ErrnoException) => {
    if (!NO_LINKS.has(error.code ?? "")) throw error;
    await copyDurably(file, unfinished);
  });
  await rm(`${to}.sums`, { force: true });
  await syncDirectory(path.dirname(to));
  await rename(unfinished, to);
  // Between two names of one file a rename does nothing.
  removeDatabase(unfinished);
  await syncDirectory(path.dirname(to));
}

/** How file systems say that they do not have two names for a file. */
const NO_LINKS: ReadonlySet<string> = new Set([
  "EPERM",
  "EOPNOTSUPP",
  "ENOTSUP",
  "ENOSYS",
  "EMLINK",
  "EXDEV",
]);

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  const copy = await open(to, "r");
  try {
    await copy.sync();
  } finally {
    await copy.close();
  }
}
