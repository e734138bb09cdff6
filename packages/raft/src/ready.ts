import type { Entry, HardState, Message, ReadState, Snapshot, SoftState } from "./types.ts";

/**
 * What the node asks its caller to do, in this order: make `entries`, `hardState` and `snapshot` durable (with an fsync
 * when `mustSync`), send `messages`, apply `committedEntries`, call `advance`. README.md explains each step. The
 * arrays are the caller's; the entries and messages in them are shared and read-only.
 */
export interface Ready {
  /** Leader and role, when they changed. */
  readonly softState: SoftState | undefined;
  /** Term, vote and commit, when they changed. */
  readonly hardState: HardState | undefined;
  /** Answers to `readIndex`, to be given once the application has applied up to their index. */
  readonly readStates: readonly ReadState[];
  /** To be appended to the durable log; the first may overwrite what lies there. */
  readonly entries: readonly Entry[];
  /** Replaces the whole durable log and the application's state. Comes without `entries`. */
  readonly snapshot: Snapshot | undefined;
  /** To be applied to the application's state. */
  readonly committedEntries: readonly Entry[];
  /** To be sent; in asynchronous mode also the work for the storage threads. */
  readonly messages: readonly Message[];
  /** False when nothing here was promised to anybody, so that a crash may lose it. */
  readonly mustSync: boolean;
}
