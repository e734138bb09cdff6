import type { Entry } from "@quorate/raft";
import { requestId } from "@quorate/wire/hot";
import type { RequestError } from "../errors.ts";
import type { Proposal } from "./proposal.ts";

/**
 * The proposals that raft sent on to the leader. Their place in the log is not known, so the caller of a committed
 * entry is found by the request ID in its payload. While nothing is forwarded, entries are not looked into.
 */
export class ForwardedProposals {
  readonly #timeoutMs: number;
  /** In order of `startedMs`. */
  readonly #waiting = new Map<bigint, Proposal>();

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(proposals: readonly Proposal[]): void {
    for (const proposal of proposals) this.#waiting.set(requestId(proposal.data), proposal);
  }

  /** The caller that waits for `entry`, if it is one of this member. Removes it. */
  take(entry: Entry): Proposal | undefined {
    if (this.#waiting.size === 0) return undefined;
    const id = requestId(entry.data);
    const proposal = this.#waiting.get(id);
    if (proposal === undefined) return undefined;
    this.#waiting.delete(id);
    proposal.settled = true;
    return proposal;
  }

  /** Fails everyone who has waited for too long. Their entries may still be applied: for nobody. */
  expire(nowMs: number, failure: (startedMs: number) => RequestError): void {
    const limitMs = nowMs - this.#timeoutMs;
    for (const [id, proposal] of this.#waiting) {
      if (proposal.startedMs >= limitMs) return;
      this.#waiting.delete(id);
      proposal.settled = true;
      proposal.fail(failure(proposal.startedMs));
    }
  }

  failAll(error: Error): void {
    for (const proposal of this.#waiting.values()) {
      proposal.settled = true;
      proposal.fail(error);
    }
    this.#waiting.clear();
  }
}
