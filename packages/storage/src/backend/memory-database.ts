import { type Bucket, Database } from "@quorate/bbolt";
import { assert } from "../assert.ts";
import type { DatabaseExport, RevisionScan, Table } from "../seams/backend.ts";
import { BUCKET_NAMES } from "./bucket-names.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { MemoryState } from "./memory-state.ts";
import { readDatabase } from "./read-database.ts";
import { TOMBSTONE_KEY_BYTES, writeRevisionKey } from "./revision-key.ts";
import { INDEX_KEY, readUint64, TERM_KEY, uint64 } from "./uint64.ts";

const CHUNK_BYTES = 128 << 10;
const FULL = 1;
/** Nobody waits beside what is done in memory. */
const pause = (): Promise<void> => Promise.resolve();

type Entry = readonly [key: Uint8Array, value: Uint8Array];

/** The state of a database file's content. Rejects with a `DatabaseFileError`, which calls the file by `name`. */
export async function readMemoryState(name: string, file: Uint8Array): Promise<MemoryState> {
  const disk = MemoryDisk.with(name, file);
  await using database = await Database.open(name, { disk, readOnly: true, pause });
  const { faults } = await database.check();
  if (faults.length > 0) throw faults[0]!;
  const state = new MemoryState();
  readDatabase(database, {
    putRevision: (main, sub, tombstone, record) =>
      state.apply({ kind: "putRevision", main, sub, tombstone, record: record.slice() }),
    putEntry: (table, key, value) => state.apply({ kind: "set", table, key, value }),
  });
  const index = readUint64(state.get("meta", INDEX_KEY));
  state.apply({ kind: "index", index, term: readUint64(state.get("meta", TERM_KEY)) });
  // It keeps both beside its tables.
  for (const key of [INDEX_KEY, TERM_KEY]) state.apply({ kind: "set", table: "meta", key, value: undefined });
  return state;
}

/** The database file of a state as it is now, with what `revisions` scans. */
export async function exportMemoryState(
  state: MemoryState,
  revisions: RevisionScan,
): Promise<DatabaseExport> {
  const { consistentIndex, consistentTerm } = state;
  const content = BUCKET_NAMES.map((name): [name: string, entries: Entry[]] => [
    name,
    name === "key" ? revisionEntries(revisions) : tableEntries(state, name),
  ]);
  const file = await databaseFile(content);
  let released = false;
  return {
    consistentIndex,
    consistentTerm,
    sizeBytes: file.length,
    async *read() {
      for (let at = 0; at < file.length; at += CHUNK_BYTES) {
        assert(!released, "export in use");
        yield file.slice(at, at + CHUNK_BYTES);
      }
    },
    async release() {
      released = true;
    },
  };
}

function revisionEntries(revisions: RevisionScan): Entry[] {
  const key = new Uint8Array(TOMBSTONE_KEY_BYTES);
  const view = new DataView(key.buffer);
  return Array.from(revisions, ({ main, sub, tombstone, record }): Entry => {
    const length = writeRevisionKey(view, 0, main, sub, tombstone);
    return [key.slice(0, length), record.slice()];
  });
}

function tableEntries({ tables, consistentIndex, consistentTerm }: MemoryState, table: Table): Entry[] {
  const entries: Entry[] = [...(tables.get(table)?.values() ?? [])];
  if (table === "meta" && consistentIndex > 0) {
    entries.push([INDEX_KEY, uint64(consistentIndex)]);
    if (consistentTerm > 0) entries.push([TERM_KEY, uint64(consistentTerm)]);
  }
  // The same content is the same file.
  return entries.sort(([a], [b]) => Buffer.compare(a, b));
}

async function databaseFile(
  content: readonly (readonly [name: string, entries: readonly Entry[]])[],
): Promise<Uint8Array> {
  const disk = new MemoryDisk();
  const database = await Database.open("memory", { disk, pause });
  const tx = database.beginWrite();
  for (const [name, entries] of content) {
    const bucket: Bucket = tx.createBucketIfAbsent(name);
    bucket.setFill(FULL);
    for (const [key, value] of entries) bucket.put(key, value);
  }
  await tx.commit();
  const { sizeBytes } = database;
  await database.close();
  return disk.bytesOf("memory").subarray(0, sizeBytes);
}
