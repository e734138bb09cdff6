import { type Bucket, type Database, DatabaseFileError, ElementPlace } from "@quorate/bbolt";
import type { Table } from "../seams/backend.ts";
import { BUCKET_NAMES } from "./bucket-names.ts";
import { isRevisionKey, mainOf, subOf, TOMBSTONE_KEY_BYTES } from "./revision-key.ts";

/** What takes the content of a database file. */
export interface DatabaseTarget {
  /** In ascending order. `record` is borrowed until it returns. */
  putRevision(main: number, sub: number, tombstone: boolean, record: Uint8Array): void;
  /** Takes ownership of both. */
  putEntry(table: Table, key: Uint8Array, value: Uint8Array): void;
}

const TABLES = BUCKET_NAMES.filter((name): name is Table => name !== "key");

/**
 * Hands over the content of etcd's buckets in the last durable state, which nobody may change meanwhile. Buckets that are not etcd's are
 * left out. Throws `DatabaseFileError` for what is damaged, and for what no backend has written.
 */
export function readDatabase(database: Database, target: DatabaseTarget): void {
  const state = database.scanLatest();
  const key = state.bucket("key");
  if (key !== undefined) readRevisions(database, key, target);
  for (const table of TABLES) {
    const bucket = state.bucket(table);
    if (bucket !== undefined) readEntries(database, table, bucket, target);
  }
}

function readRevisions(database: Database, bucket: Bucket, target: DatabaseTarget): void {
  let lastMain = -1;
  let lastSub = -1;
  const cursor = bucket.cursor();
  const place = new ElementPlace();
  while (cursor.next()) {
    cursor.place(place);
    const { bytes, view, keyStart, valueStart, valueEnd } = place;
    const { page } = cursor;
    const length = valueStart - keyStart;
    if (cursor.isBucket || !isRevisionKey(view, keyStart, length))
      invalid(database, page, "a key of bucket key is no revision");
    const main = mainOf(view, keyStart);
    const sub = subOf(view, keyStart);
    // The tables hold one record a revision, a put's or a tombstone's.
    if (main === lastMain && sub === lastSub)
      invalid(database, page, `two records of revision ${main}.${sub}`);
    lastMain = main;
    lastSub = sub;
    target.putRevision(main, sub, length === TOMBSTONE_KEY_BYTES, bytes.subarray(valueStart, valueEnd));
  }
}

function readEntries(database: Database, table: Table, bucket: Bucket, target: DatabaseTarget): void {
  const cursor = bucket.cursor();
  while (cursor.next()) {
    const { page } = cursor;
    const value = cursor.value?.slice();
    if (value === undefined) invalid(database, page, `a bucket in bucket ${table}`);
    const key = cursor.key.slice();
    if (table === "meta") checkIndex(database, page, key, value);
    target.putEntry(table, key, value);
  }
}

/** The entries that a backend itself reads are numbers that it can hold. */
function checkIndex(database: Database, page: number, key: Uint8Array, value: Uint8Array): void {
  const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
  if (name !== "consistent_index" && name !== "term") return;
  const isIndex = value.length === 8 && new DataView(value.buffer, value.byteOffset).getUint32(0) < 0x20_0000;
  if (!isIndex) invalid(database, page, `${name} is no index`);
}

function invalid(database: Database, page: number, what: string): never {
  throw new DatabaseFileError(database.path, page, page * database.pageBytes, what);
}
