import type { Entry, LogIndex, Message, NodeId, RawNode, Term } from "@quorate/raft";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Slices } from "@quorate/storage/slices";
import type { RequestIds } from "../cluster/request-ids.ts";
import type { RequestError } from "../errors.ts";
import type { LoadGauges } from "./load-limits.ts";
import type { LogWriter } from "./log-writer.ts";
import type { Proposal } from "./proposal.ts";

/** What consensus tells the rest of the member, always on the loop and in log order. */
export interface ConsensusEvents {
  /**
   * Applies one committed normal entry with data; `proposal` is there if a caller of this member waits for it. A promise
   * means that it takes more than one turn of the loop: nothing else is to be applied until it has resolved.
   */
  applyEntry(entry: Entry, proposal: Proposal | undefined): Promise<void> | undefined;
  /** Applies one committed configuration change; `error`: it was refused, as on every member, and had no effect. */
  applyConfChange(entry: Entry): ConfChangeResult;
  /** Applies a leader's first entry of its term, which is empty; `isLeader`: that leader is this member. */
  firstCommitInTerm(entry: Entry, isLeader: boolean): void;
  /** After a batch of entries has been applied, up to `index`. */
  batchApplied(index: LogIndex): void;
  roleChanged(isLeader: boolean, leader: NodeId): void;
  /** A proposal came to no outcome, and is about to be told so. */
  readonly proposalFailed?: (proposal: Proposal) => void;
  /** Messages to other members, in order; none of them is a `MsgSnap`. */
  send(messages: readonly Message[]): void;
  /** A follower needs the applied state, since the log does not go back far enough for it. */
  sendSnapshot(message: Message): void;
  /** The disk has not finished a write for longer than an election takes. */
  diskStalled(stalledMs: number, transferee: NodeId | undefined): void;
}

export interface ConfChangeResult {
  readonly id: bigint;
  readonly error: RequestError | undefined;
}

export interface ConsensusOptions extends LoadGauges {
  readonly node: RawNode;
  readonly localId: NodeId;
  readonly writer: LogWriter;
  readonly clock: Clock;
  readonly ids: RequestIds;
  readonly events: ConsensusEvents;
  /** Says how much is applied in one turn. */
  readonly applying: Slices;
  readonly requestTimeoutMs: number;
  readonly electionTimeoutMs: number;
  readonly electionTicks: number;
  /** All members of the configuration, this one included. */
  readonly members: () => readonly NodeId[];
  /** Monotonic milliseconds since when the links to a member have worked without a break. */
  readonly connectedSince: (id: NodeId) => number | undefined;
  /** Index and term of the snapshot that the log starts after. */
  readonly appliedIndex: LogIndex;
  readonly appliedTerm: Term;
  /** Called once, when an invariant is broken; nothing reaches raft any more. */
  readonly onFatal: (error: Error) => void;
}
