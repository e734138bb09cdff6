import { RaftError } from "../errors.ts";
import type { ProgressMap } from "../tracker/tracker.ts";
import type { TrackerConfig } from "../tracker/tracker-config.ts";
import type { NodeId } from "../types.ts";

export function invalid(text: string): RaftError {
  return new RaftError("INVALID_CONF_CHANGE", text);
}

/** What holds of every configuration, whoever made it. Throws INVALID_CONF_CHANGE. */
export function checkInvariants(config: TrackerConfig, progress: ProgressMap): void {
  const { voters, learners, learnersNext, autoLeave } = config;
  for (const ids of [voters.ids, learners, learnersNext] as Iterable<NodeId>[]) {
    for (const id of ids) if (!progress.has(id)) throw invalid(`no progress for ${id}`);
  }
  for (const id of learnersNext) {
    if (!voters.outgoing.has(id)) throw invalid(`${id} is in LearnersNext, but not Voters[1]`);
    if (progress.get(id)!.isLearner) {
      throw invalid(`${id} is in LearnersNext, but is already marked as learner`);
    }
  }
  for (const id of learners) {
    if (voters.outgoing.has(id)) throw invalid(`${id} is in Learners and Voters[1]`);
    if (voters.incoming.has(id)) throw invalid(`${id} is in Learners and Voters[0]`);
    if (!progress.get(id)!.isLearner) throw invalid(`${id} is in Learners, but is not marked as learner`);
  }
  if (!voters.isJoint()) {
    if (learnersNext.size > 0) throw invalid("cfg.LearnersNext must be nil when not joint");
    if (autoLeave) throw invalid("AutoLeave must be false when not joint");
  }
}
