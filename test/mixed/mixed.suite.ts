/**
 * Clusters of our members and etcd's, of the present release and of the one before. Arguments behind `--`:
 * `--only NAME,NAME`, `--seed N`.
 */
import { corruptionChecks, corruptionChecksOld } from "./scenarios/corruption.ts";
import { aloneInPlace, aloneInPlaceOld, inPlace, inPlaceOld } from "./scenarios/data-directories.ts";
import { downgrades } from "./scenarios/downgrades.ts";
import { leadersInTurn, standstills } from "./scenarios/leaders.ts";
import { fromTheReleaseBefore, thereAndBack } from "./scenarios/migration.ts";
import { refusals } from "./scenarios/refusals.ts";
import { snapshotsWithEtcd, snapshotsWithOldEtcd } from "./scenarios/snapshots.ts";
import { removedMembers, wrongToken } from "./scenarios/strangers.ts";
import { runMixed } from "./suite.ts";

runMixed(
  [
    thereAndBack,
    fromTheReleaseBefore,
    snapshotsWithEtcd,
    snapshotsWithOldEtcd,
    leadersInTurn,
    standstills,
    removedMembers,
    wrongToken,
    refusals,
    corruptionChecks,
    corruptionChecksOld,
    aloneInPlace,
    aloneInPlaceOld,
    inPlace,
    inPlaceOld,
    downgrades,
  ],
  false,
);

import "./directories.ts";
