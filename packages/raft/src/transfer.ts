import { hex } from "./format/hex.ts";
import { LogLevel } from "./logger.ts";
import { newMessage } from "./message.ts";
import type { Raft } from "./raft.ts";
import { sendAppend } from "./replication.ts";
import { send } from "./send.ts";
import type { Progress } from "./tracker/progress.ts";
import { MessageType, NONE, type NodeId } from "./types.ts";

/** Leader: hands over to `transferee` as soon as its log is complete (thesis 3.10). */
export function startLeaderTransfer(r: Raft, transferee: Progress): void {
  const to = transferee.id;
  if (transferee.isLearner) {
    if (r.logs(LogLevel.Debug)) r.debug(`${hex(r.id)} is learner. Ignored transferring leadership`);
    return;
  }
  const previous = r.leadTransferee;
  if (previous !== NONE) {
    if (previous === to) {
      if (r.logs(LogLevel.Info)) {
        r.info(
          `${hex(r.id)} [term ${r.term}] transfer leadership to ${hex(to)} is in progress, ignores request ` +
            `to same node ${hex(to)}`,
        );
      }
      return;
    }
    abortLeaderTransfer(r);
    if (r.logs(LogLevel.Info)) {
      r.info(`${hex(r.id)} [term ${r.term}] abort previous transferring leadership to ${hex(previous)}`);
    }
  }
  if (to === r.id) {
    if (r.logs(LogLevel.Debug)) {
      r.debug(`${hex(r.id)} is already leader. Ignored transferring leadership to self`);
    }
    return;
  }
  if (r.logs(LogLevel.Info)) {
    r.info(`${hex(r.id)} [term ${r.term}] starts to transfer leadership to ${hex(to)}`);
  }
  // It has one election timeout; then the leader takes proposals again.
  r.electionElapsed = 0;
  r.leadTransferee = to;
  if (transferee.match === r.log.lastIndex()) {
    sendTimeoutNow(r, to);
    if (r.logs(LogLevel.Info)) {
      r.info(
        `${hex(r.id)} sends MsgTimeoutNow to ${hex(to)} immediately as ${hex(to)} already has up-to-date log`,
      );
    }
  } else {
    sendAppend(r, transferee);
  }
}

/** Leader: tells `to` to campaign now. */
export function sendTimeoutNow(r: Raft, to: NodeId): void {
  send(r, newMessage(MessageType.MsgTimeoutNow, to));
}

export function abortLeaderTransfer(r: Raft): void {
  r.leadTransferee = NONE;
}
