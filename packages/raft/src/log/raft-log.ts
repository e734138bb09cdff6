import { panic } from "../assert.ts";
import { isRaftError } from "../errors.ts";
import { type Logger, LogLevel } from "../logger.ts";
import { NO_ENTRIES } from "../message.ts";
import { entriesSize } from "../size.ts";
import type { Entry, LogIndex, Snapshot, Term } from "../types.ts";
import type { Storage } from "./storage.ts";
import { NO_TERM, Unstable } from "./unstable.ts";

/** `term` of an index that is compacted away. */
export const TERM_COMPACTED = -1;
/** `term` of an index that the log has not reached. */
export const TERM_UNAVAILABLE = -2;

/** Where an entry lies: what log matching compares. */
export interface EntryId {
  readonly index: LogIndex;
  readonly term: Term;
}

/**
 * The log: durable entries in storage, the rest in `unstable`, and three positions in it.
 * applied <= applying <= committed <= lastIndex. No entry at or below `committed` ever changes.
 */
export class RaftLog {
  readonly storage: Storage;
  readonly unstable: Unstable;
  /** Known to be on a quorum; never goes down. */
  committed: LogIndex;
  /** Handed out to be applied. */
  applying: LogIndex;
  /** Acknowledged as applied. */
  applied: LogIndex;
  readonly #logger: Logger;
  /** Limit on the encoded bytes between `applied` and `applying`, and how many there are. */
  readonly #maxApplyingBytes: number;
  #applyingBytes = 0;
  #applyingPaused = false;

  constructor(storage: Storage, logger: Logger, maxApplyingBytes: number) {
    this.storage = storage;
    this.#logger = logger;
    this.#maxApplyingBytes = maxApplyingBytes;
    const compacted = storage.firstIndex() - 1;
    this.committed = compacted;
    this.applying = compacted;
    this.applied = compacted;
    this.unstable = new Unstable(storage.lastIndex() + 1, logger);
  }

  firstIndex(): LogIndex {
    const first = this.unstable.firstIndex();
    return first > 0 ? first : this.storage.firstIndex();
  }

  lastIndex(): LogIndex {
    const last = this.unstable.lastIndex();
    return last >= 0 ? last : this.storage.lastIndex();
  }

