/** All scenarios, by the suites that run them. */
import type { MixedScenario } from "../suite.ts";
import { corruptionChecks, corruptionChecksOld } from "./corruption.ts";
import { aloneInPlace, aloneInPlaceOld, inPlace, inPlaceOld } from "./data-directories.ts";
import { downgrades } from "./downgrades.ts";
import { leadersInTurn, standstills } from "./leaders.ts";
import { fromTheReleaseBefore, thereAndBack } from "./migration.ts";
import { refusals } from "./refusals.ts";
import { snapshotsWithEtcd, snapshotsWithOldEtcd } from "./snapshots.ts";
import { removedMembers, wrongToken } from "./strangers.ts";

/** One of each kind, in a few minutes. */
export const SCENARIOS: readonly MixedScenario[] = [
  thereAndBack,
  fromTheReleaseBefore,
  snapshotsWithEtcd,
  snapshotsWithOldEtcd,
  inPlaceOld,
  leadersInTurn,
  removedMembers,
  refusals,
  corruptionChecks,
  downgrades,
];

export const LONG_SCENARIOS: readonly MixedScenario[] = [
  ...SCENARIOS,
  standstills,
  wrongToken,
  corruptionChecksOld,
  aloneInPlace,
  aloneInPlaceOld,
  inPlace,
];
