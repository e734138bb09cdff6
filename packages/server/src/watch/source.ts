import type { Revision } from "@quorate/storage/seams/backend";
/** One change of one key, as the store hands it out after applying it or reads it back from history. */
export interface Change {
  /** Owned and immutable from here on, like `record`. */
  readonly key: Uint8Array;
  readonly main: Revision;
  readonly sub: number;
  readonly deleted: boolean;
  /** The stored `mvccpb.KeyValue` bytes; of a tombstone, one with only the key. */
  readonly record: Uint8Array;
}

/** Makes the copies of records that somebody is handed, and owns their memory. */
export interface RecordCopies {
  copy(record: Uint8Array): Uint8Array;
}

/** A pass over the history of a key or range, a slice at a time. */
export interface HistoryScan {
  /**
   * The last main revision of which every matching change has been returned; starts at `fromMain - 1`. The pass is
   * over when it has reached `toMain`.
   */
  readonly position: number;
  /**
   * Looks at about `maxRecords` more records of the store, or `maxBytes` of them, and appends the matching changes to
   * `into` in (main, sub) order. It looks at more to finish a revision, but at no more than four times as much: then it
   * stops inside the revision, leaves `position` before it, and goes on there at the next call. It looks at one record at
   * least, as long as there is one. The changes are as long valid as what `copies` makes; without it they are owned.
   */
  advance(maxRecords: number, maxBytes: number, into: Change[], copies?: RecordCopies): void;
  /** Releases what the pass holds. Idempotent. */
  close(): void;
}

/**
 * What watching needs of the store. Ranges are written as in requests: an empty `rangeEnd` means the single key, one
 * zero byte means every key from `key` on, anything else the half-open range [key, rangeEnd).
 */
export interface WatchSource {
  /** The highest revision applied on this member. */
  readonly currentRevision: Revision;
  /**
   * The last compacted revision, -1 when there is none. It is raised before the first record is removed, so what is
   * read in the turn in which it was checked is complete.
   */
  readonly compactRevision: Revision;
  /**
   * The `mvccpb.KeyValue` bytes of `key` as of `revision`, or undefined when it did not exist then or `revision` has
   * been compacted. Borrowed until the next call of the source.
   */
  getAt(key: Uint8Array, revision: Revision): Uint8Array | undefined;
  /**
   * Opens a pass over the changes with `fromMain <= main <= toMain`. A pass may be held over turns of the loop; what
   * a compaction removes meanwhile may be missing from it, so whoever holds it compares `position` with
   * `compactRevision` before each step. `key` and `rangeEnd` stay unchanged while it is open.
   */
  openHistory(key: Uint8Array, rangeEnd: Uint8Array, fromMain: Revision, toMain: Revision): HistoryScan;
}
