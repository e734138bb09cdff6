import { JointQuorum } from "../quorum/joint.ts";
import { type AckedIndexes, type CastVotes, compareIds, Majority } from "../quorum/majority.ts";
import { VoteResult } from "../quorum/vote-result.ts";
import type { NodeId } from "../types.ts";
import type { Progress } from "./progress.ts";
import type { TrackerConfig } from "./tracker-config.ts";

export type ProgressMap = ReadonlyMap<NodeId, Progress>;

const EMPTY_CONFIG: TrackerConfig = Object.freeze({
  voters: new JointQuorum(Majority.EMPTY, Majority.EMPTY),
  learners: new Set<NodeId>(),
  learnersNext: new Set<NodeId>(),
  autoLeave: false,
});

/** The active configuration, the progress of everybody in it, and the votes of the current election. */
export class ProgressTracker implements AckedIndexes, CastVotes {
  readonly maxInflight: number;
  readonly maxInflightBytes: number;
  #config: TrackerConfig = EMPTY_CONFIG;
  #progress: ProgressMap = new Map();
  /** All progress by ascending id: whatever is done for everybody is done in this order, so that it is repeatable. */
  #ordered: readonly Progress[] = [];
  readonly #votes = new Map<NodeId, boolean>();

  constructor(maxInflight: number, maxInflightBytes: number) {
    this.maxInflight = maxInflight;
    this.maxInflightBytes = maxInflightBytes;
  }

  get config(): TrackerConfig {
    return this.#config;
  }

  get progress(): ProgressMap {
    return this.#progress;
  }

  get ordered(): readonly Progress[] {
    return this.#ordered;
  }

  replace(config: TrackerConfig, progress: ProgressMap): void {
    this.#config = config;
    this.#progress = progress;
    this.#ordered = [...progress.values()].sort((a, b) => compareIds(a.id, b.id));
  }

  get(id: NodeId): Progress | undefined {
    return this.#progress.get(id);
  }

  isSingleton(): boolean {
    return this.#config.voters.isSingleton();
  }

  ackedIndex(id: NodeId): number {
    return this.#progress.get(id)?.match ?? 0;
  }

  /** The largest index that quorums of the configuration have in their logs. */
  committed(): number {
    return this.#config.voters.committedIndex(this);
  }

  /** True when a quorum of voters was heard from since the flags were last cleared. */
  quorumActive(): boolean {
    const recentlyActive: CastVotes = {
      vote: (id) => {
        const progress = this.#progress.get(id);
        return progress === undefined || progress.isLearner ? undefined : progress.recentActive;
      },
    };
    return this.#config.voters.voteResult(recentlyActive) === VoteResult.VoteWon;
  }

  resetVotes(): void {
    this.#votes.clear();
  }

  /** The first answer of each voter counts. */
  recordVote(id: NodeId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  vote(id: NodeId): boolean | undefined {
    return this.#votes.get(id);
  }

  tallyVotes(): { granted: number; rejected: number; result: VoteResult } {
    let granted = 0;
    let rejected = 0;
    for (const progress of this.#ordered) {
      if (progress.isLearner) continue;
      const vote = this.#votes.get(progress.id);
      if (vote === true) granted++;
      else if (vote === false) rejected++;
    }
    return { granted, rejected, result: this.#config.voters.voteResult(this) };
  }
}
