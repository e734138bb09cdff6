import type { LogIndex } from "@quorate/raft";
import { type ByteSource, memorySource } from "../bbolt/byte-source.ts";
import { DatabaseFileError } from "../bbolt/errors.ts";
import { readDatabase } from "./read-database.ts";
import { INDEX_KEY, readUint64 } from "./uint64.ts";

/** The last entry that a sound bbolt file reflects, or what is wrong with the file and on which page. */
export type Inspection = { readonly consistentIndex: LogIndex } | { readonly fault: string };

/** Reads a bbolt file whole, and keeps nothing of it. Throws when it cannot be read. */
export function inspectSource(source: ByteSource): Inspection {
  let consistentIndex = 0;
  const steps = readDatabase(source, {
    putRevision: () => {},
    putEntry: (table, key, value) => {
      if (table === "meta" && Buffer.compare(key, INDEX_KEY) === 0) consistentIndex = readUint64(value);
    },
  });
  try {
    while (steps.next().done !== true);
  } catch (error) {
    if (error instanceof DatabaseFileError) return { fault: error.message };
    throw error;
  }
  return { consistentIndex };
}

/** The same of a file in memory, which errors call by `name`. */
export function inspectBytes(name: string, bytes: Uint8Array): Inspection {
  return inspectSource(memorySource(name, bytes));
}
