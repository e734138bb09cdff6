/** All faults, by the suites that run them. */
import type { Fault } from "../scenario.ts";
import * as crashes from "./crashes.ts";
import { electionsLeaveNothing, reconnectionsLeaveNothing } from "./leaks.ts";
import * as membership from "./membership.ts";
import { mixture } from "./mixture.ts";
import * as partitions from "./partitions.ts";

/** Few minutes in all, with few rounds each. */
export const FAULTS: readonly Fault[] = [
  crashes.leaderKilled,
  crashes.followerKilled,
  crashes.allKilled,
  crashes.killsAtRandom,
  crashes.leaderPaused,
  crashes.followerPaused,
  crashes.rollingRestart,
  crashes.leadershipMoved,
  partitions.minorityPartition,
  partitions.majorityPartition,
  partitions.oneWayPartitions,
  partitions.lossyLinks,
  partitions.slowLinks,
  membership.membersReplaced,
  membership.memberWiped,
  membership.learnerPromoted,
  membership.snapshotAfterKill,
  membership.snapshotAfterCut,
  electionsLeaveNothing,
  reconnectionsLeaveNothing,
];

export const LONG_FAULTS: readonly Fault[] = [...FAULTS, mixture, membership.largeCatchUp];
