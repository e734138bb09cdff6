import { panic } from "./assert.ts";
import { CampaignKind, castVote, hasLease, hup, isCampaignTransfer } from "./election.ts";
import { hex } from "./format/hex.ts";
import { messageTypeName } from "./format/names.ts";
import { LogLevel } from "./logger.ts";
import { isVoteRequest, newMessage } from "./message.ts";
import { appliedSnapshot, appliedTo, reduceUncommittedSize } from "./proposals.ts";
import type { Raft } from "./raft.ts";
import { stepCandidate } from "./roles/candidate.ts";
import { stepFollower } from "./roles/follower.ts";
import { stepLeader } from "./roles/leader.ts";
import { becomeFollower } from "./roles/transitions.ts";
import { send } from "./send.ts";
import { entriesSize, payloadsSize } from "./size.ts";
import { type Message, MessageType, NONE, StateType } from "./types.ts";

/**
 * The one way in: every message, also those a member sends itself. False when it was a proposal and is dropped,
 * without trace; the proposer may try again.
 */
export function step(r: Raft, m: Message): boolean {
  if (m.term > r.term) {
    if (!meetHigherTerm(r, m)) return true;
  } else if (m.term !== 0 && m.term < r.term) {
    answerLowerTerm(r, m);
    return true;
  }
  switch (m.type) {
    case MessageType.MsgHup:
      hup(r, r.config.preVote ? CampaignKind.PreElection : CampaignKind.Election);
      return true;
    case MessageType.MsgStorageAppendResp:
      if (m.index !== 0) r.log.unstable.stableTo(m.index, m.logTerm);
      if (m.snapshot !== undefined) appliedSnapshot(r, m.snapshot);
      return true;
    case MessageType.MsgStorageApplyResp:
      if (m.entries.length > 0) {
        appliedTo(r, m.entries[m.entries.length - 1]!.index, entriesSize(m.entries));
        reduceUncommittedSize(r, payloadsSize(m.entries));
      }
      return true;
    case MessageType.MsgVote:
    case MessageType.MsgPreVote:
      castVote(r, m);
      return true;
  }
  switch (r.state) {
    case StateType.StateFollower:
      return stepFollower(r, m);
    case StateType.StateLeader:
      return stepLeader(r, m);
    case StateType.StateCandidate:
    case StateType.StatePreCandidate:
      return stepCandidate(r, m);
    default:
      return panic(r.logger, `unknown state ${r.state as number}`);
  }
}

/** False when the message is to be forgotten. */
function meetHigherTerm(r: Raft, m: Message): boolean {
  if (isVoteRequest(m.type) && hasLease(r) && !isCampaignTransfer(m)) {
    // A leader was heard from within an election timeout: a member that cannot hear it may not disturb (thesis 4.2.3).
    if (r.logs(LogLevel.Info)) {
      r.info(
        `${hex(r.id)} [logterm: ${r.log.lastTerm()}, index: ${r.log.lastIndex()}, vote: ${hex(r.vote)}] ignored ` +
          `${messageTypeName(m.type)} from ${hex(m.from)} [logterm: ${m.logTerm}, index: ${m.index}] at term ${r.term}: ` +
          `lease is not expired (remaining ticks: ${r.config.electionTick - r.electionElapsed})`,
      );
    }
    return false;
  }
  // A pre-vote speaks of a term that nobody has entered yet, and so does the answer that grants it. When the answer
  // is a refusal, its term is the voter's own.
  if (m.type === MessageType.MsgPreVote) return true;
  if (m.type === MessageType.MsgPreVoteResp && !m.reject) return true;
  if (r.logs(LogLevel.Info)) {
    r.info(
      `${hex(r.id)} [term: ${r.term}] received a ${messageTypeName(m.type)} message with higher term from ` +
        `${hex(m.from)} [term: ${m.term}]`,
    );
  }
  const isFromLeader =
    m.type === MessageType.MsgApp || m.type === MessageType.MsgHeartbeat || m.type === MessageType.MsgSnap;
  becomeFollower(r, m.term, isFromLeader ? m.from : NONE);
  return true;
}

function answerLowerTerm(r: Raft, m: Message): void {
  const isFromLeader = m.type === MessageType.MsgHeartbeat || m.type === MessageType.MsgApp;
  if ((r.config.checkQuorum || r.config.preVote) && isFromLeader) {
    // With leases or pre-votes a member whose term ran ahead cannot win an election, because nobody listens to it, and
    // cannot follow, because its term is too high. This answer tells the leader of the term, and so ends it.
    send(r, newMessage(MessageType.MsgAppResp, m.from));
  } else if (m.type === MessageType.MsgPreVote) {
    // Without an answer two candidates could wait for each other, one with the term and one with the log.
    if (r.logs(LogLevel.Info)) {
      r.info(
        `${hex(r.id)} [logterm: ${r.log.lastTerm()}, index: ${r.log.lastIndex()}, vote: ${hex(r.vote)}] rejected ` +
          `${messageTypeName(m.type)} from ${hex(m.from)} [logterm: ${m.logTerm}, index: ${m.index}] at term ${r.term}`,
      );
    }
    const refusal = newMessage(MessageType.MsgPreVoteResp, m.from);
    refusal.term = r.term;
    refusal.reject = true;
    send(r, refusal);
  } else if (m.type === MessageType.MsgStorageAppendResp) {
    // A write of an older term may since be overwritten by one that is still in the queue (see README.md, "Storage
    // threads"). A snapshot cannot: nothing but a newer snapshot replaces it.
    if (m.index !== 0 && r.logs(LogLevel.Info)) {
      r.info(
        `${hex(r.id)} [term: ${r.term}] ignored entry appends from a ${messageTypeName(m.type)} message ` +
          `with lower term [term: ${m.term}]`,
      );
    }
    if (m.snapshot !== undefined) appliedSnapshot(r, m.snapshot);
  } else if (r.logs(LogLevel.Info)) {
    r.info(
      `${hex(r.id)} [term: ${r.term}] ignored a ${messageTypeName(m.type)} message with lower term from ` +
        `${hex(m.from)} [term: ${m.term}]`,
    );
  }
}
