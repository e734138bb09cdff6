import { panic } from "./assert.ts";
import { type ChangeResult, Changer } from "./confchange/changer.ts";
import { type AnyConfChange, asV2, changeKind } from "./confchange/conf-change.ts";
import { hex } from "./format/hex.ts";
import { LogLevel } from "./logger.ts";
import type { Raft } from "./raft.ts";
import { bcastAppend, maybeCommit, maybeSendAppend } from "./replication.ts";
import { becomeFollower } from "./roles/transitions.ts";
import { describeConfig, toConfState } from "./tracker/tracker-config.ts";
import { abortLeaderTransfer } from "./transfer.ts";
import { type ConfState, NONE, StateType } from "./types.ts";

/** A committed change takes effect. Panics when it cannot: all members would have to agree on what to do instead. */
export function applyConfChange(r: Raft, change: AnyConfChange): ConfState {
  const v2 = asV2(change);
  const changer = new Changer(r.tracker, r.log.lastIndex());
  let result: ChangeResult;
  try {
    switch (changeKind(v2)) {
      case "leave-joint":
        result = changer.leaveJoint();
        break;
      case "simple":
        result = changer.simple(v2.changes);
        break;
      case "enter-joint":
        result = changer.enterJoint(false, v2.changes);
        break;
      case "enter-joint-autoleave":
        result = changer.enterJoint(true, v2.changes);
        break;
    }
  } catch (error) {
    return panic(r.logger, error instanceof Error ? error.message : String(error));
  }
  return switchToConfig(r, result);
}

/** Makes `next` the configuration in force, and does what follows from it. */
export function switchToConfig(r: Raft, next: ChangeResult): ConfState {
  r.tracker.replace(next.config, next.progress);
  if (r.logs(LogLevel.Info)) {
    r.info(`${hex(r.id)} switched to configuration ${describeConfig(next.config)}`);
  }
  const confState = toConfState(next.config);
  const own = r.tracker.get(r.id);
  r.isLearner = own?.isLearner ?? false;
  if (r.state !== StateType.StateLeader) return confState;
  if (own === undefined || r.isLearner) {
    // Removed or demoted. Leading on is safe, because its own log counts no more; the application may prefer not to.
    if (r.config.stepDownOnRemoval) becomeFollower(r, r.term, NONE);
    return confState;
  }
  if (confState.voters.length === 0) return confState;
  if (maybeCommit(r)) {
    // A smaller quorum may have had it all along.
    bcastAppend(r);
  } else {
    for (const progress of r.tracker.ordered) {
      if (progress.id !== r.id) maybeSendAppend(r, progress, false);
    }
  }
  if (r.leadTransferee !== NONE && !next.config.voters.has(r.leadTransferee)) abortLeaderTransfer(r);
  return confState;
}
