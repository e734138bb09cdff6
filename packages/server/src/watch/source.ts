import type { Revision } from "@quorate/storage/seams/backend";
import type { HistoryScan } from "../keys/change.ts";

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
