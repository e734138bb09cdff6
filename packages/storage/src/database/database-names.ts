import { rmSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
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
