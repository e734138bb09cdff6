import type { Proposal } from "./proposal.ts";

/** Through here proposals fail that came to no outcome: what became of them is not known, or nothing did. */
export class ProposalFailures {
  /** So many so far. */
  count = 0;
  readonly #onFailure: (proposal: Proposal) => void;

  constructor(onFailure: (proposal: Proposal) => void = () => {}) {
    this.#onFailure = onFailure;
  }

  fail(proposal: Proposal, error: Error): void {
    this.count++;
    this.#onFailure(proposal);
    proposal.fail(error);
  }
}
