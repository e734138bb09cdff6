/** Members that miss the log and get the state as a database file: from our leader and from etcd's. */
import assert from "node:assert/strict";
import { fill, SMALL_LOG, snapshotsReceived } from "../../cluster/faults/membership.ts";
import type { MemberProcess } from "../../cluster/member-process.ts";
import type { Arena } from "../../cluster/scenario.ts";
import { sameHashes } from "../agreement.ts";
import { lead } from "../leadership.ts";
import { says } from "../logs.ts";
import { ETCD, OLD_ETCD, type Program, QUORATE } from "../programs.ts";
import type { MixedScenario } from "../suite.ts";

/** More than SMALL_LOG keeps. */
const FILLING = { count: 2_500, bytes: 200 };

/** A leader keeps its whole log for half a minute after it has sent a snapshot, e.g. to the last one that joined. */
const LOG_HELD_MS = 32_000;

/** Under the leadership of `leader`, another member is away until its place in the log is gone. */
async function missTheLog(arena: Arena, leader: MemberProcess, away: MemberProcess): Promise<void> {
  const { cluster, report, work } = arena;
  const others = cluster.members.filter((member) => member !== away);
  for (let attempt = 1; ; attempt++) {
    await lead(cluster, leader);
    await away.kill();
    await fill(arena, others, FILLING.count, FILLING.bytes);
    cluster.restart(away);
    await cluster.healthy();
    await sameHashes(cluster);
    if (await gotSnapshot(away)) break;
    assert.ok(attempt < 2, `${away.name} came back twice without a snapshot`);
    await work(LOG_HELD_MS);
  }
  report(`${away.name} got a snapshot under ${leader.name}`);
  await work(300);
}

/** In the present life of its process. */
async function gotSnapshot(member: MemberProcess): Promise<boolean> {
  const count = await snapshotsReceived(member);
  return count === undefined ? says(member, "applied snapshot") : count > 0;
}

async function joinBySnapshot(arena: Arena, leader: MemberProcess, program: Program): Promise<MemberProcess> {
  const { cluster, load, report } = arena;
  await lead(cluster, leader);
  const member = await cluster.add(false, undefined, program.command);
  await cluster.healthy();
  load.attach(member);
  assert.ok(await gotSnapshot(member), `${member.name} joined without a snapshot`);
  const revision = await sameHashes(cluster);
  report(`${member.name} (${program.name}) joined by a snapshot of ${leader.name}, all equal at ${revision}`);
  return member;
}

function snapshots(program: Program, name: string, what: string): MixedScenario {
  return {
    name,
    what,
    start: program,
    needs: [program.name],
    size: 2,
    args: SMALL_LOG,
    async run(arena) {
      const { cluster, load } = arena;
      const [first, second] = cluster.members as [MemberProcess, MemberProcess];
      const ours = await cluster.add(false, undefined, QUORATE.command);
      await cluster.healthy();
      load.attach(ours);
      await sameHashes(cluster);
      await missTheLog(arena, ours, first);
      // What it got must also do for a start: a member of the release before builds its members from it.
      await first.stop();
      cluster.restart(first);
      await cluster.healthy();
      await missTheLog(arena, second, ours);
      await joinBySnapshot(arena, ours, program);
      await joinBySnapshot(arena, second, QUORATE);
    },
  };
}

export const snapshotsWithEtcd = snapshots(
  ETCD,
  "snapshots",
  "databases go from our leader to etcd's members and from theirs to ours, to members that were away and to new ones",
);

export const snapshotsWithOldEtcd = snapshots(
  OLD_ETCD,
  "snapshots-old",
  "databases are exchanged with members of the release before",
);
