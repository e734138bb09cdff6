import { exponentialBounds, Histogram } from "@quorate/storage/histogram";
import type { Backend, Revision } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Slices } from "@quorate/storage/slices";
import type { FifoLock } from "./fifo-lock.ts";
import type { KeyIndex } from "./index/key-index.ts";
import type { PutSample } from "./put-sample.ts";
import type { ReadViews } from "./read-views.ts";

/** What the parts of the store share. */
export interface StoreState {
  backend: Backend;
  readonly clock: Clock;
  /** For what reads, for entries, and for the work in the background (compaction, hashes, restore). */
  readonly reading: Slices;
  readonly applying: Slices;
  readonly background: Slices;
  readonly views: ReadViews;
  /** What ranges may cost that a transaction reads while its entry is applied, if they can as well be read behind it. */
  readonly entryReadCost: number;
  /** Held by whoever reads what its entry has left unread: the answers of several are not made at the same time. */
  readonly unreadTxns: FifoLock;
  index: KeyIndex;
  /** The newest revision that readers see. */
  currentRevision: Revision;
  /** Reads below it fail; -1 when the store was never compacted. */
  compactRevision: Revision;
  /** Main revision of the newest change in the index: of the open transaction's, else `currentRevision`. */
  latestMain: Revision;
  /** The index has changes of a transaction that pauses, above `latestMain`: what it says of the latest is not for readers. */
  isHalfWritten: boolean;
  /** The member ends: what is long is not worth going on with. */
  isClosed: boolean;
  readonly counters: StoreCounters;
  /** Which keys most of the bytes that are put belong to. */
  readonly putSample: PutSample;
  readonly durations: StoreDurations;
}

/** Whether what the index says of the latest revisions is what a reader at `at` sees. */
export function isLatest(state: StoreState, at: number): boolean {
  return at === state.latestMain && !state.isHalfWritten;
}

/** Numbers for metrics, since the process started unless said otherwise. */
export interface StoreCounters {
  ranges: number;
  puts: number;
  deletes: number;
  txns: number;
  /** Of more than one operation, also those that change nothing. */
  longTxns: number;
  /** Records removed by compactions. */
  compactedRecords: number;
  /** Bytes of keys and values put. */
  putBytes: number;
  /** Bytes of records read one by one. */
  readBytes: number;
  /** Transactions that are applied, and whose answer could not be read any more. */
  unansweredTxns: number;
  /** Wall-clock milliseconds at the end of the last compaction, 0 when there was none. */
  lastCompactionWallMs: number;
}

export function newCounters(): StoreCounters {
  return {
    ranges: 0,
    puts: 0,
    deletes: 0,
    txns: 0,
    longTxns: 0,
    compactedRecords: 0,
    putBytes: 0,
    readBytes: 0,
    unansweredTxns: 0,
    lastCompactionWallMs: 0,
  };
}

/** So many reads of one state, by a transaction that only reads or before it writes, are a transaction of their own. */
export function countReads({ counters }: StoreState, ranges: number): void {
  counters.ranges += ranges;
  if (ranges > 1) counters.longTxns += 1;
}

/** How long work of the store took, since the process started; etcd's bounds. */
export class StoreDurations {
  /** Of the pass over the index of each compaction. */
  readonly indexCompactionMs = new Histogram(exponentialBounds(0.5, 2, 14));
  /** Of each batch of records that a compaction looks at. */
  readonly compactionBatchMs = new Histogram(exponentialBounds(1, 2, 13));
  /** Of each compaction's pass over the records, with the pauses between its batches. */
  readonly compactionMs = new Histogram(exponentialBounds(100, 2, 14));
  /** Of Hash, and of HashKV. */
  readonly hashSeconds = new Histogram(exponentialBounds(0.01, 2, 15));
  readonly hashKvSeconds = new Histogram(exponentialBounds(0.01, 2, 15));
}
