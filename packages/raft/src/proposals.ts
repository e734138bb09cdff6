import { assert } from "./assert.ts";
import { confChangeV2Of } from "./confchange/codec.ts";
import { asV2 } from "./confchange/conf-change.ts";
import { describeConfChange } from "./format/describe.ts";
import { hex } from "./format/hex.ts";
import { LogLevel } from "./logger.ts";
import { newMessage } from "./message.ts";
import type { Raft } from "./raft.ts";
import { bcastAppend } from "./replication.ts";
import { send } from "./send.ts";
import { payloadsSize } from "./size.ts";
import { describeConfig } from "./tracker/tracker-config.ts";
import {
  type Entry,
  EntryType,
  type LogIndex,
  MessageType,
  NO_DATA,
  NONE,
  type Snapshot,
  StateType,
} from "./types.ts";

/**
 * Leader: takes `entries`, of which only type and data are set, into its log and sends them out. Takes ownership of
 * them. False when they are dropped as a whole.
 */
export function proposeEntries(r: Raft, entries: Entry[]): boolean {
  assert(entries.length > 0, "stepped empty MsgProp");
  // Removed from the configuration while leading: nobody would count its log.
  if (r.tracker.get(r.id) === undefined) return false;
  if (r.leadTransferee !== NONE) {
    if (r.logs(LogLevel.Debug)) {
      r.debug(
        `${hex(r.id)} [term ${r.term}] transfer leadership to ${hex(r.leadTransferee)} is in progress; dropping proposal`,
      );
    }
    return false;
  }
  for (let i = 0; i < entries.length; i++) {
    if (entries[i]!.type !== EntryType.EntryNormal) admitConfChange(r, entries, i);
  }
  if (!appendEntries(r, entries)) return false;
  bcastAppend(r);
  return true;
}

/**
 * Lets `entries[i]` pass, or puts an empty entry in its place: a change that meets another one, or that does not fit
 * the configuration, would panic every member when it is applied.
 */
function admitConfChange(r: Raft, entries: Entry[], i: number): void {
  const change = confChangeV2Of(entries[i]!);
  assert(change !== undefined, "not a conf change");
  const isJoint = r.tracker.config.voters.isJoint();
  const wantsLeaveJoint = asV2(change).changes.length === 0;
  let refusal = "";
  if (r.pendingConfIndex > r.log.applied) {
    refusal = `possible unapplied conf change at index ${r.pendingConfIndex} (applied to ${r.log.applied})`;
  } else if (isJoint && !wantsLeaveJoint) {
    refusal = "must transition out of joint config first";
  } else if (!isJoint && wantsLeaveJoint) {
    refusal = "not in joint state; refusing empty conf change";
  }
  if (refusal === "" || r.config.disableConfChangeValidation) {
    r.pendingConfIndex = r.log.lastIndex() + i + 1;
    return;
  }
  if (r.logs(LogLevel.Info)) {
    const config = describeConfig(r.tracker.config);
    r.info(`${hex(r.id)} ignoring conf change ${describeConfChange(change)} at config ${config}: ${refusal}`);
  }
  entries[i] = { type: EntryType.EntryNormal, term: 0, index: 0, data: NO_DATA, typeIsExplicit: true };
}

/** Leader: gives `entries` their place at the end of the log. False when the uncommitted tail is too large. */
export function appendEntries(r: Raft, entries: readonly Entry[]): boolean {
  let index = r.log.lastIndex();
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    entry.term = r.term;
    entry.index = ++index;
  }
  if (!increaseUncommittedSize(r, payloadsSize(entries))) {
    if (r.logs(LogLevel.Warn)) {
      r.warn(
        `${hex(r.id)} appending new entries to log would exceed uncommitted entry size limit; dropping proposal`,
      );
    }
    return false;
  }
  // The own log counts towards the quorum when it is durable, like everybody's: that is when this message comes back.
  const ack = newMessage(MessageType.MsgAppResp, r.id);
  ack.index = r.log.append(entries);
  send(r, ack);
  return true;
}

/** An empty payload always passes, and so does anything when the tail is empty: else it could never be proposed. */
function increaseUncommittedSize(r: Raft, bytes: number): boolean {
  const size = r.uncommittedSize + bytes;
  if (r.uncommittedSize > 0 && bytes > 0 && size > r.config.maxUncommittedEntriesSize) return false;
  r.uncommittedSize = size;
  return true;
}

export function reduceUncommittedSize(r: Raft, bytes: number): void {
  // Entries of before the election were never added, so this may be more than there is.
  r.uncommittedSize = Math.max(0, r.uncommittedSize - bytes);
}

/** The application has applied everything up to `index`, the last `bytes` (encoded) of it just now. */
export function appliedTo(r: Raft, index: LogIndex, bytes: number): void {
  const applied = Math.max(index, r.log.applied);
  r.log.appliedTo(applied, bytes);
  const { config } = r.tracker;
  if (!config.autoLeave || applied < r.pendingConfIndex || r.state !== StateType.StateLeader) return;
  if (proposeEntries(r, [{ type: EntryType.EntryConfChangeV2, term: 0, index: 0, data: NO_DATA }])) {
    if (r.logs(LogLevel.Info)) {
      r.info(`initiating automatic transition out of joint configuration ${describeConfig(config)}`);
    }
  } else if (r.logs(LogLevel.Debug)) {
    // Tried again when the next entries are applied.
    r.debug(
      `not initiating automatic transition out of joint configuration ${describeConfig(config)}: raft proposal dropped`,
    );
  }
}

/** `snapshot` is durable, and the application has it. */
export function appliedSnapshot(r: Raft, snapshot: Snapshot): void {
  const { index } = snapshot.metadata;
  r.log.unstable.stableSnapshotTo(index);
  appliedTo(r, index, 0);
}
