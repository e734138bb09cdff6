/** Members that come, go, lose their disks, or were away for too long. */
import assert from "node:assert/strict";
import { NotSent } from "../client.ts";
import { sleep } from "../load/session.ts";
import type { MemberProcess } from "../member-process.ts";
import type { Arena, Fault } from "../scenario.ts";

export const membersReplaced: Fault = {
  name: "members-replaced",
  what: "members are replaced by new ones, one by one, the leader among them",
  async run({ cluster, load, rounds, work }) {
    const count = rounds(2, cluster.members.length);
    const leader = await cluster.leader();
    const others = cluster.members.filter((member) => member !== leader);
    for (const old of [leader, ...others].slice(0, count)) {
      await cluster.remove(old);
      load.detach(old.name);
      const added = await cluster.add();
      await cluster.healthy();
      load.attach(added);
      await work(500);
    }
  },
};

export const memberWiped: Fault = {
  name: "member-wiped",
  what: "a member loses its disk, is removed, and joins again at the same address",
  async run({ cluster, load, random, rounds, work }) {
    for (let round = rounds(1, 4); round > 0; round--) {
      const member = random.pick(await cluster.followers());
      await member.kill();
      member.wipe();
      await work(300);
      await cluster.remove(member);
      load.detach(member.name);
      await cluster.add(false, member);
      await cluster.healthy();
      load.attach(member);
      await work(500);
    }
  },
};

export const learnerPromoted: Fault = {
  name: "learner-promoted",
  what: "a learner joins, catches up and is promoted; a voter leaves",
  async run({ cluster, load, random, rounds, work }) {
    for (let round = rounds(1, 4); round > 0; round--) {
      const learner = await cluster.add(true);
      await work(500);
      await cluster.promote(learner);
      await cluster.healthy();
      load.attach(learner);
      await work(300);
      const leaving = random.pick((await cluster.followers()).filter((member) => member !== learner));
      await cluster.remove(leaving);
      load.detach(leaving.name);
      await cluster.healthy();
      await work(300);
    }
  },
};

/** Puts that the journal need not judge: their watch events are checked all the same. */
export async function fill(
  { cluster, load }: Arena,
  members: readonly MemberProcess[],
  count: number,
  bytes: number,
) {
  const clients = members.map((member) => cluster.client(member));
  const padding = "x".repeat(bytes);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const number = next++;
      const value = `fill:${fills}:${number}:${padding}`;
      for (;;) {
        try {
          const client = clients[number % clients.length]!;
          const { header } = await client.put({ key: `fill/${number}`, value: Buffer.from(value) }, 20_000);
          load.journal.observe(header!.revision, undefined);
          break;
        } catch (error) {
          load.journal.noteError(error, "the filler");
          // A put that may have been done must not be done again: values are unique.
          if (!(error instanceof NotSent)) break;
          await sleep(100);
        }
      }
    }
  };
  fills += 1;
  await Promise.all(Array.from({ length: 16 }, lane));
}
let fills = 0;

/** How many snapshots of other members this life of a member has received. */
export async function snapshotsReceived(member: MemberProcess): Promise<number> {
  const answer = await fetch(`http://${member.clientAddress}/metrics`);
  const text = await answer.text();
  const counts = [...text.matchAll(/^etcd_network_snapshot_receive_success\{[^}]*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** A follower is away until its log position is gone at the leader. */
async function missTheLog(arena: Arena, how: "killed" | "cut", count: number, bytes: number): Promise<void> {
  const { cluster, random, report, work } = arena;
  const follower = random.pick(await cluster.followers());
  const others = cluster.members.filter((member) => member !== follower);
  const before = how === "killed" ? 0 : await snapshotsReceived(follower);
  if (how === "killed") await follower.kill();
  else {
    for (const other of others) {
      await cluster.network.cut(other.name, follower.name);
      await cluster.network.cut(follower.name, other.name);
    }
  }
  await fill(arena, others, count, bytes);
  const startedMs = performance.now();
  if (how === "killed") cluster.restart(follower);
  else await cluster.network.heal();
  await cluster.healthy(bytes > 10_000 ? 300_000 : undefined);
  report(`caught up ${((performance.now() - startedMs) / 1_000).toFixed(1)} s after it was ${how}`);
  const after = await snapshotsReceived(follower);
  assert.ok(after > before, `${follower.name} caught up without a snapshot`);
  await work(500);
}

export const SMALL_LOG = ["--snapshot-count", "1000", "--snapshot-catchup-entries", "500"];
const LOG_HELD_MS = 32_000;

/**
 * A leader keeps its whole log for half a minute after it has sent a snapshot, so one run cannot miss the log twice
 * in a row.
 */
function snapshotCatchUp(how: "killed" | "cut"): Fault {
  return {
    name: `snapshot-after-${how}`,
    what: `a follower that was ${how} comes back behind the leader's log, and gets a snapshot`,
    args: SMALL_LOG,
    async run(arena) {
      const rounds = arena.rounds(1, 3);
      for (let round = 1; round <= rounds; round++) {
        await missTheLog(arena, how, 3_000, 200);
        if (round < rounds) await arena.work(LOG_HELD_MS);
      }
    },
  };
}

export const snapshotAfterKill = snapshotCatchUp("killed");
export const snapshotAfterCut = snapshotCatchUp("cut");

export const largeCatchUp: Fault = {
  name: "large-catch-up",
  what: "a follower catches up with a snapshot of 1 GB",
  args: [...SMALL_LOG, "--quota-backend-bytes", String(8 * 1024 ** 3)],
  paceMs: 40,
  async run(arena) {
    await missTheLog(arena, "killed", 16_500, 64 * 1024);
  },
};
