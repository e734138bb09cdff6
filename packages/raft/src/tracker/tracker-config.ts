import type { JointQuorum } from "../quorum/joint.ts";
import { compareIds } from "../quorum/majority.ts";
import type { ConfState, NodeId } from "../types.ts";

/**
 * Who takes part. Immutable: a change makes a new one. Learners follow the log without a vote; `learnersNext` are
 * outgoing voters that become learners when the joint configuration is left (being both at once is not allowed).
 */
export interface TrackerConfig {
  readonly voters: JointQuorum;
  readonly learners: ReadonlySet<NodeId>;
  readonly learnersNext: ReadonlySet<NodeId>;
  /** The leader leaves the joint configuration by itself as soon as that is safe. */
  readonly autoLeave: boolean;
}

/** `voters=(1 2)&&(1 2 3) learners=(4) autoleave`; ids in hexadecimal. */
export function describeConfig(config: TrackerConfig): string {
  let text = `voters=${config.voters}`;
  if (config.learners.size > 0) text += ` learners=${describeIds(config.learners)}`;
  if (config.learnersNext.size > 0) text += ` learners_next=${describeIds(config.learnersNext)}`;
  if (config.autoLeave) text += " autoleave";
  return text;
}

function describeIds(ids: Iterable<NodeId>): string {
  return `(${sorted(ids)
    .map((id) => id.toString(16))
    .join(" ")})`;
}

export function toConfState(config: TrackerConfig): ConfState {
  return {
    voters: [...config.voters.incoming.ids],
    learners: sorted(config.learners),
    votersOutgoing: [...config.voters.outgoing.ids],
    learnersNext: sorted(config.learnersNext),
    autoLeave: config.autoLeave,
  };
}

function sorted(ids: Iterable<NodeId>): NodeId[] {
  return [...ids].sort(compareIds);
}
