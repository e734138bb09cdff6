import type { LogIndex, NumberOf, Term } from "@quorate/raft";
import type { BackendCounts } from "./backend-counts.ts";

/** The tables of a backend: etcd's bucket names without `key`, which has its own methods. */
export type Table =
  | "alarm"
  | "auth"
  | "authRoles"
  | "authUsers"
  | "cluster"
  | "lease"
  | "members"
  | "members_removed"
  | "meta";

/** The main revision of a state of the key space: the number of the write transaction that made it. 0 stands for none. */
export type Revision = NumberOf<"Revision">;

/** One record of table `key`: what the store keeps for one change of one key. */
export interface RevisionRecord {
  readonly main: Revision;
  readonly sub: number;
  readonly tombstone: boolean;
  /**
   * Encoded `mvccpb.KeyValue`; of a tombstone, one with only the key. Borrowed until the scan's next step, and no
   * longer than this turn of the loop.
   */
  readonly record: Uint8Array;
}

/** Takes records one after another, each into memory of its own. */
export interface RecordSink {
  /** The memory in which the record begun last lies. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Makes room for a record of `length` bytes; returns where in `bytes` to write it. */
  begin(length: number): number;
}

/** Called with a record as the bytes from `start` to `end` of `bytes`, all borrowed until it returns. */
export type RevisionVisitor = (
  main: Revision,
  sub: number,
  tombstone: boolean,
  bytes: Uint8Array,
  start: number,
  end: number,
) => void;

/** Called with an entry of a table, which it owns. */
export type EntryVisitor = (key: Uint8Array, value: Uint8Array) => void;

/** A scan of table `key`; both ways of stepping it move the same position. Holds nothing open: just drop it. */
export interface RevisionScan extends IterableIterator<RevisionRecord> {
  /**
   * The last main revision that is visited. It may be changed at any time, by a visitor too; a record beyond it is not
   * read, and is the next one when `toMain` is raised again.
   */
  toMain: Revision;
  /**
   * The fast way, without an object a record: visits up to `limit` records and returns how many there were; fewer
   * than `limit` means that the scan is at its end. About 0.3 µs a record of 300 bytes, checksum included.
   */
  visit(limit: number, visitor: RevisionVisitor): number;
  /**
   * As `visit`, for work in slices: stops also when it has visited some hundred KiB, though not before the first record.
   * False at the scan's end.
   */
  visitSome(limit: number, visitor: RevisionVisitor): boolean;
}

/** `visitSome` stops when it has visited as many. */
export const SOME_BYTES = 2 ** 18;

/** One database state as the bytes of a bbolt file: what members send with a snapshot, and what snapshot files hold. */
export interface DatabaseExport {
  /** The last entry that the content reflects, and its term; 0 when unknown. */
  readonly consistentIndex: LogIndex;
  readonly consistentTerm: Term;
  /** Exactly how many bytes `read` gives. */
  readonly sizeBytes: number;
  /** From the beginning, in chunks of at most 128 KiB, which the caller owns. May be called several times, also at once. */
  read(): AsyncIterable<Uint8Array>;
  /** Gives up what the export occupies. Idempotent. A `read` under way fails. */
  release(): Promise<void>;
}

/** What a step of a scrub has come to. */
export interface Scrubbed {
  /** How many pages of the file are as they were written. */
  readonly pages: number;
  /** Nothing was left of the file: the next step begins at its beginning. */
  readonly isEnd: boolean;
  /** What is wrong with a page, if one is damaged. Then the next step finds it again. */
  readonly fault: string | undefined;
}

/**
 * Durable tables with a write-behind memory in front. Writes are seen by reads at once, become part of the database
 * in one atomic transaction at the next commit (100 ms or 10,000 writes, or when forced), and durable when that
 * transaction has been flushed. The consistent index travels in the same transaction as the writes before it, so a
 * crash at any moment leaves a database that is exactly the state after entry `consistent_index`.
 * One writer, on the event loop.
 */
export interface Backend {
  readonly counts: BackendCounts;

  /** Bytes of the database file, counting what is not in use. */
  readonly sizeBytes: number;
  /** Bytes of the pages in use, as of the last commit. What quotas compare: exact, and cheap to ask. */
  readonly sizeInUseBytes: number;

  /** About how many records table `key` has, as of the last commit. */
  readonly revisionCount: number;

  /**
   * What the writes take in memory that are not durable yet, pending or being committed: the bytes of their keys, values
   * and records, and a fixed number of bytes for each. What a caller that writes without waiting must bound. Cheap.
   */
  readonly backlogBytes: number;

