import { CampaignKind, campaign } from "../election.ts";
import { hex } from "../format/hex.ts";
import { messageTypeName, stateName } from "../format/names.ts";
import { LogLevel } from "../logger.ts";
import { VoteResult } from "../quorum/vote-result.ts";
import type { Raft } from "../raft.ts";
import { bcastAppend } from "../replication.ts";
import { type Message, MessageType, NONE, StateType } from "../types.ts";
import { handleAppend, handleHeartbeat, handleSnapshot } from "./from-leader.ts";
import { becomeFollower, becomeLeader } from "./transitions.ts";

/** Candidates and pre-candidates. False when `m` is a proposal that is dropped. */
export function stepCandidate(r: Raft, m: Message): boolean {
  switch (m.type) {
    case MessageType.MsgProp:
      if (r.logs(LogLevel.Info)) r.info(`${hex(r.id)} no leader at term ${r.term}; dropping proposal`);
      return false;
    case MessageType.MsgApp:
      // Its term is the own one, so somebody else has won this election.
      becomeFollower(r, m.term, m.from);
      handleAppend(r, m);
      break;
    case MessageType.MsgHeartbeat:
      becomeFollower(r, m.term, m.from);
      handleHeartbeat(r, m);
      break;
    case MessageType.MsgSnap:
      becomeFollower(r, m.term, m.from);
      handleSnapshot(r, m);
      break;
    case MessageType.MsgVoteResp:
      if (r.state === StateType.StateCandidate) countVote(r, m);
      break;
    case MessageType.MsgPreVoteResp:
      if (r.state === StateType.StatePreCandidate) countVote(r, m);
      break;
    case MessageType.MsgTimeoutNow:
      if (r.logs(LogLevel.Debug)) {
        r.debug(
          `${hex(r.id)} [term ${r.term} state ${stateName(r.state)}] ignored MsgTimeoutNow from ${hex(m.from)}`,
        );
      }
      break;
  }
  return true;
}

function countVote(r: Raft, m: Message): void {
  const type = messageTypeName(m.type);
  if (r.logs(LogLevel.Info)) {
    r.info(
      `${hex(r.id)} received ${type}${m.reject ? " rejection" : ""} from ${hex(m.from)} at term ${r.term}`,
    );
  }
  r.tracker.recordVote(m.from, !m.reject);
  const { granted, rejected, result } = r.tracker.tallyVotes();
  if (r.logs(LogLevel.Info)) {
    r.info(`${hex(r.id)} has received ${granted} ${type} votes and ${rejected} vote rejections`);
  }
  if (result === VoteResult.VoteWon) {
    if (r.state === StateType.StatePreCandidate) {
      campaign(r, CampaignKind.Election);
    } else {
      becomeLeader(r);
      bcastAppend(r);
    }
  } else if (result === VoteResult.VoteLost) {
    // A refusal of a pre-vote is of the voter's term, which is not higher, or it would not have come here.
    becomeFollower(r, r.term, NONE);
  }
}
