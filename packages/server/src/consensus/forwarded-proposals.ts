import type { Entry } from "@quorate/raft";
import { assert } from "@quorate/storage/assert";
import { requestId } from "@quorate/wire/hot";
import type { RequestError } from "../errors.ts";
import type { Proposal } from "./proposal.ts";
import { ProposalFailures } from "./proposal-failures.ts";

/**
 * The proposals that raft sent on to the leader. Their place in the log is not known, so the caller of a committed
 * entry is found by the request ID in its payload. While nothing is forwarded, entries are not looked into. Members whose
 * IDs end alike may come to the same request IDs, so the payload must be the caller's own, too.
 */
export class ForwardedProposals {
  readonly #timeoutMs: number;
  readonly #failures: ProposalFailures;
  /** In order of `startedMs`. */
  readonly #waiting = new Map<bigint, Proposal>();
  #bytes = 0;

  constructor(timeoutMs: number, failures = new ProposalFailures()) {
    this.#timeoutMs = timeoutMs;
    this.#failures = failures;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Of their payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  add(proposals: readonly Proposal[]): void {
    const expected = this.#waiting.size + proposals.length;
    for (const proposal of proposals) {
      this.#waiting.set(requestId(proposal.data), proposal);
      this.#bytes += proposal.data.length;
    }
    assert(this.#waiting.size === expected, "one caller waits for a request ID");
  }

  /** The caller that waits for `entry`, if it is one of this member. Removes it. */
  take(entry: Entry): Proposal | undefined {
    if (this.#waiting.size === 0) return undefined;
    const id = requestId(entry.data);
    const proposal = this.#waiting.get(id);
    if (proposal === undefined || !proposal.hasDataOf(entry)) return undefined;
    this.#end(id, proposal);
    return proposal;
  }

  /** Fails everyone who has waited for too long. Their entries may still be applied: for nobody. */
  expire(nowMs: number, failure: (startedMs: number) => RequestError): void {
    const limitMs = nowMs - this.#timeoutMs;
    for (const [id, proposal] of this.#waiting) {
      if (proposal.startedMs >= limitMs) return;
      this.#end(id, proposal);
      this.#failures.fail(proposal, failure(proposal.startedMs));
    }
  }

  failAll(error: Error): void {
    for (const [id, proposal] of this.#waiting) {
      this.#end(id, proposal);
      this.#failures.fail(proposal, error);
    }
  }

  #end(id: bigint, proposal: Proposal): void {
    this.#waiting.delete(id);
    this.#bytes -= proposal.data.length;
    proposal.settled = true;
  }
}