  lastTerm(): Term {
    const term = this.term(this.lastIndex());
    if (term < 0) panic(this.#logger, "unexpected error when getting the last term");
    return term;
  }

  /** Term at `index`, or TERM_COMPACTED or TERM_UNAVAILABLE. The one before the first entry is still known. */
  term(index: LogIndex): Term {
    const term = this.unstable.term(index);
    if (term !== NO_TERM) return term;
    if (index + 1 < this.firstIndex()) return TERM_COMPACTED;
    if (index > this.lastIndex()) return TERM_UNAVAILABLE;
    try {
      return this.storage.term(index);
    } catch (error) {
      if (isRaftError(error, "COMPACTED")) return TERM_COMPACTED;
      if (isRaftError(error, "UNAVAILABLE")) return TERM_UNAVAILABLE;
      throw error;
    }
  }

  /** Term at `index`, 0 where it is unknown. */
  termOrZero(index: LogIndex): Term {
    return Math.max(0, this.term(index));
  }

  matchTerm(index: LogIndex, term: Term): boolean {
    return this.term(index) === term;
  }

  /** True when a log that ends at (`term`, `index`) has everything that this one may have committed. */
  isUpToDate(index: LogIndex, term: Term): boolean {
    const lastTerm = this.lastTerm();
    return term > lastTerm || (term === lastTerm && index >= this.lastIndex());
  }

  /**
   * Follower: takes `entries`, which follow (`prevIndex`, `prevTerm`) at the leader, of whose log everything up to
   * `committed` is committed. Returns false, and changes nothing, when the logs do not match at that place.
   */
  maybeAppend(prevIndex: LogIndex, prevTerm: Term, entries: readonly Entry[], committed: LogIndex): boolean {
    if (!this.matchTerm(prevIndex, prevTerm)) return false;
    const conflict = this.findConflict(entries);
    if (conflict !== 0) {
      if (conflict <= this.committed) {
        panic(this.#logger, `entry ${conflict} conflict with committed entry [committed(${this.committed})]`);
      }
      this.append(entries, conflict - (prevIndex + 1));
    }
    this.commitTo(Math.min(committed, prevIndex + entries.length));
    return true;
  }

  /** Adds `entries[from..]` and drops what followed in their place. Never touches committed entries. */
  append(entries: readonly Entry[], from = 0): number {
    if (from < entries.length) {
      const after = entries[from]!.index - 1;
      if (after < this.committed) {
        panic(this.#logger, `after(${after}) is out of range [committed(${this.committed})]`);
      }
      if (after > this.lastIndex()) {
        panic(this.#logger, `after(${after}) leaves a gap [lastIndex(${this.lastIndex()})]`);
      }
      this.unstable.truncateAndAppend(entries, from);
    }
    return this.lastIndex();
  }

  /** Index of the first of `entries` that this log does not have with the same term, or 0. */
  findConflict(entries: readonly Entry[]): number {
    for (let i = 0; i < entries.length; i++) {
      const { index, term } = entries[i]!;
      if (this.matchTerm(index, term)) continue;
      if (index <= this.lastIndex() && this.#logger.enabled(LogLevel.Info)) {
        const existing = this.termOrZero(index);
        this.#logger.log(
          LogLevel.Info,
          `found conflict at index ${index} [existing term: ${existing}, conflicting term: ${term}]`,
        );
      }
      return index;
    }
    return 0;
  }

  /**
   * The largest place at or below `index` whose term is at most `term`: where a log that has (`index`, `term`) may
   * still agree with this one. A whole term is skipped in one round this way, not one entry. Its term is 0 when it is
   * compacted away or beyond the end.
   */
  findConflictByTerm(index: LogIndex, term: Term): EntryId {
    for (let i = index; i > 0; i--) {
      const ours = this.term(i);
      if (ours < 0) return { index: i, term: 0 };
      if (ours <= term) return { index: i, term: ours };
    }
    return { index: 0, term: 0 };
  }

  commitTo(index: LogIndex): void {
    if (index <= this.committed) return;
    if (this.lastIndex() < index) {
      panic(
        this.#logger,
        `tocommit(${index}) is out of range [lastIndex(${this.lastIndex()})]. Was the raft log corrupted, truncated, or lost?`,
      );
    }
    this.committed = index;
  }

  /** Commits up to `index`, if its entry is of `term`: what quorums say of older terms proves nothing (thesis 3.6.2). */
  maybeCommit(index: LogIndex, term: Term): boolean {
    if (term === 0 || index <= this.committed || !this.matchTerm(index, term)) return false;
    this.commitTo(index);
    return true;
  }

  hasNextOrInProgressSnapshot(): boolean {
    return this.unstable.snapshot !== undefined;
  }

  /** The last index that may be handed out to be applied; `allowUnstable`: even if it is not durable here. */
  #maxAppliable(allowUnstable: boolean): number {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    if (this.#applyingPaused || this.hasNextOrInProgressSnapshot()) return false;
    return this.applying < this.#maxAppliable(allowUnstable);
  }

  /** The next entries to apply, within the limit on unacknowledged ones. */
  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return NO_ENTRIES;
    const budget = this.#maxApplyingBytes - this.#applyingBytes;
    if (!(budget > 0)) {
      panic(
        this.#logger,
        `applying entry size (${this.#maxApplyingBytes}-${this.#applyingBytes})=${budget} not positive`,
      );
    }
    const lo = this.applying + 1;
    const hi = this.#maxAppliable(allowUnstable) + 1;
    const entries = this.slice(lo, hi, budget);
    if (entries === undefined) panic(this.#logger, "unexpected error when getting unapplied entries");
    return entries;
  }

  /** Entries up to `index`, `bytes` of them, were handed out to be applied. */
  acceptApplying(index: LogIndex, bytes: number, allowUnstable: boolean): void {
    if (this.committed < index) {
      panic(
        this.#logger,
        `applying(${index}) is out of range [prevApplying(${this.applying}), committed(${this.committed})]`,
      );
    }
    this.applying = index;
    this.#applyingBytes += bytes;
    // A batch that stopped short was cut by the limit, although it may not have reached it: wait as well.
    this.#applyingPaused =
      this.#applyingBytes >= this.#maxApplyingBytes || index < this.#maxAppliable(allowUnstable);
  }

  /** Entries up to `index`, `bytes` of them, have been applied. */
  appliedTo(index: LogIndex, bytes: number): void {
    if (this.committed < index || index < this.applied) {
      panic(
        this.#logger,
        `applied(${index}) is out of range [prevApplied(${this.applied}), committed(${this.committed})]`,
      );
    }
    this.applied = index;
    this.applying = Math.max(this.applying, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
    this.#applyingPaused = this.#applyingBytes >= this.#maxApplyingBytes;
  }

  /** Becomes `snapshot`: nothing before it is known any more, nothing follows. */
  restore(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata;
    if (this.#logger.enabled(LogLevel.Info)) {
      this.#logger.log(
        LogLevel.Info,
        `log [${this}] starts to restore snapshot [index: ${index}, term: ${term}]`,
      );
    }
    this.committed = index;
    this.unstable.restore(snapshot);
  }

  /** Entries from `index` on within `maxBytes`, but at least one; undefined when `index` is compacted. */
  entriesFrom(index: LogIndex, maxBytes: number): readonly Entry[] | undefined {
    const last = this.lastIndex();
    return index > last ? NO_ENTRIES : this.slice(index, last + 1, maxBytes);
  }

  /** Entries with lo <= index < hi within `maxBytes`, but at least one; undefined when `lo` is compacted. */
  slice(lo: LogIndex, hi: LogIndex, maxBytes: number): readonly Entry[] | undefined {
    if (lo > hi) panic(this.#logger, `invalid slice ${lo} > ${hi}`);
    const first = this.firstIndex();
    if (lo < first) return undefined;
    const last = this.lastIndex();
    if (hi > last + 1) panic(this.#logger, `slice[${lo},${hi}) out of bound [${first},${last}]`);
    if (lo === hi) return NO_ENTRIES;
    const offset = this.unstable.offset;
    if (lo >= offset) return this.unstable.slice(lo, hi, maxBytes);

    const cut = Math.min(hi, offset);
    const stable = this.#storageEntries(lo, cut, maxBytes);
    if (stable === undefined || hi <= offset || stable.length < cut - lo) return stable;
    const stableBytes = entriesSize(stable);
    if (stableBytes >= maxBytes) return stable;
    const rest = this.unstable.slice(offset, hi, maxBytes - stableBytes);
    // A slice is never empty, so a single entry may be over the limit; here it need not go along.
    if (rest.length === 1 && stableBytes + entriesSize(rest) > maxBytes) return stable;
    return stable.concat(rest);
  }

  #storageEntries(lo: LogIndex, hi: LogIndex, maxBytes: number): readonly Entry[] | undefined {
    try {
      return this.storage.entries(lo, hi, maxBytes);
    } catch (error) {
      if (isRaftError(error, "COMPACTED")) return undefined;
      if (isRaftError(error, "UNAVAILABLE")) {
        panic(this.#logger, `entries[${lo}:${hi}) is unavailable from storage`);
      }
      throw error;
    }
  }

  /** True when `test` holds for an entry with lo <= index < hi. Reads `pageBytes` at a time. */
  some(lo: LogIndex, hi: LogIndex, pageBytes: number, test: (entry: Entry) => boolean): boolean {
    for (let next = lo; next < hi; ) {
      const page = this.slice(next, hi, pageBytes);
      if (page === undefined || page.length === 0) {
        panic(this.#logger, `error scanning unapplied entries [${next}, ${hi})`);
      }
      if (page.some(test)) return true;
      next += page.length;
    }
    return false;
  }

  toString(): string {
    const { offset, offsetInProgress, length } = this.unstable;
    return (
      `committed=${this.committed}, applied=${this.applied}, applying=${this.applying}, ` +
      `unstable.offset=${offset}, unstable.offsetInProgress=${offsetInProgress}, len(unstable.Entries)=${length}`
    );
  }
}
