import { compareIds } from "../quorum/majority.ts";
import { ProgressTracker } from "../tracker/tracker.ts";
import {
  type ConfChangeSingle,
  ConfChangeType,
  type ConfState,
  type LogIndex,
  type NodeId,
} from "../types.ts";
import { type ChangeResult, Changer } from "./changer.ts";

/**
 * Rebuilds the configuration that `state` records, by making the changes that lead to it: only what can be reached can
 * be restored. New members are probed from `lastIndex`. Throws INVALID_CONF_CHANGE when `state` makes no sense.
 */
export function restoreConfig(
  limits: { maxInflight: number; maxInflightBytes: number },
  state: ConfState,
  lastIndex: LogIndex,
): ChangeResult {
  const tracker = new ProgressTracker(limits.maxInflight, limits.maxInflightBytes);
  const step = (change: (changer: Changer) => ChangeResult) => {
    const { config, progress } = change(new Changer(tracker, lastIndex));
    tracker.replace(config, progress);
  };
  const { ConfChangeAddNode, ConfChangeRemoveNode, ConfChangeAddLearnerNode } = ConfChangeType;
  const incoming = [
    ...all(ConfChangeAddNode, state.voters),
    ...all(ConfChangeAddLearnerNode, state.learners),
    // In the joint case these are voters of the outgoing half, so this puts them where they belong.
    ...all(ConfChangeAddLearnerNode, state.learnersNext),
  ];
  if (state.votersOutgoing.length === 0) {
    for (const single of incoming) step((changer) => changer.simple([single]));
  } else {
    for (const single of all(ConfChangeAddNode, state.votersOutgoing)) {
      step((changer) => changer.simple([single]));
    }
    const removeAll = all(ConfChangeRemoveNode, state.votersOutgoing);
    step((changer) => changer.enterJoint(state.autoLeave, [...removeAll, ...incoming]));
  }
  return { config: tracker.config, progress: tracker.progress };
}

function all(type: ConfChangeType, ids: readonly NodeId[]): ConfChangeSingle[] {
  return ids.map((nodeId) => ({ type, nodeId }));
}

/** True when both name the same members, in whatever order. */
export function confStatesEqual(a: ConfState, b: ConfState): boolean {
  return (
    sameIds(a.voters, b.voters) &&
    sameIds(a.learners, b.learners) &&
    sameIds(a.votersOutgoing, b.votersOutgoing) &&
    sameIds(a.learnersNext, b.learnersNext) &&
    a.autoLeave === b.autoLeave
  );
}

function sameIds(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  if (a.length !== b.length) return false;
  const sortedA = a.toSorted(compareIds);
  const sortedB = b.toSorted(compareIds);
  return sortedA.every((id, i) => id === sortedB[i]);
}
