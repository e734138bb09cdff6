import type { NodeId } from "../types.ts";
import { VoteResult } from "./vote-result.ts";

/** What each voter has acknowledged. An interface, not a closure: it is asked on every acknowledgement. */
export interface AckedIndexes {
  /** The largest index that `id` acknowledged, or 0. */
  ackedIndex(id: NodeId): number;
}

/** Yes, no, or undefined for no answer yet. */
export interface CastVotes {
  vote(id: NodeId): boolean | undefined;
}

/** A set of voters of which more than half must agree. Immutable; ids ascending. */
export class Majority {
  static readonly EMPTY = new Majority([]);
  readonly ids: readonly NodeId[];
  readonly #set: ReadonlySet<NodeId>;
  /** Scratch for `committedIndex`, so that an acknowledgement allocates nothing. */
  readonly #acked: Float64Array;

  constructor(ids: Iterable<NodeId>) {
    this.#set = new Set(ids);
    this.ids = [...this.#set].sort(compareIds);
    this.#acked = new Float64Array(this.ids.length);
  }

  get size(): number {
    return this.ids.length;
  }

  has(id: NodeId): boolean {
    return this.#set.has(id);
  }

  with(id: NodeId): Majority {
    return this.has(id) ? this : new Majority([...this.ids, id]);
  }

  without(id: NodeId): Majority {
    return this.has(id) ? new Majority(this.ids.filter((other) => other !== id)) : this;
  }

  /** The smallest number of voters that is more than half. */
  quorum(): number {
    return Math.floor(this.ids.length / 2) + 1;
  }

  /**
   * The largest index that a quorum has acknowledged. An empty set agrees to everything (Infinity), so that one half
   * of a joint configuration can be empty.
   */
  committedIndex(acked: AckedIndexes): number {
    const count = this.ids.length;
    if (count === 0) return Number.POSITIVE_INFINITY;
    const sorted = this.#acked;
    for (let i = 0; i < count; i++) {
      const index = acked.ackedIndex(this.ids[i]!);
      let j = i - 1;
      for (; j >= 0 && sorted[j]! > index; j--) sorted[j + 1] = sorted[j]!;
      sorted[j + 1] = index;
    }
    return sorted[count - this.quorum()]!;
  }

  /** An empty set says yes, for the same reason. */
  voteResult(votes: CastVotes): VoteResult {
    if (this.ids.length === 0) return VoteResult.VoteWon;
    let yes = 0;
    let missing = 0;
    for (const id of this.ids) {
      const vote = votes.vote(id);
      if (vote === undefined) missing++;
      else if (vote) yes++;
    }
    const quorum = this.quorum();
    if (yes >= quorum) return VoteResult.VoteWon;
    return yes + missing >= quorum ? VoteResult.VotePending : VoteResult.VoteLost;
  }

  /** `(1 2 a)`: ids in hexadecimal, ascending. */
  toString(): string {
    return `(${this.ids.map((id) => id.toString(16)).join(" ")})`;
  }
}

export function compareIds(a: NodeId, b: NodeId): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
