import { type Entry, isRaftError, type LogIndex, NONE } from "@quorate/raft";
import type { RequestError } from "../errors.ts";
import { ForwardedProposals } from "./forwarded-proposals.ts";
import type { Leadership } from "./leadership.ts";
import { PendingProposals } from "./pending-proposals.ts";
import type { Position } from "./position.ts";
import type { Proposal } from "./proposal.ts";
import { ProposalFailures } from "./proposal-failures.ts";
import type { ConsensusOptions } from "./surroundings.ts";
import { timeoutFailure } from "./timeouts.ts";
import { WaitingProposals } from "./waiting-proposals.ts";

/** Payload of the proposals that are given to raft, and so to another leader, as one message. */
const MAX_BATCH_BYTES = 2 ** 20;
/** However small they are. */
const MAX_BATCH_PROPOSALS = 2048;
/** More follow in the next turn: so many take raft a few milliseconds. */
const MAX_BATCHES_IN_A_TURN = 8;

export interface ProposingNeeds {
  readonly position: Position;
  readonly leadership: Leadership;
  /** Whether a leader has enough to do with what is committed. */
  readonly isHeld: () => boolean;
  /** `proposeWaiting` is to be called in another turn. */
  readonly scheduleTurn: () => void;
}

/** The way of proposals: they wait for their turn, are given to raft in batches, and come back as committed entries. */
export class Proposing {
  readonly #options: ConsensusOptions;
  readonly #needs: ProposingNeeds;
  readonly #position: Position;
  readonly #leadership: Leadership;
  readonly #failures: ProposalFailures;
  readonly #waiting: WaitingProposals;
  readonly #pending: PendingProposals;
  readonly #forwarded: ForwardedProposals;
  /** When the first proposal of this turn came. */
  #turnMs: number | undefined;

  constructor(options: ConsensusOptions, needs: ProposingNeeds) {
    this.#options = options;
    this.#needs = needs;
    this.#position = needs.position;
    this.#leadership = needs.leadership;
    this.#failures = new ProposalFailures(options.events.proposalFailed);
    this.#waiting = new WaitingProposals(this.#failures);
    this.#pending = new PendingProposals(options.requestTimeoutMs, this.#failures);
    this.#forwarded = new ForwardedProposals(options.requestTimeoutMs, this.#failures);
  }

  /** Whether raft has not taken some yet. */
  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }
  /** All whose outcome is not known. */
  get count(): number {
    return this.#waiting.size + this.#pending.size + this.#forwarded.size;
  }
  /** All that have come to no outcome, since the start. */
  get failed(): number {
    return this.#failures.count;
  }
  /** What those occupy, roughly, that are in no log of this member. */
  get waitingBytes(): number {
    return this.#waiting.bytes + this.#forwarded.bytes;
  }

  /** It waits until `proposeWaiting`. Those of a turn have one beginning: a look at the clock is dear. */
  add(proposal: Proposal): void {
    this.#turnMs ??= this.#options.clock.nowMs();
    proposal.startedMs = this.#turnMs;
    this.#waiting.add(proposal);
  }

  /** Gives raft what waits, as far as it may be proposed now. */
  proposeWaiting(): void {
    this.#turnMs = undefined;
    const waiting = this.#waiting;
    if (waiting.size === 0) return;
    const { leader, isLeader } = this.#leadership;
    if (!isLeader) waiting.refuseLeaderOnly();
    // Without a leader proposals wait, as long as their callers do.
    if (leader === NONE) return;
    if (isLeader && this.#needs.isHeld()) return;
    for (let batches = 0; waiting.size > 0; batches++) {
      if (batches === MAX_BATCHES_IN_A_TURN) {
        this.#needs.scheduleTurn();
        return;
      }
      const batch = waiting.takeBatch(MAX_BATCH_BYTES, MAX_BATCH_PROPOSALS);
      if (this.#proposeBatch(batch)) continue;
      // Nothing of it has been proposed, as while leadership is handed over or too much is uncommitted: they wait for
      // the next leader, or for this one to go on. etcd fails them.
      waiting.putBack(batch);
      waiting.refuseLeaderOnly();
      return;
    }
  }

  /** False when raft does not take it now. */
  #proposeBatch(batch: readonly Proposal[]): boolean {
    const payloads = new Array<Uint8Array>(batch.length);
    for (let i = 0; i < batch.length; i++) payloads[i] = batch[i]!.data;
    try {
      const first = this.#options.node.proposeBatch(payloads);
      if (first === 0) this.#forwarded.add(batch);
      else this.#pending.accepted(batch, first, this.#position.term);
      return true;
    } catch (error) {
      if (!isRaftError(error, "PROPOSAL_DROPPED")) throw error;
      return false;
    }
  }

  /** The proposal that became this committed entry, if a caller of this member waits for it. */
  take(entry: Entry): Proposal | undefined {
    return this.#pending.take(entry) ?? this.#forwarded.take(entry);
  }

  /** The state of a snapshot at `index` has taken the place of the entries up to there. */
  overtaken(index: LogIndex): void {
    this.#pending.overtaken(index);
  }

  /** Fails those that have taken too long at `nowMs`. */
  expire(nowMs: number): void {
    const failure = (startedMs: number) => this.#timeoutFailure(startedMs);
    this.#forwarded.expire(nowMs, failure);
    this.#pending.expire(nowMs, failure);
    this.#waiting.expire(nowMs - this.#options.requestTimeoutMs);
  }

  failAll(error: RequestError): void {
    this.#waiting.failAll(error);
    this.#pending.failAll(error);
    this.#forwarded.failAll(error);
  }

  #timeoutFailure(startedMs: number): RequestError {
    const { localId, electionTimeoutMs, members, connectedSince } = this.#options;
    return timeoutFailure(startedMs, {
      localId,
      leader: this.#leadership.leader,
      electedMs: this.#leadership.electedMs,
      electionTimeoutMs,
      members: members(),
      connectedSince,
    });
  }
}
