import {
  type Entry,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  NONE,
  type NodeId,
} from "./types.ts";

export const NO_ENTRIES: readonly Entry[] = Object.freeze([]);
export const NO_MESSAGES: readonly Message[] = Object.freeze([]);

/** A message with only type and addressee set. All messages are made here, so that they share one hidden class. */
export function newMessage(type: MessageType, to: NodeId): Message {
  return {
    type,
    to,
    from: NONE,
    term: 0,
    logTerm: 0,
    index: 0,
    entries: NO_ENTRIES,
    commit: 0,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: undefined,
    vote: NONE,
    responses: NO_MESSAGES,
  };
}

function typeSet(...types: MessageType[]): readonly boolean[] {
  const set = new Array<boolean>(Object.keys(MessageType).length).fill(false);
  for (const type of types) set[type] = true;
  return set;
}

const LOCAL = typeSet(
  MessageType.MsgHup,
  MessageType.MsgBeat,
  MessageType.MsgUnreachable,
  MessageType.MsgSnapStatus,
  MessageType.MsgCheckQuorum,
  MessageType.MsgStorageAppend,
  MessageType.MsgStorageAppendResp,
  MessageType.MsgStorageApply,
  MessageType.MsgStorageApplyResp,
);

const RESPONSE = typeSet(
  MessageType.MsgAppResp,
  MessageType.MsgVoteResp,
  MessageType.MsgHeartbeatResp,
  MessageType.MsgUnreachable,
  MessageType.MsgReadIndexResp,
  MessageType.MsgPreVoteResp,
  MessageType.MsgStorageAppendResp,
  MessageType.MsgStorageApplyResp,
);

const WITHOUT_TERM = typeSet(
  MessageType.MsgProp,
  MessageType.MsgReadIndex,
  MessageType.MsgTransferLeader,
  MessageType.MsgForgetLeader,
);

/** Messages between members that are always of a term. Requests to whoever leads are not. */
export function carriesTerm(type: MessageType): boolean {
  return LOCAL[type] === false && WITHOUT_TERM[type] === false;
}

export function isVoteRequest(type: MessageType): boolean {
  return type === MessageType.MsgVote || type === MessageType.MsgPreVote;
}

/** Messages a member sends only to itself; from the network they are refused. */
export function isLocalMessage(type: MessageType): boolean {
  return LOCAL[type] === true;
}

/** Messages that make sense only from a member whose progress is tracked. */
export function isResponseMessage(type: MessageType): boolean {
  return RESPONSE[type] === true;
}

/** The two storage threads are no members: their messages skip the filters for network messages. */
export function isLocalThread(id: NodeId): boolean {
  return id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD;
}

/** Scalar fields of a Message that a codec must write although they are 0, because the sender set them. */
export const ZeroField = { LogTerm: 1, Index: 2, Commit: 4, RejectHint: 8 } as const;

/**
 * The wire format has explicit presence, and a codec writes the fields that the sender set: type always, every other
 * field when it is not 0, false, undefined or empty, and beyond that the zeros named here (a union of `ZeroField`
 * bits). Readers treat an absent field and a zero alike.
 */
export function writesZero(message: Message): number {
  switch (message.type) {
    case MessageType.MsgApp:
      return ZeroField.LogTerm | ZeroField.Index | ZeroField.Commit;
    case MessageType.MsgAppResp:
      return message.reject ? ZeroField.LogTerm | ZeroField.Index | ZeroField.RejectHint : 0;
    case MessageType.MsgHeartbeat:
      return ZeroField.Commit;
    case MessageType.MsgVote:
    case MessageType.MsgPreVote:
      return ZeroField.LogTerm | ZeroField.Index;
    case MessageType.MsgReadIndexResp:
      return ZeroField.Index;
    default:
      return 0;
  }
}
