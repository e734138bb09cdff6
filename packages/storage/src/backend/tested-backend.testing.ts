import { copyFile } from "node:fs/promises";
import { DatabaseFileError } from "@quorate/bbolt";
import { BboltBackend, type BboltBackendOptions } from "../database/bbolt-backend.ts";
import { GenerationCommitter } from "../database/generation-committer.ts";
import { realClock } from "../seams/real-clock.ts";
import { Committer } from "./committer.ts";
import { BackendCorruptionError } from "./corruption.ts";
import { importDatabase } from "./import-database.ts";
import { LmdbBackend } from "./lmdb-backend.ts";

/** Which backend on disk is tested, here and in the processes that tests start: as members choose theirs. */
const isBbolt = process.env.QUORATE_BACKEND !== "lmdb";

export type TestedBackend = LmdbBackend | BboltBackend;
export type TestedBackendOptions = Partial<Omit<BboltBackendOptions, "path">>;

/** What commits, for those who hold it up. */
export const testedCommitter = isBbolt ? GenerationCommitter.prototype : Committer.prototype;

/** The names of the files that a closed database leaves in its folder. */
export const testedFiles = isBbolt ? /^db(\.sums)?$/ : /^(db|db-lock)$/;

/** Unless `options` say otherwise: with the real clock, and nothing may fail. */
export function openTested(path: string, options: TestedBackendOptions = {}): Promise<TestedBackend> {
  const all = {
    path,
    clock: realClock,
    onFatal: (error: Error) => {
      throw error;
    },
    ...options,
  };
  return isBbolt ? BboltBackend.open(all) : LmdbBackend.open(all);
}

/** Makes a database of a received file. */
export async function importTested(received: string, path: string): Promise<void> {
  if (isBbolt) await copyFile(received, path);
  else await importDatabase(received, path);
}

/** The files that make up a database: its own, and what is believed of it. */
export const testedParts: readonly string[] = isBbolt ? ["db", "db.sums"] : ["db"];

/** What is thrown where a database is damaged. */
export const TestedCorruption = isBbolt ? DatabaseFileError : BackendCorruptionError;
