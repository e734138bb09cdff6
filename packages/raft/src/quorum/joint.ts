import type { NodeId } from "../types.ts";
import { type AckedIndexes, type CastVotes, compareIds, type Majority } from "./majority.ts";
import { VoteResult } from "./vote-result.ts";

/**
 * Two majorities that must both agree (thesis 4.3). `outgoing` is empty except between entering and leaving a joint
 * configuration. Immutable.
 */
export class JointQuorum {
  readonly incoming: Majority;
  readonly outgoing: Majority;
  /** All voters of both halves, ascending. */
  readonly ids: readonly NodeId[];

  constructor(incoming: Majority, outgoing: Majority) {
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.ids =
      outgoing.size === 0 ? incoming.ids : [...new Set([...incoming.ids, ...outgoing.ids])].sort(compareIds);
  }

  isJoint(): boolean {
    return this.outgoing.size > 0;
  }

  /** True when `id` votes in either half. */
  has(id: NodeId): boolean {
    return this.incoming.has(id) || this.outgoing.has(id);
  }

  /** True when `id` alone is the quorum. */
  isSingleton(): boolean {
    return this.incoming.size === 1 && this.outgoing.size === 0;
  }

  committedIndex(acked: AckedIndexes): number {
    return Math.min(this.incoming.committedIndex(acked), this.outgoing.committedIndex(acked));
  }

  voteResult(votes: CastVotes): VoteResult {
    const a = this.incoming.voteResult(votes);
    const b = this.outgoing.voteResult(votes);
    if (a === b) return a;
    if (a === VoteResult.VoteLost || b === VoteResult.VoteLost) return VoteResult.VoteLost;
    return VoteResult.VotePending; // one half has won, the other has not yet
  }

  /** `(1 2)`, or joint `(1 2)&&(1 2 3)`. */
  toString(): string {
    return this.outgoing.size === 0 ? `${this.incoming}` : `${this.incoming}&&${this.outgoing}`;
  }
}
