import type { WatchStream } from "./stream.ts";
import type { WatchEvent } from "./watch-event.ts";

/** Handed everything up to the revision the hub has delivered; gets new changes as they are applied. */
export const SYNCED = 0;
/** Reads history from `next` on. */
export const UNSYNCED = 1;
/** Cancelled by a compaction; holds its id until the client cancels it. */
export const COMPACTED = 2;
/** Cancelled by the client, or its stream has ended. */
export const REMOVED = 3;
export type WatcherState = typeof SYNCED | typeof UNSYNCED | typeof COMPACTED | typeof REMOVED;

/** The watchers of exactly one key or range. */
export class WatchedRange {
  /** As in requests: see `WatchSource`. Owned. */
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  /** The hub's recent transactions hold what changed in this range from this revision on, as far as they go back. */
  readonly watchedFrom: number;
  /** In no particular but a reproducible order. */
  readonly watchers: Watcher[] = [];

  constructor(key: Uint8Array, rangeEnd: Uint8Array, watchedFrom: number) {
    this.key = key;
    this.rangeEnd = rangeEnd;
    this.watchedFrom = watchedFrom;
  }
}

export interface WatcherOptions {
  readonly startRevision: number;
  readonly progressNotify: boolean;
  readonly prevKv: boolean;
  readonly fragment: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
}

export class Watcher {
  readonly stream: WatchStream;
  readonly id: bigint;
  /** `id` as an index into lists of shared messages; -1 when it is too large for that. */
  readonly smallId: number;
  readonly options: WatcherOptions;
  readonly range: WatchedRange;
  /** Position in `range.watchers`. */
  slot = -1;
  state: WatcherState = SYNCED;
  /** The smallest revision this watcher may still deliver. */
  next: number;
  /** Whether it is in its stream's queue of watchers that are behind. */
  queued = false;
  /** Whether the next tick of the stream asks for a progress notice. */
  progressDue: boolean;
  /** Events of the transaction that is being delivered; `undefined` outside of a delivery. */
  matched: WatchEvent[] | undefined = undefined;

  constructor(stream: WatchStream, id: bigint, range: WatchedRange, next: number, options: WatcherOptions) {
    this.stream = stream;
    this.id = id;
    this.smallId = id >= 0n && id < SMALL_IDS ? Number(id) : -1;
    this.options = options;
    this.range = range;
    this.next = next;
    this.progressDue = options.progressNotify;
  }
}

const SMALL_IDS = 1024n;
