import type { Revision } from "@quorate/storage/seams/backend";
import type { WatchStream } from "./stream.ts";
import type { WatchedRange } from "./watched-range.ts";

/** Handed everything up to the revision the hub has delivered; gets new changes as they are applied. */
export const SYNCED = 0;
/** Reads history from `next` on. */
export const UNSYNCED = 1;
/** Cancelled by a compaction; holds its id until the client cancels it. */
export const COMPACTED = 2;
/** Cancelled by the client, or its stream has ended. */
export const REMOVED = 3;
export type WatcherState = typeof SYNCED | typeof UNSYNCED | typeof COMPACTED | typeof REMOVED;

export interface WatcherOptions {
  readonly startRevision: Revision;
  readonly progressNotify: boolean;
  readonly prevKv: boolean;
  readonly fragment: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
}

/** Of watchers that want different events of a transaction, or in different forms. */
export const KINDS = 8;

export class Watcher {
  readonly stream: WatchStream;
  readonly id: bigint;
  /** `id` as an index into lists of shared messages; -1 when it is too large for that. */
  readonly smallId: number;
  readonly options: WatcherOptions;
  /** Which events it wants and in which form: one of `KINDS` numbers from 0. */
  readonly kind: number;
  readonly range: WatchedRange;
  /** Position in `range.watchers`; -1 when it is not there. */
  slot = -1;
  state: WatcherState = SYNCED;
  /** The smallest revision this watcher may still deliver. */
  next: Revision;
  /** Whether it is in its stream's queue of watchers that are behind. */
  queued = false;
  /** Whether the next tick of the stream asks for a progress notice. */
  progressDue: boolean;

  constructor(stream: WatchStream, id: bigint, range: WatchedRange, next: Revision, options: WatcherOptions) {
    this.stream = stream;
    this.id = id;
    this.smallId = id >= 0n && id < SMALL_IDS ? Number(id) : -1;
    this.options = options;
    this.kind = (options.prevKv ? 1 : 0) + (options.noPut ? 2 : 0) + (options.noDelete ? 4 : 0);
    this.range = range;
    this.next = next;
    this.progressDue = options.progressNotify;
  }
}

const SMALL_IDS = 1024n;
