/** Members that have no place in the cluster: removed ones, and those of another cluster. */
import assert from "node:assert/strict";
import type { Cluster } from "../../cluster/cluster.ts";
import type { MemberProcess } from "../../cluster/member-process.ts";
import type { Arena } from "../../cluster/scenario.ts";
import { eventually, sameHashes } from "../agreement.ts";
import { says } from "../logs.ts";
import { ETCD, type Program, QUORATE } from "../programs.ts";
import type { MixedScenario } from "../suite.ts";
import { within } from "../within.ts";

const EXIT_TIMEOUT_MS = 20_000;
const REMOVED = "the member has been permanently removed from the cluster";

export async function join(arena: Arena, program: Program): Promise<MemberProcess> {
  const { cluster, load } = arena;
  const member = await cluster.add(false, undefined, program.command);
  await cluster.healthy();
  load.attach(member);
  return member;
}

/** It is down when it is removed, so nobody but those that refuse it can tell it. */
async function removedWhileDown(
  { cluster, load, report }: Arena,
  member: MemberProcess,
  program: Program,
): Promise<void> {
  await member.kill();
  load.detach(member.name);
  await cluster.remove(member);
  cluster.restart(member);
  member.expectExit();
  const exit = await within(member.exited, EXIT_TIMEOUT_MS);
  if (exit === undefined) await member.kill();
  // etcd's own status is 1 when it is told while it opens its listeners.
  const statuses = program === QUORATE ? [0] : [0, 1];
  assert.ok(
    statuses.includes(exit?.code ?? -1),
    `${member.name} stops itself, with status 0 (${exit?.code}):
${member.tail()}`,
  );
  assert.ok(says(member, REMOVED), `${member.name} says why it ends:\n${member.tail()}`);
  report(`${member.name} was removed while it was down, and stopped itself`);
}

export const removedMembers: MixedScenario = {
  name: "removed-members",
  what: "members that were removed while they were down learn it from the other kind, and stop themselves with status 0",
  start: ETCD,
  needs: ["etcd"],
  size: 1,
  async run(arena) {
    const { cluster } = arena;
    const [first] = cluster.members as [MemberProcess];
    await join(arena, QUORATE);
    const ours = await join(arena, QUORATE);
    await removedWhileDown(arena, first, ETCD);
    await cluster.healthy();
    await join(arena, ETCD);
    await removedWhileDown(arena, ours, QUORATE);
    await cluster.healthy();
    await sameHashes(cluster);
  },
};

/** Starts anew, at its address, as a member of a cluster with another token. */
function startElsewhere(cluster: Cluster, member: MemberProcess): void {
  const all = cluster.members.map(({ name, place }) => `${name}=${place.advertisedPeerUrl}`);
  member.start([
    ...["--initial-cluster", all.join(","), "--initial-cluster-state", "new"],
    ...["--initial-cluster-token", "another"],
  ]);
}

async function belongsElsewhere(arena: Arena, member: MemberProcess): Promise<void> {
  const { cluster, load, report, work } = arena;
  const others = cluster.members.filter((one) => one !== member);
  load.detach(member.name);
  await member.kill();
  member.wipe();
  startElsewhere(cluster, member);
  await eventually(() => {
    for (const one of [member, ...others]) {
      assert.ok(says(one, /cluster ID mismatch/i), `${one.name} says that clusters differ:\n${one.tail()}`);
    }
  });
  await work(2_000);
  assert.ok(member.isRunning, `${member.name} goes on trying`);
  report(`${member.name} and the others say that it is of another cluster`);
  await member.kill();
  member.wipe();
  await cluster.remove(member);
  await cluster.add(false, member);
  await cluster.healthy();
  load.attach(member);
}

export const wrongToken: MixedScenario = {
  name: "wrong-token",
  what: "a member with the right address and the wrong token is refused both ways, and harms nobody",
  start: ETCD,
  needs: ["etcd"],
  size: 2,
  async run(arena) {
    const { cluster } = arena;
    const theirs = cluster.members[1]!;
    const ours = await join(arena, QUORATE);
    await belongsElsewhere(arena, ours);
    await belongsElsewhere(arena, theirs);
    await sameHashes(cluster);
  },
};
