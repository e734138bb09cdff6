import type { ConfState, Entry, HardState, LogIndex, Snapshot, Term } from "../types.ts";

/**
 * The durable log as the node reads it. All calls are synchronous. Whoever handles Readys writes it; the node never
 * does. Errors are RaftErrors with the codes named below; any other exception means that the member must stop.
 */
export interface Storage {
  /** What was saved before the last stop, or the empty states. Asked once, at the start. */
  initialState(): { hardState: HardState; confState: ConfState };
  /**
   * Entries with lo <= index < hi, the longest prefix whose encoded size is at most `maxSize` bytes, at least one.
   * Throws COMPACTED when `lo` is compacted, UNAVAILABLE when there are no entries at all. The array is the
   * caller's to keep and is not changed later; the entries in it are shared and read-only.
   */
  entries(lo: LogIndex, hi: LogIndex, maxSize: number): readonly Entry[];
  /** Term of entry `index` in [firstIndex - 1, lastIndex]. Throws COMPACTED below, UNAVAILABLE above. */
  term(index: LogIndex): Term;
  /** Index of the last entry, or of the snapshot when there is none. */
  lastIndex(): LogIndex;
  /** Index of the first entry that may still be there: one more than what is compacted away. */
  firstIndex(): LogIndex;
  /** The newest snapshot. Throws SNAPSHOT_TEMPORARILY_UNAVAILABLE when it is still being made. */
  snapshot(): Snapshot;
}
