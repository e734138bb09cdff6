/**
 * Clusters of our members and etcd's, of the present release and of the one before. Arguments behind `--`:
 * `--only NAME,NAME`, `--seed N`.
 */
import { leadersInTurn, standstills } from "./scenarios/leaders.ts";
import { fromTheReleaseBefore, thereAndBack } from "./scenarios/migration.ts";
import { snapshotsWithEtcd, snapshotsWithOldEtcd } from "./scenarios/snapshots.ts";
import { runMixed } from "./suite.ts";

runMixed(
  [thereAndBack, fromTheReleaseBefore, snapshotsWithEtcd, snapshotsWithOldEtcd, leadersInTurn, standstills],
  false,
);
