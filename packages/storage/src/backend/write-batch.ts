import type { Table } from "../seams/backend.ts";
import { Arena, type ChunkPool } from "./arena.ts";
import { DeletedRevisions } from "./deleted-revisions.ts";
import { PendingRevisions } from "./pending-revisions.ts";
import { PendingTables } from "./pending-tables.ts";
import { INDEX_KEY, TERM_KEY, uint64 } from "./uint64.ts";
import { entryWriteBytes, revisionWriteBytes } from "./write-bytes.ts";

/** What is written between two commits, and becomes one transaction. */
export class WriteBatch {
  readonly arena: Arena;
  readonly revisions: PendingRevisions;
  readonly deleted = new DeletedRevisions();
  readonly tables = new PendingTables();
  /** What the changes that wait here count as, as in write-bytes.ts. */
  bytes = 0;
  /** Changes that wait here. */
  writes = 0;
  /** As of the end of this batch. */
  consistentIndex = 0;
  consistentTerm = 0;

  constructor(pool: ChunkPool) {
    this.arena = new Arena(pool);
    this.revisions = new PendingRevisions(this.arena);
  }

  putRevision(main: number, sub: number, tombstone: boolean, record: Uint8Array): void {
    this.revisions.append(main, sub, tombstone, record);
    this.bytes += revisionWriteBytes(record.length);
    this.writes++;
  }

  deleteRevision(main: number, sub: number, tombstone: boolean): void {
    const ordinal = this.revisions.find(main, sub);
    if (ordinal < 0) this.deleted.add(main, sub, tombstone);
    else if (this.revisions.isTombstone(ordinal) === tombstone) this.revisions.kill(ordinal);
    this.bytes += revisionWriteBytes(0);
    this.writes++;
  }

  setEntry(table: Table, key: Uint8Array, value: Uint8Array | undefined): void {
    this.tables.set(table, key, value);
    this.bytes += entryWriteBytes(key, value);
    this.writes++;
  }

  /** Adds to table `meta` which entry the batch ends with. Nobody's write, and so not counted as one. */
  recordConsistentIndex(): void {
    this.tables.set("meta", INDEX_KEY, uint64(this.consistentIndex));
    if (this.consistentTerm > 0) this.tables.set("meta", TERM_KEY, uint64(this.consistentTerm));
  }

  /** Empties it for reuse; views of its records are invalid from now on. */
  clear(): void {
    this.revisions.clear();
    this.deleted.clear();
    this.tables.clear();
    this.arena.release();
    this.bytes = 0;
    this.writes = 0;
  }
}
