import type { Revision } from "@quorate/storage/seams/backend";
import type { EventsBody } from "./responses.ts";
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

/** What those who hand changes to watchers need of the stream that these are on. */
export interface WatcherStream {
  /** Nothing is sent any more. */
  readonly closed: boolean;
  /** No event may be added: the sink is full or gone. */
  readonly full: boolean;
  /** Whether the catch-up knows of it. */
  scheduled: boolean;
  readonly hasBehind: boolean;
  /** The watcher goes on by reading history from its `next`. */
  fallBehind(watcher: Watcher): void;
  /** The watcher waits for its turn to read history. */
  queueBehind(watcher: Watcher): void;
  /** The next watcher to read history, if any. */
  takeBehind(): Watcher | undefined;
  /** The watcher has been handed everything up to the current revision. */
  becomeSynced(watcher: Watcher): void;
  /** The history from the watcher's `next` on is no longer there. */
  cancelCompacted(watcher: Watcher, compactRevision: Revision): void;
  /** One response with events, in fragments where that was asked for. Not while `full`. */
  sendBody(watcher: Watcher, body: EventsBody): void;
}

export class Watcher {
  readonly stream: WatcherStream;
  readonly id: bigint;
  /** `id` as an index into lists of shared messages; -1 when it is too large for that. */
  readonly smallId: number;
  readonly options: WatcherOptions;
  /** Which events it wants and in which form: one of `KINDS` numbers from 0. */
  readonly kind: number;
  readonly range: WatchedRange<Watcher>;
  /** Position in `range.watchers`; -1 when it is not there. */
  slot = -1;
  state: WatcherState = SYNCED;
  /** The smallest revision this watcher may still deliver. */
  next: Revision;
  /** Whether it is in its stream's queue of watchers that are behind. */
  queued = false;
  /** Whether the next tick of the stream asks for a progress notice. */
  progressDue: boolean;

  constructor(
    stream: WatcherStream,
    id: bigint,
    range: WatchedRange<Watcher>,
    next: Revision,
    options: WatcherOptions,
  ) {
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
