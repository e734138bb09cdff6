/** Members of one kind replaced by those of another, one by one, under load. */
import assert from "node:assert/strict";
import type { MemberProcess } from "../../cluster/member-process.ts";
import type { Arena } from "../../cluster/scenario.ts";
import { clusterVersion, sameHashes } from "../agreement.ts";
import { whileChanging } from "../changes.ts";
import { lead } from "../leadership.ts";
import { promoteThroughFollower } from "../membership.ts";
import { ETCD, OLD_ETCD, type Program, QUORATE } from "../programs.ts";
import type { MixedScenario } from "../suite.ts";

/** A member leaves, which ends its process with status 0. */
async function leave({ cluster, load }: Arena, member: MemberProcess): Promise<void> {
  const { exited } = member;
  load.detach(member.name);
  await cluster.remove(member);
  assert.equal((await exited).code, 0, `${member.name} ended with a failure`);
}

/** A member of another program joins, is given work, and, if wanted, was a learner before. */
async function join(arena: Arena, program: Program, asLearner: boolean): Promise<MemberProcess> {
  const { cluster, load, work } = arena;
  const member = await cluster.add(asLearner, undefined, program.command);
  if (asLearner) {
    await work(300);
    await promoteThroughFollower(cluster, member);
  }
  await cluster.healthy();
  load.attach(member);
  return member;
}

/** The newcomer leads at once; then all that were there before leave, each after its successor's arrival. */
export async function replaceAll(
  arena: Arena,
  program: Program,
  whileOldAreLeft: () => Promise<void> = async () => {},
): Promise<void> {
  const { cluster, report, work } = arena;
  const leaving = [...cluster.members];
  for (const [index, old] of leaving.entries()) {
    const member = await join(arena, program, index === 0);
    if (index === 0) {
      await lead(cluster, member);
      await work(1_000);
    }
    await sameHashes(cluster);
    await whileOldAreLeft();
    await leave(arena, old);
    await cluster.healthy();
    const revision = await sameHashes(cluster);
    report(`${member.name} (${program.name}) is in for ${old.name}, all equal at revision ${revision}`);
  }
}

export const thereAndBack: MixedScenario = {
  name: "there-and-back",
  what: "etcd's members are replaced by ours one by one under load, and ours by etcd's again",
  start: ETCD,
  needs: ["etcd"],
  async run(arena) {
    await whileChanging(arena, async () => {
      await clusterVersion(arena.cluster, "3.7.0");
      await replaceAll(arena, QUORATE);
      await arena.work(1_000);
      await replaceAll(arena, ETCD);
    });
  },
};

export const fromTheReleaseBefore: MixedScenario = {
  name: "from-3.6",
  what: "members of the release before are replaced by ours; the cluster version rises when the last has gone",
  start: OLD_ETCD,
  needs: ["old etcd"],
  async run(arena) {
    const { cluster } = arena;
    await whileChanging(arena, async () => {
      await clusterVersion(cluster, "3.6.0");
      await replaceAll(arena, QUORATE, () => clusterVersion(cluster, "3.6.0"));
      await clusterVersion(cluster, "3.7.0");
      await arena.work(500);
    });
  },
};
