import { ReadOnlyOption } from "../config.ts";
import { CampaignKind, hup } from "../election.ts";
import { hex } from "../format/hex.ts";
import { LogLevel } from "../logger.ts";
import type { Raft } from "../raft.ts";
import { send } from "../send.ts";
import { type Message, MessageType, NONE } from "../types.ts";
import { handleAppend, handleHeartbeat, handleSnapshot } from "./from-leader.ts";

/** False when `m` is a proposal that is dropped. */
export function stepFollower(r: Raft, m: Message): boolean {
  switch (m.type) {
    case MessageType.MsgProp:
      return forwardProposal(r, m);
    case MessageType.MsgApp:
      hearLeader(r, m);
      handleAppend(r, m);
      break;
    case MessageType.MsgHeartbeat:
      hearLeader(r, m);
      handleHeartbeat(r, m);
      break;
    case MessageType.MsgSnap:
      hearLeader(r, m);
      handleSnapshot(r, m);
      break;
    case MessageType.MsgTransferLeader:
      forward(r, m, "leader transfer msg");
      break;
    case MessageType.MsgReadIndex:
      forward(r, m, "index reading msg");
      break;
    case MessageType.MsgForgetLeader:
      forgetLeader(r);
      break;
    case MessageType.MsgTimeoutNow:
      if (r.logs(LogLevel.Info)) {
        r.info(
          `${hex(r.id)} [term ${r.term}] received MsgTimeoutNow from ${hex(m.from)} and starts an election ` +
            "to get leadership.",
        );
      }
      // Never a pre-vote: the leader wants this, so there is nobody to disturb.
      hup(r, CampaignKind.Transfer);
      break;
    case MessageType.MsgReadIndexResp:
      receiveReadIndex(r, m);
      break;
  }
  return true;
}

function hearLeader(r: Raft, m: Message): void {
  r.electionElapsed = 0;
  r.lead = m.from;
}

function forwardProposal(r: Raft, m: Message): boolean {
  if (r.lead === NONE) {
    if (r.logs(LogLevel.Info)) r.info(`${hex(r.id)} no leader at term ${r.term}; dropping proposal`);
    return false;
  }
  if (r.config.disableProposalForwarding) {
    if (r.logs(LogLevel.Info)) {
      r.info(`${hex(r.id)} not forwarding to leader ${hex(r.lead)} at term ${r.term}; dropping proposal`);
    }
    return false;
  }
  passOn(r, m);
  return true;
}

function forward(r: Raft, m: Message, what: string): void {
  if (r.lead === NONE) {
    if (r.logs(LogLevel.Info)) r.info(`${hex(r.id)} no leader at term ${r.term}; dropping ${what}`);
    return;
  }
  passOn(r, m);
}

/** The message stays the caller's. Its origin goes along; its term, if a confused member set one, does not. */
function passOn(r: Raft, m: Message): void {
  send(r, { ...m, to: r.lead, term: 0 });
}

/** The application knows better: with no leader known, this member may vote for another at once. */
function forgetLeader(r: Raft): void {
  if (r.config.readOnlyOption === ReadOnlyOption.ReadOnlyLeaseBased) {
    if (r.logs(LogLevel.Error)) r.error("ignoring MsgForgetLeader due to ReadOnlyLeaseBased");
    return;
  }
  if (r.lead === NONE) return;
  if (r.logs(LogLevel.Info)) r.info(`${hex(r.id)} forgetting leader ${hex(r.lead)} at term ${r.term}`);
  r.lead = NONE;
}

function receiveReadIndex(r: Raft, m: Message): void {
  if (m.entries.length !== 1) {
    if (r.logs(LogLevel.Error)) {
      r.error(
        `${hex(r.id)} invalid format of MsgReadIndexResp from ${hex(m.from)}, entries count: ${m.entries.length}`,
      );
    }
    return;
  }
  r.readStates.push({ index: m.index, requestContext: m.entries[0]!.data });
}
