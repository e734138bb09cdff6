import type { Entry, HardState, LogIndex, SnapshotMetadata, Term } from "@quorate/raft";
import { AssertionFailure, assert } from "@quorate/storage/assert";

/** How far this member is, in raft's log and in applying it. None of it ever goes back: that is asserted at each step. */
export class Position {
  #term: Term;
  #committedIndex: LogIndex;
  #appliedIndex: LogIndex;
  #appliedTerm: Term;
  #acknowledgedIndex: LogIndex;

  /** `said`: what the log said at the start, which is no news to raft: it tells of changes only. */
  constructor(said: HardState, appliedIndex: LogIndex, appliedTerm: Term) {
    assert(said.commit >= appliedIndex, "what the log begins after is committed");
    this.#term = said.term;
    this.#committedIndex = said.commit;
    this.#appliedIndex = appliedIndex;
    this.#appliedTerm = appliedTerm;
    this.#acknowledgedIndex = appliedIndex;
  }

  get term(): Term {
    return this.#term;
  }
  get committedIndex(): LogIndex {
    return this.#committedIndex;
  }
  /** Of the last entry whose application has ended. */
  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }
  /** Of the last entry that is applied, or being applied. */
  get appliedTerm(): Term {
    return this.#appliedTerm;
  }
  /** Raft knows that everything up to here is applied; it may look at entries behind it. */
  get acknowledgedIndex(): LogIndex {
    return this.#acknowledgedIndex;
  }

  /** Raft tells of a new state. */
  stateChanged({ term, commit }: HardState): void {
    assert(term >= this.#term, "raft's term never goes back");
    assert(commit >= this.#committedIndex, "what is committed stays committed");
    this.#term = term;
    this.#committedIndex = commit;
  }

  /** `entry` is applied next. */
  applies(entry: Entry): void {
    if (entry.index !== this.#appliedIndex + 1) {
      throw new AssertionFailure(`entry ${entry.index} follows ${this.#appliedIndex}`);
    }
    assert(entry.index <= this.#committedIndex, "what is applied is committed");
    assert(entry.term >= this.#appliedTerm, "the terms of applied entries never go back");
    this.#appliedIndex = entry.index;
    this.#appliedTerm = entry.term;
  }

  /** The entry that was named last takes more than one turn: whoever waits for what is applied waits for its end... */
  entryGoesOn(): void {
    this.#appliedIndex--;
  }

  /** ...which is now. */
  entryEnded({ index }: Entry): void {
    this.#appliedIndex = index;
  }

  /** Raft is told that everything is applied that has been. */
  acknowledged(): void {
    this.#acknowledgedIndex = this.#appliedIndex;
  }

  /** The state of a received snapshot is in force from now on. */
  snapshotInstalled({ index, term }: SnapshotMetadata): void {
    assert(index > this.#appliedIndex, `snapshot ${index} is newer than the state at ${this.#appliedIndex}`);
    assert(index <= this.#committedIndex, "the state of a snapshot is committed");
    assert(term >= this.#appliedTerm, "a snapshot does not go back to an older term");
    this.#appliedIndex = index;
    this.#acknowledgedIndex = index;
    this.#appliedTerm = term;
  }
}
