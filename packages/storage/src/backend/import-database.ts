import { link, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { fileSource } from "../bbolt/byte-source.ts";
import { looksLikeBbolt } from "../bbolt/database-file.ts";
import type { ImportResult, ImportTask } from "./import-worker.ts";
import { lockDatabase } from "./lock-database.ts";
import { runWorker } from "./run-worker.ts";
import { syncDirectory } from "./sync-directory.ts";

const WORKER = new URL("./import-worker.ts", import.meta.url);
let temporaryFiles = 0;

/**
 * Makes a database of ours from a bbolt file, at `databasePath`, replacing what is there; it must not be open. All of it
 * is read and checked, in a thread of its own. A crash leaves the old file or the new one, and perhaps files `tmp*`
 * beside it. Rejects with what is wrong with the file and on which page. Buckets that etcd does not have are left out:
 * the result names them.
 */
export async function importDatabase(bboltPath: string, databasePath: string): Promise<ImportResult> {
  const unfinished = temporaryDatabasePath(databasePath);
  try {
    const task: ImportTask = { bboltPath, databasePath: unfinished };
    const result = await runWorker<ImportResult>(WORKER, task);
    await rename(unfinished, databasePath);
    await syncDirectory(path.dirname(databasePath));
    await rm(`${databasePath}-lock`, { force: true });
    return result;
  } finally {
    for (const name of [unfinished, `${unfinished}-lock`]) await rm(name, { force: true });
  }
}

/** A name beside the database for one that is to take its place; a start removes what is left under such names. */
export function temporaryDatabasePath(databasePath: string): string {
  const name = `tmp.${path.basename(databasePath)}.${process.pid}.${temporaryFiles++}`;
  return path.join(path.dirname(databasePath), name);
}

export interface AdoptedDatabase extends ImportResult {
  /** Where the bbolt file is now. */
  readonly keptPath: string;
}

/**
 * When `databasePath` is a bbolt file, because the directory is that of an etcd, puts a database of ours in its place
 * and keeps the file under `<databasePath>.bbolt`; else resolves with undefined. Throws a `DiskError` with code `LOCKED`,
 * and changes nothing, when an etcd has it open.
 */
export async function importIfBbolt(databasePath: string): Promise<AdoptedDatabase | undefined> {
  if (!(await isBbolt(databasePath))) return undefined;
  const original = await open(databasePath, "r");
  try {
    lockDatabase(databasePath, original.fd);
    const keptPath = `${databasePath}.bbolt`;
    await rm(keptPath, { force: true });
    await link(databasePath, keptPath);
    return { ...(await importDatabase(databasePath, databasePath)), keptPath };
  } finally {
    await original.close();
  }
}

/** Whether there is a file that begins as a bbolt database does, sound or not. */
export async function isBbolt(file: string): Promise<boolean> {
  const handle = await open(file, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (handle === undefined) return false;
  try {
    return looksLikeBbolt(fileSource(file, handle.fd, (await handle.stat()).size));
  } finally {
    await handle.close();
  }
}
