import { assert } from "../assert.ts";
import { RaftError, RaftInvariantError } from "../errors.ts";
import {
  type ConfState,
  EMPTY_HARD_STATE,
  type Entry,
  emptyConfState,
  type HardState,
  type LogIndex,
  NO_DATA,
  type Snapshot,
  type Term,
} from "../types.ts";
import { EntryWindow } from "./entry-window.ts";
import { limitedSlice } from "./limited-slice.ts";
import type { Storage } from "./storage.ts";

/**
 * A Storage in memory: for tests, for members that keep their log in memory besides the write-ahead log, and as the
 * reference of what a Storage must do. Appending and compacting cost amortised O(1) an entry.
 */
export class MemoryStorage implements Storage {
  #hardState: HardState = { ...EMPTY_HARD_STATE };
  #snapshot: Snapshot = { data: NO_DATA, metadata: { confState: emptyConfState(), index: 0, term: 0 } };
  /** What lies right before the first entry: the last compacted one. Its term can still be asked for. */
  #compactedIndex = 0;
  #compactedTerm = 0;
  readonly #window = new EntryWindow();

  initialState(): { hardState: HardState; confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#snapshot.metadata.confState };
  }

  setHardState(state: HardState): void {
    this.#hardState = state;
  }

  firstIndex(): LogIndex {
    return this.#compactedIndex + 1;
  }

  lastIndex(): LogIndex {
    return this.#compactedIndex + this.#window.length;
  }

  /** Of the payloads of all entries together. */
  get dataBytes(): number {
    return this.#window.dataBytes;
  }

  /** The lowest index such that the entries from there on have at most `maxBytes` of payload. */
  firstIndexWithin(maxBytes: number): LogIndex {
    let bytes = this.#window.dataBytes;
    let position = 0;
    while (bytes > maxBytes) bytes -= this.#window.at(position++).data.length;
    return this.firstIndex() + position;
  }

  term(index: LogIndex): Term {
    if (index < this.#compactedIndex) throw new RaftError("COMPACTED");
    if (index > this.lastIndex()) throw new RaftError("UNAVAILABLE");
    if (index === this.#compactedIndex) return this.#compactedTerm;
    return this.#window.at(index - this.firstIndex()).term;
  }

  entries(lo: LogIndex, hi: LogIndex, maxSize: number): readonly Entry[] {
    const first = this.firstIndex();
    if (lo < first) throw new RaftError("COMPACTED");
    if (hi > this.lastIndex() + 1) {
      throw new RaftInvariantError(`entries' hi(${hi}) is out of bound lastindex(${this.lastIndex()})`);
    }
    if (this.#window.length === 0) throw new RaftError("UNAVAILABLE");
    return limitedSlice(this.#window, lo - first, hi - first, maxSize);
  }

  snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Replaces everything by `snapshot`. Throws SNAPSHOT_OUT_OF_DATE when the current one is as new. */
  applySnapshot(snapshot: Snapshot): void {
    const current = this.#snapshot.metadata.index;
    // A snapshot with index 0 may carry just the first members, so it never blocks.
    if (current !== 0 && current >= snapshot.metadata.index) throw new RaftError("SNAPSHOT_OUT_OF_DATE");
    this.#snapshot = snapshot;
    this.#compactedIndex = snapshot.metadata.index;
    this.#compactedTerm = snapshot.metadata.term;
    this.#window.clear();
  }

  /**
   * Records the application's state as of `index`, which must lie in the log. `confState` is the last result of
   * applyConfChange, or undefined when the members did not change since the last snapshot. Takes ownership of `data`.
   */
  createSnapshot(index: LogIndex, confState: ConfState | undefined, data: Uint8Array): Snapshot {
    if (index <= this.#snapshot.metadata.index) throw new RaftError("SNAPSHOT_OUT_OF_DATE");
    if (index > this.lastIndex()) {
      throw new RaftInvariantError(`snapshot ${index} is out of bound lastindex(${this.lastIndex()})`);
    }
    this.#snapshot = {
      data,
      metadata: { confState: confState ?? this.#snapshot.metadata.confState, index, term: this.term(index) },
    };
    return this.#snapshot;
  }

  /**
   * Forgets all entries up to and including `index`, which must be applied. Throws COMPACTED when that has been done
   * before. The caller keeps a snapshot at or above `index`, or a follower that is behind can never catch up.
   */
  compact(index: LogIndex): void {
    if (index <= this.#compactedIndex) throw new RaftError("COMPACTED");
    if (index > this.lastIndex()) {
      throw new RaftInvariantError(`compact ${index} is out of bound lastindex(${this.lastIndex()})`);
    }
    const term = this.term(index);
    this.#window.dropFirst(index - this.#compactedIndex);
    this.#compactedIndex = index;
    this.#compactedTerm = term;
  }

  /**
   * Adds `entries`, which continue or overlap the log: the overlap is replaced together with all that follows it.
   * What is compacted already is ignored. The array stays the caller's, the entries are shared.
   */
  append(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    const first = this.firstIndex();
    const from = entries[0]!.index;
    if (from + entries.length - 1 < first) return;
    const skipped = Math.max(0, first - from);
    const position = from + skipped - first;
    if (position > this.#window.length) {
      throw new RaftInvariantError(`missing log entry [last: ${this.lastIndex()}, append at: ${from}]`);
    }
    this.#window.truncate(position);
    this.#window.append(entries, skipped);
    assert(this.#window.last()!.index === this.lastIndex(), "entries are not consecutive");
  }
}
