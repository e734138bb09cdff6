import { assert } from "../assert.ts";
import { confStatesEqual, restoreConfig } from "../confchange/restore.ts";
import { protoTextOf } from "../format/describe.ts";
import { hex } from "../format/hex.ts";
import { LogLevel } from "../logger.ts";
import { switchToConfig } from "../membership.ts";
import { newMessage } from "../message.ts";
import type { Raft } from "../raft.ts";
import { send } from "../send.ts";
import {
  emptyConfState,
  type Message,
  MessageType,
  NO_DATA,
  NONE,
  type Snapshot,
  StateType,
} from "../types.ts";
import { becomeFollower } from "./transitions.ts";

/** Follower: what a leader's messages do to its log. */
export function handleAppend(r: Raft, m: Message): void {
  const answer = newMessage(MessageType.MsgAppResp, m.from);
  if (m.index < r.log.committed) {
    // A late message; what it holds is committed, so the log has it.
    answer.index = r.log.committed;
  } else if (r.log.maybeAppend(m.index, m.logTerm, m.entries, m.commit)) {
    answer.index = m.index + m.entries.length;
  } else {
    if (r.logs(LogLevel.Debug)) {
      r.debug(
        `${hex(r.id)} [logterm: ${r.log.termOrZero(m.index)}, index: ${m.index}] rejected MsgApp ` +
          `[logterm: ${m.logTerm}, index: ${m.index}] from ${hex(m.from)}`,
      );
    }
    // Entries of higher terms than the leader's at that place cannot match, so the hint skips them all at once.
    const hint = r.log.findConflictByTerm(Math.min(m.index, r.log.lastIndex()), m.logTerm);
    answer.index = m.index;
    answer.reject = true;
    answer.rejectHint = hint.index;
    answer.logTerm = hint.term;
  }
  send(r, answer);
}

export function handleHeartbeat(r: Raft, m: Message): void {
  r.log.commitTo(m.commit);
  const answer = newMessage(MessageType.MsgHeartbeatResp, m.from);
  answer.context = m.context;
  send(r, answer);
}

export function handleSnapshot(r: Raft, m: Message): void {
  const snapshot = m.snapshot ?? {
    data: NO_DATA,
    metadata: { confState: emptyConfState(), index: 0, term: 0 },
  };
  const { index, term } = snapshot.metadata;
  const restored = restore(r, snapshot);
  if (r.logs(LogLevel.Info)) {
    r.info(
      `${hex(r.id)} [commit: ${r.log.committed}] ${restored ? "restored" : "ignored"} snapshot ` +
        `[index: ${index}, term: ${term}]`,
    );
  }
  const answer = newMessage(MessageType.MsgAppResp, m.from);
  answer.index = restored ? r.log.lastIndex() : r.log.committed;
  send(r, answer);
}

/** Replaces log and configuration by `snapshot`, unless there is no need or no right to. */
function restore(r: Raft, snapshot: Snapshot): boolean {
  const { index, term, confState } = snapshot.metadata;
  if (index <= r.log.committed) return false;
  if (r.state !== StateType.StateFollower) {
    if (r.logs(LogLevel.Warn)) {
      r.warn(`${hex(r.id)} attempted to restore snapshot as leader; should never happen`);
    }
    becomeFollower(r, r.term + 1, NONE);
    return false;
  }
  const isMember = [confState.voters, confState.learners, confState.votersOutgoing].some((ids) =>
    ids.includes(r.id),
  );
  if (!isMember) {
    if (r.logs(LogLevel.Warn)) {
      r.warn(
        `${hex(r.id)} attempted to restore snapshot but it is not in the ConfState ${protoTextOf(confState)}; ` +
          "should never happen",
      );
    }
    return false;
  }
  if (r.log.matchTerm(index, term)) {
    // The log has all of it already; it was just not known to be committed.
    if (r.logs(LogLevel.Info)) {
      r.info(
        `${hex(r.id)} [commit: ${r.log.committed}, lastindex: ${r.log.lastIndex()}, lastterm: ${r.log.lastTerm()}] ` +
          `fast-forwarded commit to snapshot [index: ${index}, term: ${term}]`,
      );
    }
    r.log.commitTo(index);
    return false;
  }
  r.log.restore(snapshot);
  r.tracker.resetVotes();
  const actual = switchToConfig(r, restoreConfig(r.tracker, confState, r.log.lastIndex()));
  assert(confStatesEqual(confState, actual), "the configuration of a snapshot was not restored as it is");
  if (r.logs(LogLevel.Info)) {
    r.info(
      `${hex(r.id)} [commit: ${r.log.committed}, lastindex: ${r.log.lastIndex()}, lastterm: ${r.log.lastTerm()}] ` +
        `restored snapshot [index: ${index}, term: ${term}]`,
    );
  }
  return true;
}
