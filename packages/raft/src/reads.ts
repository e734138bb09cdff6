import { ReadOnlyOption } from "./config.ts";
import { LogLevel } from "./logger.ts";
import { newMessage } from "./message.ts";
import type { Raft } from "./raft.ts";
import { bcastHeartbeat } from "./replication.ts";
import { send } from "./send.ts";
import { type LogIndex, type Message, MessageType, NO_DATA, NONE } from "./types.ts";

/** Leader: a member wants to know what a linearizable read must see (thesis 6.4). */
export function readIndex(r: Raft, request: Message): void {
  if (committedInCurrentTerm(r)) {
    confirmRead(r, request);
  } else {
    // Until its first commit a leader does not know which of the inherited entries are committed. That holds for one
    // that is the only voter as well: others may have been voters when they were.
    r.pendingReadIndexMessages.push(request);
  }
}

/** Nobody else can commit anything. A leader that has been removed may lead on while another one is the only voter. */
function isOnlyVoter(r: Raft): boolean {
  return r.tracker.isSingleton() && r.tracker.config.voters.has(r.id);
}

function committedInCurrentTerm(r: Raft): boolean {
  return r.log.termOrZero(r.log.committed) === r.term;
}

/** Leader: the first entry of its term may be committed by now, and with it the reads that came too early. */
export function releasePendingReads(r: Raft): void {
  if (r.pendingReadIndexMessages.length === 0) return;
  if (!committedInCurrentTerm(r)) {
    if (r.logs(LogLevel.Error)) {
      r.error("pending MsgReadIndex should be released only after first commit in current term");
    }
    return;
  }
  const requests = r.pendingReadIndexMessages;
  r.pendingReadIndexMessages = [];
  for (const request of requests) confirmRead(r, request);
}

function confirmRead(r: Raft, request: Message): void {
  if (r.readOnly.option === ReadOnlyOption.ReadOnlyLeaseBased || isOnlyVoter(r)) {
    answerRead(r, request, r.log.committed);
    return;
  }
  r.readOnly.add(request, r.log.committed);
  r.readOnly.ackSelf(r.id);
  bcastHeartbeat(r);
}

/** Leader: `m` answers a heartbeat, so its sender still followed when it echoed the context. */
export function acknowledgeReads(r: Raft, m: Message): void {
  if (r.readOnly.option !== ReadOnlyOption.ReadOnlySafe) return;
  if (m.context === undefined || m.context.length === 0) return;
  r.readOnly.ack(m.from, m.context);
  for (const { request, index } of r.readOnly.advance(r.tracker.config.voters)) answerRead(r, request, index);
}

function answerRead(r: Raft, request: Message, index: LogIndex): void {
  if (request.from === NONE || request.from === r.id) {
    r.readStates.push({ index, requestContext: request.entries[0]?.data ?? NO_DATA });
    return;
  }
  const answer = newMessage(MessageType.MsgReadIndexResp, request.from);
  answer.index = index;
  answer.entries = request.entries;
  send(r, answer);
}
