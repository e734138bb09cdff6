import { panic } from "./assert.ts";
import { isRaftError } from "./errors.ts";
import { hex } from "./format/hex.ts";
import { LogLevel } from "./logger.ts";
import { NO_ENTRIES, newMessage } from "./message.ts";
import type { Raft } from "./raft.ts";
import { send } from "./send.ts";
import { payloadsSize } from "./size.ts";
import { type Progress, ProgressState } from "./tracker/progress.ts";
import { MessageType, type Snapshot } from "./types.ts";

/** Leader: tells everybody else what they may not know yet: entries, or at least the commit index. */
export function bcastAppend(r: Raft): void {
  for (const progress of r.tracker.ordered) if (progress.id !== r.id) sendAppend(r, progress);
}

/** Leader: sends the next entries; when there are none, an empty message with the commit index. */
export function sendAppend(r: Raft, to: Progress): void {
  maybeSendAppend(r, to, true);
}

/**
 * Leader: sends the next entries, or a snapshot when they are compacted away. False when nothing was sent: the member
 * may not be sent to now, or there is nothing for it and `sendIfEmpty` is false.
 */
export function maybeSendAppend(r: Raft, to: Progress, sendIfEmpty: boolean): boolean {
  if (to.isPaused()) return false;
  const prevIndex = to.next - 1;
  const prevTerm = r.log.term(prevIndex);
  if (prevTerm < 0) return maybeSendSnapshot(r, to);
  // With a full window only an empty message goes: it keeps the member from stalling when all of the window was lost,
  // because its refusal or acknowledgement starts the flow again.
  const windowIsFull = to.state === ProgressState.StateReplicate && to.inflights.full();
  const entries = windowIsFull ? NO_ENTRIES : r.log.entriesFrom(to.next, r.config.maxSizePerMsg);
  if ((entries === undefined || entries.length === 0) && !sendIfEmpty) return false;
  if (entries === undefined) return maybeSendSnapshot(r, to);
  const m = newMessage(MessageType.MsgApp, to.id);
  m.index = prevIndex;
  m.logTerm = prevTerm;
  m.entries = entries;
  m.commit = r.log.committed;
  send(r, m);
  to.sentEntries(entries.length, payloadsSize(entries));
  to.sentCommit(r.log.committed);
  return true;
}

function maybeSendSnapshot(r: Raft, to: Progress): boolean {
  if (!to.recentActive) {
    if (r.logs(LogLevel.Debug)) {
      r.debug(`ignore sending snapshot to ${hex(to.id)} since it is not recently active`);
    }
    return false;
  }
  const snapshot = currentSnapshot(r);
  if (snapshot === undefined) {
    if (r.logs(LogLevel.Debug)) {
      r.debug(
        `${hex(r.id)} failed to send snapshot to ${hex(to.id)} because snapshot is temporarily unavailable`,
      );
    }
    return false;
  }
  const { index, term } = snapshot.metadata;
  if (index === 0) panic(r.logger, "need non-empty snapshot");
  if (r.logs(LogLevel.Debug)) {
    r.debug(
      `${hex(r.id)} [firstindex: ${r.log.firstIndex()}, commit: ${r.log.committed}] sent snapshot[index: ${index}, ` +
        `term: ${term}] to ${hex(to.id)} [${to}]`,
    );
  }
  to.becomeSnapshot(index);
  if (r.logs(LogLevel.Debug)) {
    r.debug(`${hex(r.id)} paused sending replication messages to ${hex(to.id)} [${to}]`);
  }
  const m = newMessage(MessageType.MsgSnap, to.id);
  m.snapshot = snapshot;
  send(r, m);
  return true;
}

/** undefined while one is being made. */
function currentSnapshot(r: Raft): Snapshot | undefined {
  if (r.log.unstable.snapshot !== undefined) return r.log.unstable.snapshot;
  try {
    return r.log.storage.snapshot();
  } catch (error) {
    if (isRaftError(error, "SNAPSHOT_TEMPORARILY_UNAVAILABLE")) return undefined;
    throw error;
  }
}

/** Leader: heartbeats to everybody else; they carry the reads that wait to be confirmed. */
export function bcastHeartbeat(r: Raft): void {
  const context = r.readOnly.heartbeatContext();
  for (const progress of r.tracker.ordered) if (progress.id !== r.id) sendHeartbeat(r, progress, context);
}

function sendHeartbeat(r: Raft, to: Progress, context: Uint8Array | undefined): void {
  // Never more than what the member is known to have: beyond that its log may still be another one.
  const commit = Math.min(to.match, r.log.committed);
  const m = newMessage(MessageType.MsgHeartbeat, to.id);
  m.commit = commit;
  m.context = context;
  send(r, m);
  to.sentCommit(commit);
}

/** Leader: commits what quorums have by now, if it is of the own term. */
export function maybeCommit(r: Raft): boolean {
  return r.log.maybeCommit(r.tracker.committed(), r.term);
}