  /** Copies `record`. `main`/`sub` ascend strictly from call to call, and are above `lastRevision()`. */
  putRevision(main: Revision, sub: number, tombstone: boolean, record: Uint8Array): void;
  /** Borrowed until the next call on this backend; undefined if there is no such record. */
  getRevision(main: Revision, sub: number): Uint8Array | undefined;
  /**
   * As `getRevision` of many: copies the records of the revisions `from` up to `to` (exclusive) of two columns, in their
   * order. Stops after some hundred KiB, but not before the first, and before a record that is not there. Returns
   * where it stopped. About 0.4 µs a record of 300 bytes, checksum included.
   */
  copyRevisions(mains: Float64Array, subs: Int32Array, from: number, to: number, sink: RecordSink): number;
  /** As `getRevision`, for a tombstone's record. */
  getTombstone(main: Revision, sub: number): Uint8Array | undefined;
  /** `tombstone` tells which of the two the record is; deleting what is not there does nothing. */
  deleteRevision(main: Revision, sub: number, tombstone: boolean): void;
  /**
   * Records with `fromMain <= main <= toMain` in (main, sub) order, committed and pending ones as one.
   * A scan may be held over turns of the loop; it then sees a mixture of old and new only for records written or
   * deleted after it began, and never skips or repeats one that was there all the time.
   */
  scanRevisions(fromMain: Revision, toMain: Revision): RevisionScan;
  /** The newest record's (main, sub), or undefined when the table is empty. */
  lastRevision(): { main: Revision; sub: number } | undefined;

  /** An owned copy, or undefined. */
  get(table: Table, key: Uint8Array): Uint8Array | undefined;
  /** Takes ownership of both. */
  put(table: Table, key: Uint8Array, value: Uint8Array): void;
  delete(table: Table, key: Uint8Array): void;
  /** All entries in ascending key order, owned copies. For small tables. */
  entries(table: Table): [key: Uint8Array, value: Uint8Array][];
  /**
   * For tables that may be large: visits about `limit` entries, and those among them that are not committed yet, each an
   * owned copy, and returns where to go on, undefined at the end. It begins at an empty `from`. Keys ascend but for those
   * of more than 1 KiB, which are the last. What is there all the time is visited once, whatever is written meanwhile.
   */
  visitEntries(table: Table, from: Uint8Array, limit: number, visitor: EntryVisitor): Uint8Array | undefined;

  /**
   * Sets what the next commit records as the last entry reflected in the tables; never decreases. Begins an entry:
   * nothing is committed until `entryApplied()` or `commit()`.
   */
  setConsistentIndex(index: LogIndex, term: Term): void;
  /** As recorded in memory (may be ahead of the file); 0 when unknown. */
  readonly consistentIndex: LogIndex;
  readonly consistentTerm: Term;

  /**
   * The entry that has begun takes more than one turn of the loop: until `entryApplied()` nothing is committed, and
   * `commit()` means the commit after that. `close()` before that loses what no commit has sealed, this entry included.
   */
  entryPaused(): void;
  /**
   * Marks the end of one entry's effects. A due commit happens here, or later while no entry is half applied; whoever
   * writes outside of an entry calls `commit()` after it.
   */
  entryApplied(): void;
  /** Seals what is pending now: it becomes one transaction, as soon as the one before it is durable. */
  commit(): void;
  /**
   * Resolves when everything for which `commit()` was called so far is durable, whatever has been written since.
   * Rejects when that failed, or when the backend is closed first.
   */
  flushed(): Promise<void>;
  /**
   * `listener` is called, on the loop, after every commit that ended, durable or failed, and after `become`:
   * `backlogBytes` may be lower than before. Takes the place of the listener before.
   */
  onCommitEnd(listener: () => void): void;
  /**
   * Reads the next pages of the file that are in use, about `mostBytes` of them, and looks whether they are what was written; from
   * step to step it goes over all of the file, whatever is written meanwhile. Off the loop but for what a turn has room for. One
   * step at a time. Looks at nothing while another file is about to take this one's place. Rejects when the disk fails.
   */
  scrub(mostBytes: number): Promise<Scrubbed>;
  /** Rewrites the database without free space while reads and writes go on. */
  defragment(): Promise<void>;
  /**
   * Commits, and gives that one state as a bbolt file: everything written before the call, and whatever else is in the
   * same commit. Not to be called inside an entry. Reads and writes go on meanwhile. Rejects when the disk fails, when
   * a stored record is damaged, when the backend is closed first, and when the signal is aborted first.
   */
  export(signal?: AbortSignal): Promise<DatabaseExport>;
  /**
   * Takes over the content, the indexes and the file of `other`, a backend of the same kind whose file lies in the same
   * directory; the file ends up where this backend's own was. What this one had pending is dropped. Nobody may write
   * from the call until it resolves; reads go on, and a scan goes on at its position in the new content. `other` must
   * not be used any more. When it rejects before the file was replaced, this backend is as it was; after that, it
   * has failed. A crash leaves the old file or the new one.
   */
  become(other: Backend): Promise<void>;
  /** Commits, flushes and closes; what is written after the call is lost. Idempotent. */
  close(): Promise<void>;
}
