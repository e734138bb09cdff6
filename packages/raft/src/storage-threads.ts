import { assert } from "./assert.ts";
import { isVoteRequest, newMessage } from "./message.ts";
import type { Raft } from "./raft.ts";
import type { Ready } from "./ready.ts";
import {
  type Entry,
  isEmptyHardState,
  isEmptySnapshot,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  type Snapshot,
} from "./types.ts";

/** The messages between a member and its storage, which in asynchronous mode are threads of their own. */

/** The work of the append thread, with the messages it releases when it is done; undefined when there is none. */
export function storageAppend(r: Raft, ready: Ready): Message | undefined {
  const { entries, hardState, snapshot } = ready;
  const hasHardState = hardState !== undefined && !isEmptyHardState(hardState);
  const hasWork = entries.length > 0 || hasHardState || !isEmptySnapshot(snapshot);
  if (!hasWork && r.messagesAfterAppend.length === 0) return undefined;
  const m = newMessage(MessageType.MsgStorageAppend, LOCAL_APPEND_THREAD);
  m.from = r.id;
  m.entries = entries;
  if (hasHardState) {
    m.term = hardState.term;
    m.vote = hardState.vote;
    m.commit = hardState.commit;
  }
  if (!isEmptySnapshot(snapshot)) m.snapshot = snapshot;
  // A copy: the node's own list goes on growing.
  m.responses = needsAppendResponse(r, snapshot)
    ? [...r.messagesAfterAppend, appendResponse(r, snapshot)]
    : [...r.messagesAfterAppend];
  return m;
}

/**
 * What of `messages`, those of one Ready in asynchronous mode, may be sent at once. Requests for votes may not: they name
 * the member's term, its vote and the end of its log, and votes that are given to them elect it. Had it forgotten these
 * in a crash by then, it could lead the term a second time, or lead it without an entry that its votes were given for. So
 * they join the responses of the Ready's MsgStorageAppend, behind the member's own vote.
 */
export function withoutVoteRequests(messages: readonly Message[]): readonly Message[] {
  let firstRequest = 0;
  while (firstRequest < messages.length && !isVoteRequest(messages[firstRequest]!.type)) firstRequest++;
  if (firstRequest === messages.length) return messages;
  const requests = messages.filter(({ type }) => isVoteRequest(type));
  const work = messages.find(({ type }) => type === MessageType.MsgStorageAppend);
  // The own vote is written with every campaign.
  assert(work !== undefined, "a campaign has something to save");
  work.responses = [...work.responses, ...requests];
  return messages.filter(({ type }) => !isVoteRequest(type));
}

/** True when storage must say when it is done. Also when there is nothing new but an older write is on its way. */
export function needsAppendResponse(r: Raft, snapshot: Snapshot | undefined): boolean {
  return r.log.unstable.length > 0 || !isEmptySnapshot(snapshot);
}

/**
 * What the append thread answers. It names the end of the whole log, not of this write: entries that were replaced
 * and came back while the first write was in the queue must not count as durable before the last of those writes is
 * done. So acknowledgements of older terms are ignored, and each one of this term speaks for all before it.
 */
export function appendResponse(r: Raft, snapshot: Snapshot | undefined): Message {
  const m = newMessage(MessageType.MsgStorageAppendResp, r.id);
  m.from = LOCAL_APPEND_THREAD;
  m.term = r.term;
  if (r.log.unstable.length > 0) {
    m.index = r.log.lastIndex();
    m.logTerm = r.log.lastTerm();
  }
  if (!isEmptySnapshot(snapshot)) m.snapshot = snapshot;
  return m;
}

/** The work of the apply thread. It is of no term: what is committed is so in all of them. */
export function storageApply(r: Raft, committed: readonly Entry[]): Message {
  const m = newMessage(MessageType.MsgStorageApply, LOCAL_APPLY_THREAD);
  m.from = r.id;
  m.entries = committed;
  m.responses = [applyResponse(r, committed)];
  return m;
}

export function applyResponse(r: Raft, committed: readonly Entry[]): Message {
  const m = newMessage(MessageType.MsgStorageApplyResp, r.id);
  m.from = LOCAL_APPLY_THREAD;
  m.entries = committed;
  return m;
}
