/** The checks with which members watch over each other's data. */
import assert from "node:assert/strict";
import type { MemberProcess } from "../../cluster/member-process.ts";
import { sameHashes } from "../agreement.ts";
import { whileChanging } from "../changes.ts";
import { etcdctl } from "../etcdctl.ts";
import { lead } from "../leadership.ts";
import { ETCD, OLD_ETCD, type Program, QUORATE } from "../programs.ts";
import type { MixedScenario } from "../suite.ts";
import { join } from "./strangers.ts";

const CHECKS = [
  ...["--corrupt-check-time", "1s", "--compact-hash-check-time", "1s"],
  ...["--feature-gates", "CompactHashCheck=true,InitialCorruptCheck=true"],
];
/** Several checks of each kind. */
const LED_MS = 4_000;

function checks(program: Program, name: string): MixedScenario {
  return {
    name,
    what: `all checks of each other's data, every second and at starts, find nothing in a cluster with ${program.name}`,
    start: program,
    needs: [program.name],
    size: 2,
    args: CHECKS,
    async run(arena) {
      const { cluster, work } = arena;
      const [theirs] = cluster.members as [MemberProcess];
      const ours = await join(arena, QUORATE);
      await whileChanging(arena, async () => {
        for (const leader of [ours, theirs]) {
          await lead(cluster, leader);
          await work(LED_MS);
          const follower = leader === ours ? theirs : ours;
          await follower.stop();
          cluster.restart(follower);
          await cluster.healthy();
        }
      });
      await sameHashes(cluster);
      assert.equal(await etcdctl(cluster.members, "alarm", "list"), "");
    },
  };
}

export const corruptionChecks = checks(ETCD, "corruption-checks");
export const corruptionChecksOld = checks(OLD_ETCD, "corruption-checks-old");
