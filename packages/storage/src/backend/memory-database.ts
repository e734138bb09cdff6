import { assert } from "../assert.ts";
import { memorySource } from "../bbolt/byte-source.ts";
import type { DatabaseExport, RevisionScan, Table } from "../seams/backend.ts";
import { writeDatabase } from "./database-content.ts";
import { MemoryState } from "./memory-state.ts";
import { readDatabase } from "./read-database.ts";
import { INDEX_KEY, readUint64, TERM_KEY, uint64 } from "./uint64.ts";

const CHUNK_BYTES = 128 << 10;

/** The state of a bbolt file's content. Throws `DatabaseFileError`, which calls the file by `name`. */
export function readMemoryState(name: string, file: Uint8Array): MemoryState {
  const state = new MemoryState();
  const steps = readDatabase(memorySource(name, file), {
    putRevision: (main, sub, tombstone, record) =>
      state.apply({ kind: "putRevision", main, sub, tombstone, record: record.slice() }),
    putEntry: (table, key, value) => state.apply({ kind: "set", table, key, value }),
  });
  while (steps.next().done !== true);
  const index = readUint64(state.get("meta", INDEX_KEY));
  state.apply({ kind: "index", index, term: readUint64(state.get("meta", TERM_KEY)) });
  // It keeps both beside its tables.
  for (const key of [INDEX_KEY, TERM_KEY]) state.apply({ kind: "set", table: "meta", key, value: undefined });
  return state;
}

/** The bbolt file of a state, with what `revisions` scans; written at once. */
export function exportMemoryState(state: MemoryState, revisions: RevisionScan): DatabaseExport {
  const { consistentIndex, consistentTerm } = state;
  const pieces = new Map<number, Uint8Array>();
  const entries = (table: Table): [Uint8Array, Uint8Array][] => {
    const found = [...(state.tables.get(table)?.values() ?? [])];
    if (table === "meta" && consistentIndex > 0) {
      found.push([INDEX_KEY, uint64(consistentIndex)]);
      if (consistentTerm > 0) found.push([TERM_KEY, uint64(consistentTerm)]);
    }
    return found.sort(([a], [b]) => Buffer.compare(a, b));
  };
  const sizeBytes = writeDatabase(
    { entries, revisions },
    { write: (bytes, position) => void pieces.set(position, bytes.slice()) },
  );
  const file = new Uint8Array(sizeBytes);
  for (const [position, bytes] of pieces) file.set(bytes, position);
  let released = false;
  return {
    consistentIndex,
    consistentTerm,
    sizeBytes,
    async *read() {
      for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) {
        assert(!released, "export in use");
        yield file.slice(at, at + CHUNK_BYTES);
      }
    },
    async release() {
      released = true;
    },
  };
}
