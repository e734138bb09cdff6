import { DatabaseWriter } from "../bbolt/database-writer.ts";
import type { ByteSink } from "../bbolt/page-output.ts";
import type { RevisionScan, Table } from "../seams/backend.ts";
import { BUCKET_NAMES } from "./bucket-names.ts";
import { TOMBSTONE_KEY_BYTES, writeRevisionKey } from "./revision-key.ts";

/** One state of all tables. */
export interface DatabaseContent {
  /** In ascending order of the keys. */
  entries(table: Table): Iterable<readonly [key: Uint8Array, value: Uint8Array]>;
  readonly revisions: RevisionScan;
}

const STEP = 1000;

/** Writes the content as a bbolt file; returns its length in bytes. */
export function writeDatabase(content: DatabaseContent, sink: ByteSink): number {
  const writer = new DatabaseWriter(sink);
  for (const bucket of BUCKET_NAMES) {
    writer.beginBucket(bucket);
    if (bucket === "key") writeRevisions(content.revisions, writer);
    else
      for (const [key, value] of content.entries(bucket)) writer.put(key, key.length, value, 0, value.length);
  }
  return writer.finish();
}

function writeRevisions(scan: RevisionScan, writer: DatabaseWriter): void {
  const key = new Uint8Array(TOMBSTONE_KEY_BYTES);
  const view = new DataView(key.buffer);
  const visitor = (
    main: number,
    sub: number,
    tombstone: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void => {
    writer.put(key, writeRevisionKey(view, 0, main, sub, tombstone), bytes, start, end);
  };
  while (scan.visit(STEP, visitor) === STEP);
}
