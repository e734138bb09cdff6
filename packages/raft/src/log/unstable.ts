import { assert } from "../assert.ts";
import { type Logger, LogLevel } from "../logger.ts";
import type { Entry, LogIndex, Snapshot, Term } from "../types.ts";
import { EntryWindow } from "./entry-window.ts";
import { limitedSlice } from "./limited-slice.ts";

/** `term` when there is no entry or snapshot at an index. */
export const NO_TERM = -1;

/**
 * The end of the log that is not known to be durable: perhaps a snapshot that replaces all before it, then entries
 * from index `offset` on. Entries below `offsetInProgress` (and the snapshot, if so marked) have been handed out to be
 * written; when that is acknowledged they leave.
 */
export class Unstable {
  snapshot: Snapshot | undefined;
  snapshotInProgress = false;
  offset: number;
  offsetInProgress: number;
  readonly #entries = new EntryWindow();
  readonly #logger: Logger;

  constructor(offset: number, logger: Logger) {
    this.offset = offset;
    this.offsetInProgress = offset;
    this.#logger = logger;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** First index of the log as far as this part knows it, or 0. */
  firstIndex(): LogIndex {
    return this.snapshot === undefined ? 0 : this.snapshot.metadata.index + 1;
  }

  /** Last index of the log as far as this part knows it, or -1. */
  lastIndex(): LogIndex {
    if (this.#entries.length > 0) return this.offset + this.#entries.length - 1;
    return this.snapshot === undefined ? -1 : this.snapshot.metadata.index;
  }

  term(index: LogIndex): Term {
    if (index < this.offset) {
      return this.snapshot !== undefined && this.snapshot.metadata.index === index
        ? this.snapshot.metadata.term
        : NO_TERM;
    }
    const position = index - this.offset;
    return position < this.#entries.length ? this.#entries.at(position).term : NO_TERM;
  }

  hasNextEntries(): boolean {
    return this.#entries.length > this.offsetInProgress - this.offset;
  }

  /** The entries that nobody has been asked to write yet; a new array. */
  nextEntries(): Entry[] {
    return this.#entries.slice(this.offsetInProgress - this.offset, this.#entries.length);
  }

  /** The snapshot, if nobody has been asked to write it yet. */
  nextSnapshot(): Snapshot | undefined {
    return this.snapshotInProgress ? undefined : this.snapshot;
  }

  /** Everything there is has been handed out to be written. */
  acceptInProgress(): void {
    if (this.#entries.length > 0) this.offsetInProgress = this.offset + this.#entries.length;
    if (this.snapshot !== undefined) this.snapshotInProgress = true;
  }

  /** Entry `index` of `term` and all before it are durable. Ignored when the log has changed since. */
  stableTo(index: LogIndex, term: Term): void {
    const known = this.term(index);
    if (known === NO_TERM) {
      this.#info(() => `entry at index ${index} missing from unstable log; ignoring`);
      return;
    }
    if (index < this.offset) {
      this.#info(() => `entry at index ${index} matched unstable snapshot; ignoring`);
      return;
    }
    if (known !== term) {
      this.#info(
        () =>
          `entry at (index,term)=(${index},${term}) mismatched with entry at (${index},${known}) in unstable log; ignoring`,
      );
      return;
    }
    this.#entries.dropFirst(index + 1 - this.offset);
    this.offset = index + 1;
    this.offsetInProgress = Math.max(this.offsetInProgress, this.offset);
  }

  stableSnapshotTo(index: LogIndex): void {
    if (this.snapshot !== undefined && this.snapshot.metadata.index === index) {
      this.snapshot = undefined;
      this.snapshotInProgress = false;
    }
  }

  /** The log is now `snapshot` and nothing else. */
  restore(snapshot: Snapshot): void {
    this.offset = snapshot.metadata.index + 1;
    this.offsetInProgress = this.offset;
    this.#entries.clear();
    this.snapshot = snapshot;
    this.snapshotInProgress = false;
  }

  /** Adds `entries[from..]`, which replace whatever lies at their indexes and after. */
  truncateAndAppend(entries: readonly Entry[], from = 0): void {
    const first = entries[from]!.index;
    const end = this.offset + this.#entries.length;
    assert(first <= end, "unstable log has a gap");
    if (first <= this.offset && this.#entries.length + this.offset !== first) {
      this.#info(() => `replace the unstable entries from index ${first}`);
      this.#entries.clear();
      this.offset = first;
      this.offsetInProgress = first;
    } else if (first < end) {
      this.#info(() => `truncate the unstable entries before index ${first}`);
      this.#entries.truncate(first - this.offset);
      // What was handed out beyond `first` is overwritten, so it must be handed out again.
      this.offsetInProgress = Math.min(this.offsetInProgress, first);
    }
    this.#entries.append(entries, from);
  }

  /** Entries with lo <= index < hi, cut to `maxBytes` but never to less than one; a new array. */
  slice(lo: LogIndex, hi: LogIndex, maxBytes: number): Entry[] {
    assert(lo >= this.offset && lo <= hi, "unstable slice starts outside");
    assert(hi <= this.offset + this.#entries.length, "unstable slice ends outside");
    return limitedSlice(this.#entries, lo - this.offset, hi - this.offset, maxBytes);
  }

  #info(text: () => string): void {
    if (this.#logger.enabled(LogLevel.Info)) this.#logger.log(LogLevel.Info, text());
  }
}
