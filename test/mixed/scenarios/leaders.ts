/** Who leads, who asks, and who stands still. */
import assert from "node:assert/strict";
import type { MemberProcess } from "../../cluster/member-process.ts";
import type { Arena } from "../../cluster/scenario.ts";
import { sameHashes } from "../agreement.ts";
import { whileChanging } from "../changes.ts";
import { lead } from "../leadership.ts";
import { ETCD, QUORATE } from "../programs.ts";
import type { MixedScenario } from "../suite.ts";

/** Two of etcd's and one of ours more. */
async function addOurs({ cluster, load }: Arena): Promise<MemberProcess> {
  const ours = await cluster.add(false, undefined, QUORATE.command);
  await cluster.healthy();
  load.attach(ours);
  return ours;
}

/** Each member writes through the present leader, and each other one reads it at once. */
async function everyoneWritesAndReads({ cluster, load }: Arena, round: number): Promise<void> {
  for (const writer of cluster.members) {
    const value = `round:${round}:${writer.name}`;
    const { header } = await cluster.client(writer).put({ key: "everyone", value });
    load.journal.observe(header!.revision, undefined);
    for (const reader of cluster.members) {
      const { kvs } = await cluster.client(reader).range({ key: "everyone" });
      assert.equal(kvs[0]?.value.toString(), value, `${reader.name} after a write through ${writer.name}`);
    }
  }
}

export const leadersInTurn: MixedScenario = {
  name: "leaders-in-turn",
  what: "leadership goes from ours to etcd's and back, by request and by a stop; all write and read through every member",
  start: ETCD,
  needs: ["etcd"],
  size: 2,
  async run(arena) {
    const { cluster, load, rounds } = arena;
    const ours = await addOurs(arena);
    await whileChanging(arena, async () => {
      for (let round = rounds(2, 10); round > 0; round--) {
        for (const member of [ours, ...cluster.members.filter((one) => one !== ours)]) {
          await lead(cluster, member);
          await everyoneWritesAndReads(arena, 10 * round + cluster.members.indexOf(member));
        }
        for (const member of [ours, cluster.members[round % 2]!]) {
          await lead(cluster, member);
          const others = cluster.members.filter((one) => one !== member);
          const stopped = member.stop();
          const ms = await load.firstAcknowledgement(others.map(({ name }) => name));
          arena.report(
            `${ms.toFixed(0)} ms without a write from the stop of ${member === ours ? "our" : "etcd's"} leader`,
          );
          await stopped;
          cluster.restart(member);
          await cluster.healthy();
        }
      }
      await sameHashes(cluster);
    });
  },
};

export const standstills: MixedScenario = {
  name: "standstills",
  what: "members and leaders of both kinds stand still for 4 s, which no link need notice, and for 6 s, which ends them",
  start: ETCD,
  needs: ["etcd"],
  size: 2,
  async run(arena) {
    const { cluster, load, rounds, work } = arena;
    const ours = await addOurs(arena);
    const theirs = cluster.members[0]!;
    for (let round = rounds(1, 4); round > 0; round--) {
      for (const [member, leader, ms] of [
        [ours, theirs, 4_000],
        [ours, ours, 6_000],
        [theirs, ours, 6_000],
        [theirs, theirs, 4_000],
      ] as const) {
        await lead(cluster, leader);
        member.pause();
        await load.firstAcknowledgement(
          cluster.members.filter((one) => one !== member).map(({ name }) => name),
        );
        await work(ms);
        member.resume();
        await cluster.healthy();
        await sameHashes(cluster);
      }
    }
  },
};
