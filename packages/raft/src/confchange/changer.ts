import { JointQuorum } from "../quorum/joint.ts";
import { Majority } from "../quorum/majority.ts";
import { Inflights } from "../tracker/inflights.ts";
import { Progress } from "../tracker/progress.ts";
import type { ProgressMap, ProgressTracker } from "../tracker/tracker.ts";
import type { TrackerConfig } from "../tracker/tracker-config.ts";
import { type ConfChangeSingle, ConfChangeType, NONE, type NodeId } from "../types.ts";
import { checkInvariants, invalid } from "./invariants.ts";

/** A configuration and the progress that belongs to it: what a change results in. */
export interface ChangeResult {
  readonly config: TrackerConfig;
  readonly progress: ProgressMap;
}

/** The same, while it is being worked on. */
interface Draft {
  incoming: Majority;
  outgoing: Majority;
  learners: Set<NodeId>;
  learnersNext: Set<NodeId>;
  autoLeave: boolean;
  progress: Map<NodeId, Progress>;
}

/**
 * Computes what conf changes do to `tracker`, without touching it. `lastIndex` is where new members start to be
 * probed. Every operation throws INVALID_CONF_CHANGE when it is not allowed.
 */
export class Changer {
  readonly #tracker: ProgressTracker;
  readonly #lastIndex: number;

  constructor(tracker: ProgressTracker, lastIndex: number) {
    this.#tracker = tracker;
    this.#lastIndex = lastIndex;
  }

  /** A change of at most one voter, in one step: old and new majorities always overlap (thesis 4.2.1). */
  simple(changes: readonly ConfChangeSingle[]): ChangeResult {
    const draft = this.#draft();
    if (draft.outgoing.size > 0) throw invalid("can't apply simple config change in joint config");
    const before = draft.incoming;
    this.#apply(draft, changes);
    if (differences(before, draft.incoming) > 1) {
      throw invalid("more than one voter changed without entering joint config");
    }
    return finish(draft);
  }

  /** The voters of now become the outgoing half, `changes` make the incoming one (thesis 4.3). */
  enterJoint(autoLeave: boolean, changes: readonly ConfChangeSingle[]): ChangeResult {
    const draft = this.#draft();
    if (draft.outgoing.size > 0) throw invalid("config is already joint");
    if (draft.incoming.size === 0) throw invalid("can't make a zero-voter config joint");
    draft.outgoing = draft.incoming;
    this.#apply(draft, changes);
    draft.autoLeave = autoLeave;
    return finish(draft);
  }

  /** The incoming half alone decides from now on. */
  leaveJoint(): ChangeResult {
    const draft = this.#draft();
    if (draft.outgoing.size === 0) throw invalid("can't leave a non-joint config");
    for (const id of draft.learnersNext) {
      draft.learners.add(id);
      draft.progress.get(id)!.isLearner = true;
    }
    draft.learnersNext.clear();
    for (const id of draft.outgoing.ids) {
      if (!draft.incoming.has(id) && !draft.learners.has(id)) draft.progress.delete(id);
    }
    draft.outgoing = Majority.EMPTY;
    draft.autoLeave = false;
    return finish(draft);
  }

  #draft(): Draft {
    const { config, progress } = this.#tracker;
    checkInvariants(config, progress);
    return {
      incoming: config.voters.incoming,
      outgoing: config.voters.outgoing,
      learners: new Set(config.learners),
      learnersNext: new Set(config.learnersNext),
      autoLeave: config.autoLeave,
      // A change touches isLearner only, and on error the originals must stay as they are.
      progress: new Map([...progress].map(([id, each]) => [id, each.clone()])),
    };
  }

  #apply(draft: Draft, changes: readonly ConfChangeSingle[]): void {
    for (const { type, nodeId } of changes) {
      // An application replaces a change it will not have by one of node 0.
      if (nodeId === NONE) continue;
      switch (type) {
        case ConfChangeType.ConfChangeAddNode:
          this.#makeVoter(draft, nodeId);
          break;
        case ConfChangeType.ConfChangeAddLearnerNode:
          this.#makeLearner(draft, nodeId);
          break;
        case ConfChangeType.ConfChangeRemoveNode:
          remove(draft, nodeId);
          break;
        case ConfChangeType.ConfChangeUpdateNode:
          break;
        default:
          throw invalid(`unexpected conf type ${type as number}`);
      }
    }
    if (draft.incoming.size === 0) throw invalid("removed all voters");
  }

  #makeVoter(draft: Draft, id: NodeId): void {
    const progress = draft.progress.get(id);
    if (progress === undefined) {
      this.#add(draft, id, false);
    } else {
      progress.isLearner = false;
      draft.learners.delete(id);
      draft.learnersNext.delete(id);
    }
    draft.incoming = draft.incoming.with(id);
  }

  #makeLearner(draft: Draft, id: NodeId): void {
    const progress = draft.progress.get(id);
    if (progress === undefined) {
      this.#add(draft, id, true);
      draft.learners.add(id);
      return;
    }
    if (progress.isLearner) return;
    // A demoted voter keeps its progress: it has the log already.
    draft.incoming = draft.incoming.without(id);
    draft.learnersNext.delete(id);
    if (draft.outgoing.has(id)) {
      draft.learnersNext.add(id);
    } else {
      progress.isLearner = true;
      draft.learners.add(id);
    }
  }

  #add(draft: Draft, id: NodeId, isLearner: boolean): void {
    const { maxInflight, maxInflightBytes } = this.#tracker;
    const inflights = new Inflights(maxInflight, maxInflightBytes);
    // Next may well be too high: a new member refuses the first probe and says where its log ends.
    const progress = new Progress(id, 0, Math.max(this.#lastIndex, 1), inflights, isLearner);
    // Without this, CheckQuorum could depose a leader before the new member had a chance to answer.
    progress.recentActive = true;
    draft.progress.set(id, progress);
  }
}

function remove(draft: Draft, id: NodeId): void {
  if (!draft.progress.has(id)) return;
  draft.incoming = draft.incoming.without(id);
  draft.learners.delete(id);
  draft.learnersNext.delete(id);
  // An outgoing voter still votes, so its progress still counts.
  if (!draft.outgoing.has(id)) draft.progress.delete(id);
}

function finish(draft: Draft): ChangeResult {
  const config: TrackerConfig = Object.freeze({
    voters: new JointQuorum(draft.incoming, draft.outgoing),
    learners: draft.learners,
    learnersNext: draft.learnersNext,
    autoLeave: draft.autoLeave,
  });
  checkInvariants(config, draft.progress);
  return { config, progress: draft.progress };
}

/** How many voters are in one of the two but not in both. */
function differences(a: Majority, b: Majority): number {
  const missingFrom = (x: Majority, y: Majority) => y.ids.filter((id) => !x.has(id)).length;
  return missingFrom(a, b) + missingFrom(b, a);
}
