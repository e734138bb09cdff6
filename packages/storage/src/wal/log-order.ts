import type { LogIndex, Term } from "@quorate/raft";
import { assert } from "../assert.ts";
import type { Entry, EntryId, HardState } from "./types.ts";

/**
 * What a log says so far, as far as what is written next has to agree with it. Everything is asserted before it is
 * encoded: an entry costs two comparisons, and no object unless a term begins with it.
 */
export class LogOrder {
  #term: Term;
  #commit: LogIndex;
  #lastIndex: LogIndex;
  /** The entries with which the terms begin, in order; the first may stand for what lies before. Never empty. */
  #terms: EntryId[];

  /** `start`: what the log begins after; `entries` follow it. */
  constructor(start: EntryId, entries: readonly Entry[], { term, commit }: HardState) {
    this.#term = term;
    this.#commit = commit;
    this.#lastIndex = start.index;
    this.#terms = [start];
    // Whoever wrote what is committed answers for it; nothing is written over it.
    const first = Math.min(Math.max(commit - start.index, 1), entries.length) - 1;
    for (let i = Math.max(first, 0); i < entries.length; i++) {
      const { index, term: entryTerm } = entries[i]!;
      if (entryTerm !== this.#terms.at(-1)!.term) this.#terms.push({ index, term: entryTerm });
      this.#lastIndex = index;
    }
  }

  /** Of the last entry, or of the snapshot that took the place of all. */
  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }
  /** That the last state tells of. */
  get term(): Term {
    return this.#term;
  }

  /** These, one at least, are written next. A leader's replace what is not committed of another leader's. */
  append(entries: readonly Entry[]): void {
    let index = entries[0]!.index;
    assert(index <= this.#lastIndex + 1, "the log has no gap");
    assert(index > this.#commit, "what is committed is not written over");
    if (index <= this.#lastIndex) this.#cutBefore(index);
    let { term } = this.#terms[this.#terms.length - 1]!;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      assert(entry.index === index, "the log has no gap");
      if (entry.term !== term) {
        assert(entry.term > term, "the terms of entries never go back");
        term = entry.term;
        this.#terms.push({ index, term });
      }
      index++;
    }
    this.#lastIndex = index - 1;
  }

  /** A state is written next, behind the entries that came with it. */
  setState({ term, commit }: HardState): void {
    assert(term >= this.#term, "the log's term never goes back");
    assert(term >= this.#terms[this.#terms.length - 1]!.term, "no entry is of a later term than the log");
    this.#term = term;
    if (commit > this.#commit) this.#commit = commit;
    // Nobody asks any more for the terms before the one of the committed entry.
    while (this.#terms.length > 1 && this.#terms[1]!.index <= this.#commit) this.#terms.shift();
  }

  /** A snapshot record is written next. One that was received, of what the log does not have, takes the place of all. */
  setSnapshot({ index, term }: EntryId): void {
    if (index <= this.#commit && index <= this.#lastIndex) return;
    if (index <= this.#lastIndex && this.#termAt(index) === term) return;
    this.#lastIndex = index;
    this.#terms = [{ index, term }];
  }

  /** Of an entry that is not older than the last committed one. */
  #termAt(index: LogIndex): Term {
    return this.#terms.findLast((first) => first.index <= index)!.term;
  }

  #cutBefore(index: LogIndex): void {
    while (this.#terms.length > 1 && this.#terms[this.#terms.length - 1]!.index >= index) this.#terms.pop();
  }
}
