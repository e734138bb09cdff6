import type { ByteSource } from "../bbolt/byte-source.ts";
import { type Bucket, DatabaseFile } from "../bbolt/database-file.ts";
import { DatabaseFileError } from "../bbolt/errors.ts";
import type { Table } from "../seams/backend.ts";
import { BUCKET_NAMES } from "./bucket-names.ts";
import { isRevisionKey, mainOf, subOf, TOMBSTONE_KEY_BYTES } from "./revision-key.ts";

/** What takes the content of a bbolt file. */
export interface DatabaseTarget {
  /** In ascending order. `record` is borrowed until it returns. */
  putRevision(main: number, sub: number, tombstone: boolean, record: Uint8Array): void;
  /** Takes ownership of both. */
  putEntry(table: Table, key: Uint8Array, value: Uint8Array): void;
}

/** Records between two turns of whoever reads. */
const STEP = 500;
const MOST_NAMES = 100;
const TABLES: ReadonlySet<string> = new Set(BUCKET_NAMES.filter((name) => name !== "key"));

/**
 * Hands over the content of a bbolt file, in steps: whoever iterates may wait between them. Its result are the names of
 * buckets that are not etcd's (the first hundred): they have no place in our tables and are left out. Throws
 * `DatabaseFileError` for whatever is not sound, also in what is left out.
 */
export function* readDatabase(
  source: ByteSource,
  target: DatabaseTarget,
): Generator<void, string[], undefined> {
  const file = new DatabaseFile(source);
  const unknown: string[] = [];
  for (const bucket of file.buckets()) {
    if (bucket.name === "key") yield* readRevisions(source, bucket, target);
    else if (TABLES.has(bucket.name)) yield* readEntries(source, bucket, target);
    else {
      if (unknown.length < MOST_NAMES) unknown.push(bucket.name);
      while (bucket.scan.visit(STEP, () => {}) === STEP) yield;
    }
  }
  return unknown;
}

function* readRevisions(source: ByteSource, { scan }: Bucket, target: DatabaseTarget): Generator<void> {
  let lastMain = -1;
  let lastSub = -1;
  const visitor = (
    bytes: Uint8Array,
    view: DataView,
    keyStart: number,
    valueStart: number,
    end: number,
  ): void => {
    const length = valueStart - keyStart;
    if (!isRevisionKey(view, keyStart, length))
      invalid(source, scan.page, "a key of bucket key is no revision");
    const main = mainOf(view, keyStart);
    const sub = subOf(view, keyStart);
    // The tables hold one record a revision, a put's or a tombstone's.
    if (main === lastMain && sub === lastSub)
      invalid(source, scan.page, `two records of revision ${main}.${sub}`);
    lastMain = main;
    lastSub = sub;
    target.putRevision(main, sub, length === TOMBSTONE_KEY_BYTES, bytes.subarray(valueStart, end));
  };
  while (scan.visit(STEP, visitor) === STEP) yield;
}

function* readEntries(source: ByteSource, { name, scan }: Bucket, target: DatabaseTarget): Generator<void> {
  const visitor = (
    bytes: Uint8Array,
    view: DataView,
    keyStart: number,
    valueStart: number,
    end: number,
  ): void => {
    const key = bytes.slice(keyStart, valueStart);
    if (name === "meta") checkIndex(source, scan.page, key, view, valueStart, end);
    target.putEntry(name as Table, key, bytes.slice(valueStart, end));
  };
  while (scan.visit(STEP, visitor) === STEP) yield;
}

/** The entries that a backend itself reads are numbers that it can hold. */
function checkIndex(
  source: ByteSource,
  page: number,
  key: Uint8Array,
  view: DataView,
  start: number,
  end: number,
): void {
  const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
  if (name !== "consistent_index" && name !== "term") return;
  if (end - start !== 8 || view.getUint32(start) >= 0x20_0000) invalid(source, page, `${name} is no index`);
}

function invalid(source: ByteSource, page: number, what: string): never {
  throw new DatabaseFileError(source.path, page, what);
}
