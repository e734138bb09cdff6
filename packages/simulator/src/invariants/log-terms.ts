import type { LogIndex, Term } from "@quorate/raft";
/** Which entries one log has: an index and a term name an entry, so their terms are enough. */
export class LogTerms {
  /** The last entry that is behind a snapshot. */
  #baseIndex: LogIndex;
  #baseTerm: Term;
  /** Of the entries behind the base, in order. */
  #terms: number[] = [];

  constructor(baseIndex: LogIndex, baseTerm: Term) {
    this.#baseIndex = baseIndex;
    this.#baseTerm = baseTerm;
  }

  get lastIndex(): LogIndex {
    return this.#baseIndex + this.#terms.length;
  }

  get lastTerm(): Term {
    return this.#terms.at(-1) ?? this.#baseTerm;
  }

  /** undefined: there is no such entry. */
  term(index: LogIndex): Term | "in a snapshot" | undefined {
    if (index === this.#baseIndex) return this.#baseTerm;
    if (index < this.#baseIndex) return "in a snapshot";
    return this.#terms[index - this.#baseIndex - 1];
  }

  /** The first entry of a lower term than the one before it, which no log has. */
  get descent(): number | undefined {
    const at = this.#terms.findIndex((term, i) => term < (i === 0 ? this.#baseTerm : this.#terms[i - 1]!));
    return at < 0 ? undefined : this.#baseIndex + at + 1;
  }

  /** They replace what the log has from the first of them on. */
  append(entries: readonly { readonly index: LogIndex; readonly term: Term }[]): void {
    for (const { index, term } of entries) {
      if (index <= this.#baseIndex) continue;
      this.#terms.length = Math.min(this.#terms.length, index - this.#baseIndex - 1);
      this.#terms.push(term);
    }
  }

  /** A snapshot takes the place of everything. */
  replace(index: LogIndex, term: Term): void {
    this.#baseIndex = index;
    this.#baseTerm = term;
    this.#terms = [];
  }
}
