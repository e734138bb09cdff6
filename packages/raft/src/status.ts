import { hex } from "./format/hex.ts";
import { stateName } from "./format/names.ts";
import type { Raft } from "./raft.ts";
import { PROGRESS_STATE_NAMES, type Progress } from "./tracker/progress.ts";
import { describeConfig, toConfState } from "./tracker/tracker-config.ts";
import {
  type ConfState,
  type HardState,
  type LogIndex,
  type NodeId,
  type SoftState,
  StateType,
} from "./types.ts";

/** What costs nothing to know. */
export interface BasicStatus {
  readonly id: NodeId;
  readonly hardState: HardState;
  readonly softState: SoftState;
  readonly applied: LogIndex;
  readonly lastIndex: LogIndex;
  readonly leadTransferee: NodeId;
  readonly isLearner: boolean;
}

export interface Status extends BasicStatus {
  readonly confState: ConfState;
  /** `voters=(1 2 3) learners=(4)`. */
  readonly config: string;
  /** Copies, ascending by id; empty on everybody but the leader. */
  readonly progress: ReadonlyMap<NodeId, Progress>;
}

export function basicStatus(r: Raft): BasicStatus {
  return {
    id: r.id,
    hardState: r.hardState(),
    softState: r.softState(),
    applied: r.log.applied,
    lastIndex: r.log.lastIndex(),
    leadTransferee: r.leadTransferee,
    isLearner: r.isLearner,
  };
}

export function status(r: Raft): Status {
  const progress = r.state === StateType.StateLeader ? r.tracker.ordered : [];
  return {
    ...basicStatus(r),
    confState: toConfState(r.tracker.config),
    config: describeConfig(r.tracker.config),
    progress: new Map(progress.map((each) => [each.id, each.clone()])),
  };
}

/** As etcd prints it. */
export function statusToJson(s: Status): string {
  const progress = [...s.progress.values()].map(
    ({ id, match, next, state }) =>
      `"${hex(id)}":{"match":${match},"next":${next},"state":"${PROGRESS_STATE_NAMES[state]}"}`,
  );
  const { term, vote, commit } = s.hardState;
  const { lead, raftState } = s.softState;
  return (
    `{"id":"${hex(s.id)}","term":${term},"vote":"${hex(vote)}","commit":${commit},"lead":"${hex(lead)}",` +
    `"raftState":"${stateName(raftState)}","applied":${s.applied},"progress":{${progress.join(",")}},` +
    `"leadtransferee":"${hex(s.leadTransferee)}"}`
  );
}
