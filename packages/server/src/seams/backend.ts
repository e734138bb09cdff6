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

/** One record of table `key`: what the store keeps for one change of one key. */
export interface RevisionRecord {
  readonly main: number;
  readonly sub: number;
  readonly tombstone: boolean;
  /** Encoded `mvccpb.KeyValue`; of a tombstone, one with only the key. Borrowed until the scan's next step. */
  readonly record: Uint8Array;
}

/**
 * Durable tables with a write-behind memory in front. Writes are seen by reads at once, become part of the database
 * in one atomic transaction at the next commit (100 ms or 10,000 writes, or when forced), and durable when that
 * transaction has been flushed. The consistent index travels in the same transaction as the writes before it, so a
 * crash at any moment leaves a database that is exactly the state after entry `consistent_index`.
 * One writer, on the event loop.
 */
export interface Backend {
  /** Bytes of the database file, counting what is not in use. What quotas compare. */
  readonly sizeBytes: number;
  readonly sizeInUseBytes: number;

  /** Takes ownership of `record`. `main`/`sub` ascend strictly from call to call. */
  putRevision(main: number, sub: number, tombstone: boolean, record: Uint8Array): void;
  /** Borrowed until the next call on this backend; undefined if there is no such record. */
  getRevision(main: number, sub: number): Uint8Array | undefined;
  /** As `getRevision`, for a tombstone's record. */
  getTombstone(main: number, sub: number): Uint8Array | undefined;
  deleteRevision(main: number, sub: number, tombstone: boolean): void;
  /**
   * Records with `fromMain <= main <= toMain` in (main, sub) order, committed and pending ones as one.
   * A scan may be held over turns of the loop; it then sees a mixture of old and new only for records written or
   * deleted after it began, and never skips or repeats one that was there all the time.
   */
  scanRevisions(fromMain: number, toMain: number): IterableIterator<RevisionRecord>;
  /** The newest record's (main, sub), or undefined when the table is empty. */
  lastRevision(): { main: number; sub: number } | undefined;

  /** An owned copy, or undefined. */
  get(table: Table, key: Uint8Array): Uint8Array | undefined;
  /** Takes ownership of both. */
  put(table: Table, key: Uint8Array, value: Uint8Array): void;
  delete(table: Table, key: Uint8Array): void;
  /** All entries in ascending key order, owned copies. For small tables. */
  entries(table: Table): [key: Uint8Array, value: Uint8Array][];

  /** Sets what the next commit records as the last entry reflected in the tables; never decreases. */
  setConsistentIndex(index: number, term: number): void;
  /** As recorded in memory (may be ahead of the file); 0 when unknown. */
  readonly consistentIndex: number;
  readonly consistentTerm: number;

  /** Marks the end of one entry's effects: a due commit may happen here and nowhere else. */
  entryApplied(): void;
  /** Commits what is pending now, as one transaction. Not yet durable. */
  commit(): void;
  /** Resolves when everything committed so far is durable. */
  flushed(): Promise<void>;
  /** Rewrites the database without free space while reads and writes go on. */
  defragment(): Promise<void>;
  /** Commits, flushes and closes. Idempotent. */
  close(): Promise<void>;
}
