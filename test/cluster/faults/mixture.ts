/** Faults of all kinds at the same time, chosen by the seed. */
import type { MemberProcess } from "../member-process.ts";
import type { Arena, Fault } from "../scenario.ts";

type Act = (arena: Arena, member: MemberProcess, other: MemberProcess) => Promise<unknown>;

const ACTS: readonly (readonly [number, Act])[] = [
  [3, async (_, member) => member.isRunning && !member.paused && member.kill()],
  [3, async (_, member) => member.isRunning && !member.paused && member.pause()],
  [4, async (_, member) => member.resume()],
  [5, async ({ cluster }, member) => member.isRunning || cluster.restart(member)],
  [3, ({ cluster }, member, other) => cluster.network.cut(member.name, other.name)],
  [
    2,
    ({ cluster, random }, member, other) =>
      cluster.network.lose(member.name, other.name, random.below(40) / 100),
  ],
  [3, ({ cluster }) => cluster.network.heal()],
  [
    1,
    ({ cluster }) =>
      Promise.all(cluster.members.filter((member) => !member.paused).map((member) => member.kill())),
  ],
];

export const mixture: Fault = {
  name: "mixture",
  what: "kills, pauses, cuts and losses at the same time, as the seed has it",
  args: ["--snapshot-count", "1000", "--snapshot-catchup-entries", "500"],
  async run(arena) {
    const { cluster, random, rounds, work } = arena;
    for (let round = rounds(2, 12); round > 0; round--) {
      for (let act = 0; act < 12; act++) {
        const member = random.pick(cluster.members);
        const other = random.pick(cluster.members.filter((one) => one !== member));
        await random.weighted(ACTS)(arena, member, other);
        await work(random.below(900));
      }
      await cluster.heal();
      await cluster.healthy();
      await work(1_000);
    }
  },
};
