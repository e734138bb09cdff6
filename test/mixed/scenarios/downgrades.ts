/** The cluster version lowered and raised again, decided by leaders of both kinds. */
import assert from "node:assert/strict";
import type { MemberProcess } from "../../cluster/member-process.ts";
import type { Arena } from "../../cluster/scenario.ts";
import { clusterVersion, eventually, sameHashes, versionsOf } from "../agreement.ts";
import { etcdctl } from "../etcdctl.ts";
import { lead } from "../leadership.ts";
import { ETCD, OLD_ETCD, QUORATE } from "../programs.ts";
import type { MixedScenario } from "../suite.ts";
import { takeOver } from "./data-directories.ts";
import { join } from "./strangers.ts";

/** Every member says so in its status. */
async function downgradeIs({ cluster }: Arena, target: string): Promise<void> {
  await eventually(async () => {
    for (const member of cluster.members) {
      const { downgradeInfo } = await cluster.client(member).status({});
      assert.equal(downgradeInfo?.enabled === true ? downgradeInfo.targetVersion : "", target, member.name);
    }
  });
}

async function storageIs(members: readonly MemberProcess[], version: string): Promise<void> {
  await eventually(async () => {
    for (const member of members) assert.equal((await versionsOf(member)).storage, version, member.name);
  });
}

/** Down under this leader. */
async function downgrade(arena: Arena, leader: MemberProcess): Promise<void> {
  const { cluster, random } = arena;
  const any = (): MemberProcess[] => [random.pick(cluster.members)];
  await lead(cluster, leader);
  await clusterVersion(cluster, "3.7.0");
  await assert.rejects(etcdctl(any(), "downgrade", "validate", "3.5"), /invalid downgrade target version/);
  await etcdctl(any(), "downgrade", "validate", "3.6");
  await etcdctl(any(), "downgrade", "enable", "3.6");
  await assert.rejects(etcdctl(any(), "downgrade", "enable", "3.6"), /in progress|invalid downgrade target/);
  await clusterVersion(cluster, "3.6.0");
  await downgradeIs(arena, "3.6.0");
  await storageIs(cluster.members, "3.6.0");
  arena.report(`down to 3.6 under ${leader.name}`);
}

async function cancel(arena: Arena): Promise<void> {
  await etcdctl([arena.random.pick(arena.cluster.members)], "downgrade", "cancel");
  await downgradeIs(arena, "");
}

/** Longer than leaders take to look at the versions of all members again. */
const SETTLED_MS = 6_000;

export const downgrades: MixedScenario = {
  name: "downgrades",
  what: "the cluster version goes down and up under leaders of both kinds, with one of etcd's members of the release before",
  start: ETCD,
  needs: ["etcd", "old etcd"],
  size: 2,
  async run(arena) {
    const { cluster, work } = arena;
    const [first, second] = cluster.members as [MemberProcess, MemberProcess];
    const ours = await join(arena, QUORATE);
    await downgrade(arena, ours);
    const old = await takeOver(arena, first, OLD_ETCD, "stopped");
    await sameHashes(cluster);
    await cancel(arena);
    await work(SETTLED_MS);
    await clusterVersion(cluster, "3.6.0", 0);
    await takeOver(arena, old, ETCD, "stopped");
    await raised(arena);
    await downgrade(arena, second);
    await cancel(arena);
    await raised(arena);
  },
};

async function raised({ cluster }: Arena): Promise<void> {
  await clusterVersion(cluster, "3.7.0");
  await storageIs(cluster.members, "3.7.0");
  await sameHashes(cluster);
}
