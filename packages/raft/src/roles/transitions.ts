import { assert } from "../assert.ts";
import { hex } from "../format/hex.ts";
import { LogLevel } from "../logger.ts";
import { appendEntries } from "../proposals.ts";
import type { Raft } from "../raft.ts";
import { Inflights } from "../tracker/inflights.ts";
import { Progress } from "../tracker/progress.ts";
import { EntryType, NO_DATA, NONE, type NodeId, StateType, type Term } from "../types.ts";

/** Forgets all that belongs to a term or a role. Not the reads that wait for a leader's first commit. */
function reset(r: Raft, term: Term): void {
  assert(term >= r.term, "terms never go down");
  if (r.term !== term) {
    r.term = term;
    r.vote = NONE;
  }
  r.lead = NONE;
  r.electionElapsed = 0;
  r.heartbeatElapsed = 0;
  r.randomizedElectionTimeout = r.config.electionTick + r.config.random.below(r.config.electionTick);
  r.leadTransferee = NONE;
  r.pendingConfIndex = 0;
  r.uncommittedSize = 0;
  r.readOnly.reset();
  r.tracker.resetVotes();
  resetProgress(r);
}

function resetProgress(r: Raft): void {
  const { tracker } = r;
  const lastIndex = r.log.lastIndex();
  const fresh = new Map<NodeId, Progress>();
  for (const old of tracker.ordered) {
    const match = old.id === r.id ? lastIndex : 0;
    const inflights = new Inflights(tracker.maxInflight, tracker.maxInflightBytes);
    fresh.set(old.id, new Progress(old.id, match, lastIndex + 1, inflights, old.isLearner));
  }
  tracker.replace(tracker.config, fresh);
}

export function becomeFollower(r: Raft, term: Term, lead: NodeId): void {
  reset(r, term);
  r.lead = lead;
  r.state = StateType.StateFollower;
  if (r.logs(LogLevel.Info)) r.info(`${hex(r.id)} became follower at term ${r.term}`);
}

export function becomeCandidate(r: Raft): void {
  assert(r.state !== StateType.StateLeader, "invalid transition [leader -> candidate]");
  reset(r, r.term + 1);
  r.vote = r.id;
  r.state = StateType.StateCandidate;
  if (r.logs(LogLevel.Info)) r.info(`${hex(r.id)} became candidate at term ${r.term}`);
}

/** Asking for pre-votes changes neither term nor vote nor timers: if it fails, nothing has happened. */
export function becomePreCandidate(r: Raft): void {
  assert(r.state !== StateType.StateLeader, "invalid transition [leader -> pre-candidate]");
  r.tracker.resetVotes();
  r.lead = NONE;
  r.state = StateType.StatePreCandidate;
  if (r.logs(LogLevel.Info)) r.info(`${hex(r.id)} became pre-candidate at term ${r.term}`);
}

export function becomeLeader(r: Raft): void {
  assert(r.state !== StateType.StateFollower, "invalid transition [follower -> leader]");
  reset(r, r.term);
  r.lead = r.id;
  r.state = StateType.StateLeader;
  const own = r.tracker.get(r.id);
  assert(own !== undefined, "a leader has progress of its own");
  own.becomeReplicate();
  own.recentActive = true;
  // There may be a conf change among the entries inherited from older terms; looking for it costs more than waiting.
  r.pendingConfIndex = r.log.lastIndex();
  // Entries of older terms are committed by this one (thesis 3.6.2).
  const accepted = appendEntries(r, [{ type: EntryType.EntryNormal, term: 0, index: 0, data: NO_DATA }]);
  assert(accepted, "empty entry was dropped");
  if (r.logs(LogLevel.Info)) r.info(`${hex(r.id)} became leader at term ${r.term}`);
}
