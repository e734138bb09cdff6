import { hex } from "./format/hex.ts";
import { messageTypeName } from "./format/names.ts";
import { LogLevel } from "./logger.ts";
import { newMessage } from "./message.ts";
import type { Raft } from "./raft.ts";
import { becomeCandidate, becomePreCandidate } from "./roles/transitions.ts";
import { send } from "./send.ts";
import { EntryType, type Message, MessageType, NONE, StateType } from "./types.ts";

export const CampaignKind = {
  /** Ask whether an election could be won, without disturbing anybody (thesis 9.6). */
  PreElection: 0,
  Election: 1,
  /** The leader asked for it, so leases do not protect it. */
  Transfer: 2,
} as const;
export type CampaignKind = (typeof CampaignKind)[keyof typeof CampaignKind];

/** The context of vote requests that the old leader itself has caused. */
const CAMPAIGN_TRANSFER = new TextEncoder().encode("CampaignTransfer");

export function isCampaignTransfer(m: Message): boolean {
  const context = m.context;
  return (
    context !== undefined &&
    context.length === CAMPAIGN_TRANSFER.length &&
    CAMPAIGN_TRANSFER.every((byte, i) => byte === context[i])
  );
}

/** True while a leader that was heard from must be in office: no other may have been elected. */
export function hasLease(r: Raft): boolean {
  return r.config.checkQuorum && r.lead !== NONE && r.electionElapsed < r.config.electionTick;
}

/** Starts an election, if this member may. */
export function hup(r: Raft, kind: CampaignKind): void {
  if (r.state === StateType.StateLeader) {
    if (r.logs(LogLevel.Debug)) r.debug(`${hex(r.id)} ignoring MsgHup because already leader`);
    return;
  }
  if (!r.promotable()) {
    if (r.logs(LogLevel.Warn)) r.warn(`${hex(r.id)} is unpromotable and can not campaign`);
    return;
  }
  if (hasUnappliedConfChanges(r)) {
    // The quorum to be asked would be one of the past.
    if (r.logs(LogLevel.Warn)) {
      r.warn(
        `${hex(r.id)} cannot campaign at term ${r.term} since there are still pending configuration changes to apply`,
      );
    }
    return;
  }
  if (r.logs(LogLevel.Info)) r.info(`${hex(r.id)} is starting a new election at term ${r.term}`);
  campaign(r, kind);
}

function hasUnappliedConfChanges(r: Raft): boolean {
  const { applied, committed } = r.log;
  if (applied >= committed) return false;
  const isConfChange = (entry: { type: EntryType }) => entry.type !== EntryType.EntryNormal;
  return r.log.some(applied + 1, committed + 1, r.config.maxCommittedSizePerReady, isConfChange);
}

export function campaign(r: Raft, kind: CampaignKind): void {
  let type: MessageType;
  let term: number;
  if (kind === CampaignKind.PreElection) {
    becomePreCandidate(r);
    type = MessageType.MsgPreVote;
    term = r.term + 1; // the term of the election that would follow; nobody enters it yet
  } else {
    becomeCandidate(r);
    type = MessageType.MsgVote;
    term = r.term;
  }
  const lastIndex = r.log.lastIndex();
  const lastTerm = r.log.lastTerm();
  for (const id of r.tracker.config.voters.ids) {
    if (id === r.id) {
      // The own vote counts when it is durable, like everybody's: it comes back as a message.
      const vote = newMessage(responseType(type), id);
      vote.term = term;
      send(r, vote);
      continue;
    }
    if (r.logs(LogLevel.Info)) {
      r.info(
        `${hex(r.id)} [logterm: ${lastTerm}, index: ${lastIndex}] sent ${messageTypeName(type)} request to ` +
          `${hex(id)} at term ${r.term}`,
      );
    }
    const request = newMessage(type, id);
    request.term = term;
    request.index = lastIndex;
    request.logTerm = lastTerm;
    if (kind === CampaignKind.Transfer) request.context = CAMPAIGN_TRANSFER;
    send(r, request);
  }
}

function responseType(request: MessageType): MessageType {
  return request === MessageType.MsgPreVote ? MessageType.MsgPreVoteResp : MessageType.MsgVoteResp;
}

/**
 * Answers a vote or pre-vote request. Learners answer as well: a candidate may know of a promotion that this member
 * has not applied yet, and without its vote the group could be stuck.
 */
export function castVote(r: Raft, m: Message): void {
  const isFree = r.vote === NONE && r.lead === NONE;
  const isPreVoteForFuture = m.type === MessageType.MsgPreVote && m.term > r.term;
  const canVote = r.vote === m.from || isFree || isPreVoteForFuture;
  const grants = canVote && r.log.isUpToDate(m.index, m.logTerm);
  if (r.logs(LogLevel.Info)) {
    const verb = grants ? `cast ${messageTypeName(m.type)} for` : `rejected ${messageTypeName(m.type)} from`;
    r.info(
      `${hex(r.id)} [logterm: ${r.log.lastTerm()}, index: ${r.log.lastIndex()}, vote: ${hex(r.vote)}] ${verb} ` +
        `${hex(m.from)} [logterm: ${m.logTerm}, index: ${m.index}] at term ${r.term}`,
    );
  }
  const answer = newMessage(responseType(m.type), m.from);
  // A granted pre-vote is of the term it was asked for, or the candidate would drop it as old.
  answer.term = grants ? m.term : r.term;
  answer.reject = !grants;
  send(r, answer);
  if (grants && m.type === MessageType.MsgVote) {
    r.electionElapsed = 0;
    r.vote = m.from;
  }
}
