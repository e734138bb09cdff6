import { newMessage } from "./message.ts";
import type { Raft } from "./raft.ts";
import { step } from "./step.ts";
import { abortLeaderTransfer } from "./transfer.ts";
import { type Message, MessageType, NONE, StateType } from "./types.ts";

/** Time passes: one tick of the logical clock. */
export function tick(r: Raft): void {
  if (r.state === StateType.StateLeader) tickLeader(r);
  else tickElection(r);
}

function tickElection(r: Raft): void {
  r.electionElapsed++;
  if (r.electionElapsed >= r.randomizedElectionTimeout && r.promotable()) {
    r.electionElapsed = 0;
    step(r, fromSelf(r, MessageType.MsgHup));
  }
}

function tickLeader(r: Raft): void {
  r.heartbeatElapsed++;
  r.electionElapsed++;
  if (r.electionElapsed >= r.config.electionTick) {
    r.electionElapsed = 0;
    if (r.config.checkQuorum) step(r, fromSelf(r, MessageType.MsgCheckQuorum));
    // Who was to take over has had its time.
    if (r.state === StateType.StateLeader && r.leadTransferee !== NONE) abortLeaderTransfer(r);
  }
  if (r.state !== StateType.StateLeader) return;
  if (r.heartbeatElapsed >= r.config.heartbeatTick) {
    r.heartbeatElapsed = 0;
    step(r, fromSelf(r, MessageType.MsgBeat));
  }
}

function fromSelf(r: Raft, type: MessageType): Message {
  const m = newMessage(type, NONE);
  m.from = r.id;
  return m;
}
