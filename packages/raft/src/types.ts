/**
 * The plain data of the protocol: what members send each other, what lies in the log, what a caller must persist.
 *
 * Terms and log indexes are safe integers, of different types; member ids are 64 opaque bits and therefore `bigint`. All Uint8Arrays
 * reachable from here are shared, never copied: whoever hands one over promises not to write to it again.
 */

declare const kind: unique symbol;

/**
 * A number that TypeScript does not take for one of another kind: an index of the log is no term, nor a revision. It costs
 * nothing when the program runs. Plain numbers, and so literals and what arithmetic gives, are taken for any kind: what is
 * found is that one kind was handed on where another is wanted.
 */
export type NumberOf<Kind extends string> = number & { readonly [kind]?: Kind };

/** The position of an entry in the replicated log; the first one is 1, and 0 stands for none. */
export type LogIndex = NumberOf<"LogIndex">;

/** Raft's logical time: at most one leader each. 0 is before the first election. */
export type Term = NumberOf<"Term">;

/** A member's id. `0n` is nobody; the two largest values name the local storage threads. */
export type NodeId = bigint;

/** No node: no vote cast, no leader known, no sender. */
export const NONE: NodeId = 0n;
/** The addressee of `MsgStorageAppend`: the thread that makes log, hard state and snapshots durable. */
export const LOCAL_APPEND_THREAD: NodeId = 0xffff_ffff_ffff_ffffn;
/** The addressee of `MsgStorageApply`: the thread that applies committed entries. */
export const LOCAL_APPLY_THREAD: NodeId = 0xffff_ffff_ffff_fffen;

export const EntryType = {
  EntryNormal: 0,
  EntryConfChange: 1,
  EntryConfChangeV2: 2,
} as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

/** Shared by every entry without data, so that "no data field" costs nothing. Compare by identity. */
export const NO_DATA: Uint8Array = new Uint8Array(0);

/** One entry of the replicated log. Never changed once it has an index. */
export interface Entry {
  type: EntryType;
  term: Term;
  index: LogIndex;
  /** Shared, read-only. `NO_DATA` itself means that the data field is absent on the wire. */
  data: Uint8Array;
  /** On the wire the type is written although it is 0 (only an entry that replaced a refused conf change). */
  typeIsExplicit?: true;
}

export const MessageType = {
  MsgHup: 0,
  MsgBeat: 1,
  MsgProp: 2,
  MsgApp: 3,
  MsgAppResp: 4,
  MsgVote: 5,
  MsgVoteResp: 6,
  MsgSnap: 7,
  MsgHeartbeat: 8,
  MsgHeartbeatResp: 9,
  MsgUnreachable: 10,
  MsgSnapStatus: 11,
  MsgCheckQuorum: 12,
  MsgTransferLeader: 13,
  MsgTimeoutNow: 14,
  MsgReadIndex: 15,
  MsgReadIndexResp: 16,
  MsgPreVote: 17,
  MsgPreVoteResp: 18,
  MsgStorageAppend: 19,
  MsgStorageAppendResp: 20,
  MsgStorageApply: 21,
  MsgStorageApplyResp: 22,
  MsgForgetLeader: 23,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/**
 * One message. Every field is always there, so that all messages have one shape; a field that the sender did not set
 * holds 0, false, an empty list or undefined. Which zeros go on the wire all the same is a matter of the message type:
 * see `writesZero` in message.ts.
 */
export interface Message {
  type: MessageType;
  to: NodeId;
  from: NodeId;
  term: Term;
  logTerm: Term;
  index: LogIndex;
  entries: readonly Entry[];
  commit: LogIndex;
  /** Absent, or with metadata.index 0, means no snapshot. */
  snapshot: Snapshot | undefined;
  reject: boolean;
  rejectHint: LogIndex;
  /** undefined: field absent. Echoed byte for byte in heartbeat responses. */
  context: Uint8Array | undefined;
  vote: NodeId;
  /** Only in MsgStorageAppend and MsgStorageApply, which never leave the member. */
  responses: readonly Message[];
}

/** What must be durable before the messages of the same Ready may leave (see README.md, "The contract of a Ready"). */
export interface HardState {
  term: Term;
  vote: NodeId;
  commit: LogIndex;
}

/** What changes without need of durability. */
export interface SoftState {
  lead: NodeId;
  raftState: StateType;
}

export const StateType = {
  StateFollower: 0,
  StateCandidate: 1,
  StateLeader: 2,
  StatePreCandidate: 3,
} as const;
export type StateType = (typeof StateType)[keyof typeof StateType];

/** The members as a snapshot records them. `votersOutgoing` is non-empty only in a joint configuration. */
export interface ConfState {
  voters: NodeId[];
  learners: NodeId[];
  votersOutgoing: NodeId[];
  learnersNext: NodeId[];
  autoLeave: boolean;
}

export interface SnapshotMetadata {
  confState: ConfState;
  index: LogIndex;
  term: Term;
}

/** The application's state up to and including `metadata.index`. An index of 0 is no snapshot at all. */
export interface Snapshot {
  /** Opaque to raft; shared, read-only. */
  data: Uint8Array;
  metadata: SnapshotMetadata;
}

export const ConfChangeType = {
  ConfChangeAddNode: 0,
  ConfChangeRemoveNode: 1,
  ConfChangeUpdateNode: 2,
  ConfChangeAddLearnerNode: 3,
} as const;
export type ConfChangeType = (typeof ConfChangeType)[keyof typeof ConfChangeType];

export const ConfChangeTransition = {
  /** Simple when one change suffices, else joint and left automatically. */
  ConfChangeTransitionAuto: 0,
  /** Joint, left automatically. */
  ConfChangeTransitionJointImplicit: 1,
  /** Joint, left when an empty change is proposed. */
  ConfChangeTransitionJointExplicit: 2,
} as const;
export type ConfChangeTransition = (typeof ConfChangeTransition)[keyof typeof ConfChangeTransition];

/** The first version: one change of one node, never joint. Absent optional fields are absent on the wire. */
export interface ConfChange {
  /** The application's request id, opaque to raft. */
  id?: bigint;
  type: ConfChangeType;
  nodeId: NodeId;
  context?: Uint8Array;
}

export interface ConfChangeSingle {
  type: ConfChangeType;
  nodeId: NodeId;
}

/** Any number of changes at once. No transition and no changes: leave the joint configuration. */
export interface ConfChangeV2 {
  transition?: ConfChangeTransition;
  changes: ConfChangeSingle[];
  context?: Uint8Array;
}

/** The answer to a read request: `requestContext` may be served from a state applied up to `index`. */
export interface ReadState {
  index: LogIndex;
  requestContext: Uint8Array;
}

/** Where chance comes from. `below(limit)` returns a uniform integer in [0, limit). */
export interface Random {
  below(limit: number): number;
}

export const EMPTY_HARD_STATE: Readonly<HardState> = Object.freeze({ term: 0, vote: NONE, commit: 0 });

export function isEmptyHardState(state: HardState): boolean {
  return state.term === 0 && state.vote === NONE && state.commit === 0;
}

export function hardStatesEqual(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote && a.commit === b.commit;
}

/** True for undefined and for the index-0 snapshot that older members put on every message. */
export function isEmptySnapshot(snapshot: Snapshot | undefined): boolean {
  return snapshot === undefined || snapshot.metadata.index === 0;
}

export function emptyConfState(): ConfState {
  return { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}
