import { hex } from "../format/hex.ts";
import { LogLevel } from "../logger.ts";
import { proposeEntries } from "../proposals.ts";
import type { Raft } from "../raft.ts";
import { acknowledgeReads, readIndex, releasePendingReads } from "../reads.ts";
import { bcastAppend, bcastHeartbeat, maybeCommit, maybeSendAppend, sendAppend } from "../replication.ts";
import { type Progress, ProgressState } from "../tracker/progress.ts";
import { sendTimeoutNow, startLeaderTransfer } from "../transfer.ts";
import { type Entry, type LogIndex, type Message, MessageType, NONE } from "../types.ts";
import { becomeFollower } from "./transitions.ts";

/** False when `m` is a proposal that is dropped. */
export function stepLeader(r: Raft, m: Message): boolean {
  switch (m.type) {
    case MessageType.MsgBeat:
      bcastHeartbeat(r);
      return true;
    case MessageType.MsgCheckQuorum:
      checkQuorum(r);
      return true;
    case MessageType.MsgProp:
      return proposeEntries(r, m.entries as Entry[]);
    case MessageType.MsgReadIndex:
      readIndex(r, m);
      return true;
    case MessageType.MsgForgetLeader:
      return true;
  }
  const progress = r.tracker.get(m.from);
  if (progress === undefined) {
    if (r.logs(LogLevel.Debug)) r.debug(`${hex(r.id)} no progress available for ${hex(m.from)}`);
    return true;
  }
  switch (m.type) {
    case MessageType.MsgAppResp:
      progress.recentActive = true;
      if (m.reject) handleRefusal(r, progress, m);
      else handleAck(r, progress, m.index);
      break;
    case MessageType.MsgHeartbeatResp:
      handleHeartbeatResponse(r, progress, m);
      break;
    case MessageType.MsgSnapStatus:
      handleSnapshotStatus(r, progress, m);
      break;
    case MessageType.MsgUnreachable:
      // What was sent ahead may be lost, so find out what the member has before sending on.
      if (progress.state === ProgressState.StateReplicate) progress.becomeProbe();
      if (r.logs(LogLevel.Debug)) {
        r.debug(
          `${hex(r.id)} failed to send message to ${hex(m.from)} because it is unreachable [${progress}]`,
        );
      }
      break;
    case MessageType.MsgTransferLeader:
      startLeaderTransfer(r, progress);
      break;
  }
  return true;
}

/** Once every election timeout: a leader that no quorum listens to gives up, so that its clients look elsewhere. */
function checkQuorum(r: Raft): void {
  if (!r.tracker.quorumActive()) {
    if (r.logs(LogLevel.Warn)) {
      r.warn(`${hex(r.id)} stepped down to follower since quorum is not active`);
    }
    becomeFollower(r, r.term, NONE);
  }
  for (const progress of r.tracker.ordered) if (progress.id !== r.id) progress.recentActive = false;
}

/** The member's log does not match at `m.index`. */
function handleRefusal(r: Raft, progress: Progress, m: Message): void {
  if (r.logs(LogLevel.Debug)) {
    r.debug(
      `${hex(r.id)} received MsgAppResp(rejected, hint: (index ${m.rejectHint}, term ${m.logTerm})) from ` +
        `${hex(m.from)} for index ${m.index}`,
    );
  }
  // The member has term `logTerm` at the hint. Entries of this log with higher terms cannot match there, so they are
  // skipped as well; together both sides skip a whole term each round.
  const hint = m.logTerm > 0 ? r.log.findConflictByTerm(m.rejectHint, m.logTerm).index : m.rejectHint;
  if (!progress.maybeDecrTo(m.index, hint)) return;
  if (r.logs(LogLevel.Debug)) {
    r.debug(`${hex(r.id)} decreased progress of ${hex(m.from)} to [${progress}]`);
  }
  if (progress.state === ProgressState.StateReplicate) progress.becomeProbe();
  sendAppend(r, progress);
}

/** The member has everything up to `index`. */
function handleAck(r: Raft, progress: Progress, index: LogIndex): void {
  const isNews = progress.maybeUpdate(index);
  // A probe may find that nothing was missing: that is no news, but the end of probing all the same.
  const endsProbe = progress.match === index && progress.state === ProgressState.StateProbe;
  if (!isNews && !endsProbe) return;
  switch (progress.state) {
    case ProgressState.StateProbe:
      progress.becomeReplicate();
      break;
    case ProgressState.StateSnapshot:
      // Whether it was this snapshot, another one or entries: the log here continues where the member's ends.
      if (progress.match + 1 >= r.log.firstIndex()) {
        if (r.logs(LogLevel.Debug)) {
          r.debug(
            `${hex(r.id)} recovered from needing snapshot, resumed sending replication messages to ` +
              `${hex(progress.id)} [${progress}]`,
          );
        }
        progress.becomeProbe();
        progress.becomeReplicate();
      }
      break;
    case ProgressState.StateReplicate:
      progress.inflights.freeThrough(index);
      break;
  }
  const isOther = progress.id !== r.id;
  if (maybeCommit(r)) {
    releasePendingReads(r);
    bcastAppend(r);
  } else if (isOther && progress.canBumpCommit(r.log.committed)) {
    // The member may have been too far behind for the last commit index it was sent.
    sendAppend(r, progress);
  }
  if (!isOther) return;
  // The window moved on: fill it.
  while (maybeSendAppend(r, progress, false)) {}
  if (r.leadTransferee === progress.id && progress.match === r.log.lastIndex()) {
    if (r.logs(LogLevel.Info)) {
      r.info(`${hex(r.id)} sent MsgTimeoutNow to ${hex(progress.id)} after received MsgAppResp`);
    }
    sendTimeoutNow(r, progress.id);
  }
}

function handleHeartbeatResponse(r: Raft, progress: Progress, m: Message): void {
  progress.recentActive = true;
  progress.msgAppFlowPaused = false;
  // The member is there, so if anything is missing, what was sent must have been lost.
  if (progress.match < r.log.lastIndex() || progress.state === ProgressState.StateProbe) {
    sendAppend(r, progress);
  }
  acknowledgeReads(r, m);
}

/** The application says how sending a snapshot ended. */
function handleSnapshotStatus(r: Raft, progress: Progress, m: Message): void {
  if (progress.state !== ProgressState.StateSnapshot) return;
  if (m.reject) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  if (r.logs(LogLevel.Debug)) {
    r.debug(
      `${hex(r.id)} snapshot ${m.reject ? "failed" : "succeeded"}, resumed sending replication messages to ` +
        `${hex(m.from)} [${progress}]`,
    );
  }
  // Wait for the member's acknowledgement, or for the next heartbeat, before the next probe.
  progress.msgAppFlowPaused = true;
}
