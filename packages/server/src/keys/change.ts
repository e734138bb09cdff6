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
