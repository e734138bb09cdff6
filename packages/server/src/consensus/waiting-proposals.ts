import { RequestError } from "../errors.ts";
import type { Proposal } from "./proposal.ts";
import { ProposalFailures } from "./proposal-failures.ts";

/** What a waiting proposal occupies besides its payload, roughly. */
const OVERHEAD_BYTES = 256;

/**
 * Proposals that raft has not taken yet, in order of their arrival: of this turn, or of earlier ones when no leader is
 * known, leadership is handed over, or too much is uncommitted or not yet in the database.
 */
export class WaitingProposals {
  readonly #failures: ProposalFailures;
  #queue: Proposal[] = [];
  #bytes = 0;

  constructor(failures = new ProposalFailures()) {
    this.#failures = failures;
  }

  get size(): number {
    return this.#queue.length;
  }

  /** What they occupy, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  add(proposal: Proposal): void {
    this.#queue.push(proposal);
    this.#bytes += sizeOf(proposal);
  }

  /**
   * Takes out the first ones, at most `maxCount` and of at most `maxBytes` of payload together, but at least one. Not to be
   * called when empty.
   */
  takeBatch(maxBytes: number, maxCount: number): Proposal[] {
    const queue = this.#queue;
    let bytes = queue[0]!.data.length;
    let count = 1;
    while (count < queue.length && count < maxCount) {
      bytes += queue[count]!.data.length;
      if (bytes > maxBytes) break;
      count++;
    }
    if (count === queue.length) {
      this.#queue = [];
      this.#bytes = 0;
      return queue;
    }
    const batch = queue.splice(0, count);
    for (const proposal of batch) this.#bytes -= sizeOf(proposal);
    return batch;
  }

  /** Raft did not take the batch that was taken out last. */
  putBack(batch: readonly Proposal[]): void {
    this.#queue = [...batch, ...this.#queue];
    for (const proposal of batch) this.#bytes += sizeOf(proposal);
  }

  /** Fails those that only this member's own leadership justifies. */
  refuseLeaderOnly(): void {
    if (this.#queue.some((proposal) => proposal.leaderOnly)) {
      this.#fail((proposal) => proposal.leaderOnly, new RequestError("NOT_PRIMARY_LESSOR"));
    }
  }

  /** Fails those that were handed over before `limitMs`. */
  expire(limitMs: number): void {
    const oldest = this.#queue[0];
    if (oldest === undefined || oldest.startedMs >= limitMs) return;
    this.#fail((proposal) => proposal.startedMs < limitMs, new RequestError("DEADLINE_EXCEEDED"));
  }

  failAll(error: Error): void {
    this.#fail(() => true, error);
  }

  #fail(fails: (proposal: Proposal) => boolean, error: Error): void {
    const [kept, failed] = [[] as Proposal[], [] as Proposal[]];
    for (const proposal of this.#queue) (fails(proposal) ? failed : kept).push(proposal);
    this.#queue = kept;
    for (const proposal of failed) {
      this.#bytes -= sizeOf(proposal);
      this.#failures.fail(proposal, error);
    }
  }
}

function sizeOf(proposal: Proposal): number {
  return proposal.data.length + OVERHEAD_BYTES;
}
