import type { Entry, LogIndex, Term } from "@quorate/raft";
import { AssertionFailure, assert } from "@quorate/storage/assert";
import { RequestError } from "../errors.ts";
import type { Proposal } from "./proposal.ts";
import { ProposalFailures } from "./proposal-failures.ts";

/**
 * The proposals that raft has accepted, in log order. A leader gives a batch consecutive indexes, so the caller of a
 * committed entry is found by comparing heads: no table of request IDs on the way of a write.
 */
export class PendingProposals {
  readonly #timeoutMs: number;
  readonly #failures: ProposalFailures;
  #queue: Proposal[] = [];
  #head = 0;

  constructor(timeoutMs: number, failures = new ProposalFailures()) {
    this.#timeoutMs = timeoutMs;
    this.#failures = failures;
  }

  /** How many wait, those included who gave up and whose entry has not come yet. */
  get size(): number {
    return this.#queue.length - this.#head;
  }

  /** `proposals[i]` became the entry at `firstIndex + i` of `term`. */
  accepted(proposals: readonly Proposal[], firstIndex: LogIndex, term: Term): void {
    this.#lost(firstIndex);
    for (let i = 0; i < proposals.length; i++) {
      const proposal = proposals[i]!;
      assert(proposal.index === 0, "a proposal becomes one entry");
      proposal.index = firstIndex + i;
      proposal.term = term;
      this.#queue.push(proposal);
    }
  }

  /** The caller that waits for `entry`, if it is one of this member. Removes it. */
  take(entry: Entry): Proposal | undefined {
    while (this.#head < this.#queue.length) {
      const proposal = this.#queue[this.#head]!;
      if (proposal.index > entry.index) return undefined;
      this.#advance();
      if (proposal.settled) continue;
      if (proposal.index === entry.index && proposal.term === entry.term) {
        if (!proposal.hasDataOf(entry)) {
          throw new AssertionFailure(`entry ${entry.index} of term ${entry.term} is what was proposed as it`);
        }
        proposal.settled = true;
        return proposal;
      }
      // Another leader put another entry in its place: it was not applied and never will be from here. etcd lets
      // the caller run into its timeout; so do we not, for the outcome is known.
      proposal.settled = true;
      this.#failures.fail(proposal, new RequestError("LEADER_CHANGED"));
    }
    return undefined;
  }

  /**
   * A snapshot has replaced the state up to `index`: nobody will ever see which of the entries up to there were ours.
   */
  overtaken(index: LogIndex): void {
    for (let i = this.#head; i < this.#queue.length && this.#queue[i]!.index <= index; i++) {
      const proposal = this.#queue[i]!;
      if (proposal.settled) continue;
      proposal.settled = true;
      this.#failures.fail(proposal, new RequestError("TIMEOUT_LEADER_FAILED"));
    }
  }

  /** Fails everyone who has waited for too long, with what `failure` says for the time it began. */
  expire(nowMs: number, failure: (startedMs: number) => RequestError): void {
    const limitMs = nowMs - this.#timeoutMs;
    for (let i = this.#head; i < this.#queue.length && this.#queue[i]!.startedMs < limitMs; i++) {
      const proposal = this.#queue[i]!;
      if (proposal.settled) continue;
      proposal.settled = true;
      this.#failures.fail(proposal, failure(proposal.startedMs));
    }
  }

  failAll(error: Error): void {
    for (let i = this.#head; i < this.#queue.length; i++) {
      const proposal = this.#queue[i]!;
      if (!proposal.settled) this.#failures.fail(proposal, error);
      proposal.settled = true;
    }
    this.#queue = [];
    this.#head = 0;
  }

  /**
   * A leader's log ends before `index`: what it accepted from there on when it led before has been replaced by another
   * leader. It was not applied and never will be. Left in the queue it would hide whatever comes at lower indexes now.
   */
  #lost(index: LogIndex): void {
    while (this.#queue.length > this.#head && this.#queue.at(-1)!.index >= index) {
      const proposal = this.#queue.pop()!;
      if (proposal.settled) continue;
      proposal.settled = true;
      this.#failures.fail(proposal, new RequestError("LEADER_CHANGED"));
    }
  }

  #advance(): void {
    this.#queue[this.#head] = undefined as unknown as Proposal;
    this.#head++;
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0;
      this.#head = 0;
    } else if (this.#head >= 4096 && this.#head * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
