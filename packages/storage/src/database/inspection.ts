import { Database, DatabaseFileError, type Disk } from "@quorate/bbolt";
import type { LogIndex } from "@quorate/raft";
import { readDatabase } from "../backend/read-database.ts";
import { INDEX_KEY, readUint64 } from "../backend/uint64.ts";

/** The last entry that a sound database file reflects, or what is wrong with the file and on which page. */
export type Inspection = { readonly consistentIndex: LogIndex } | { readonly fault: string };

/** Reads a database file whole, changes nothing, and keeps nothing of it. Rejects when it cannot be read. */
export async function inspectFile(disk: Disk, path: string, pause: () => Promise<void>): Promise<Inspection> {
  try {
    await using database = await Database.open(path, { disk, readOnly: true, map: false, pause });
    const { faults } = await database.check();
    if (faults.length > 0) return { fault: faults[0]!.message };
    let consistentIndex = 0;
    readDatabase(database, {
      putRevision: () => {},
      putEntry: (table, key, value) => {
        if (table === "meta" && Buffer.compare(key, INDEX_KEY) === 0) consistentIndex = readUint64(value);
      },
    });
    return { consistentIndex };
  } catch (error) {
    if (error instanceof DatabaseFileError) return { fault: error.message };
    throw error;
  }
}
