/** Our member started on the data directory of an etcd member that has stopped, and the other way round. */
import assert from "node:assert/strict";
import path from "node:path";
import { MemberProcess } from "../../cluster/member-process.ts";
import type { Arena } from "../../cluster/scenario.ts";
import { clusterVersion, sameHashes } from "../agreement.ts";
import { says } from "../logs.ts";
import { ETCD, OLD_ETCD, type Program, QUORATE } from "../programs.ts";
import type { MixedScenario } from "../suite.ts";

const NO_CHECKSUMS = "went over the database file, as its free pages or checksums were not stored";

/** The same member, at the same place, with the same data, by another program. */
export async function takeOver(
  arena: Arena,
  member: MemberProcess,
  program: Program,
  how: "stopped" | "killed",
): Promise<MemberProcess> {
  const { cluster, load } = arena;
  const { name, place, dataDir } = member;
  load.detach(name);
  await (how === "stopped" ? member.stop() : member.kill());
  const successor = new MemberProcess({
    ...{ name, place, network: cluster.network, command: program.command },
    dir: path.dirname(dataDir),
    args: [],
    onUnexpectedExit: (what) => load.journal.problem(what),
  });
  cluster.members[cluster.members.indexOf(member)] = successor;
  cluster.restart(successor);
  await cluster.healthy();
  assert.equal(successor.id, member.id, "it is the member that it was");
  load.attach(successor);
  return successor;
}

/** Ours goes on, and is killed; `back`: then etcd goes on with what ours has written, is killed, and ours again. */
async function adopt(
  arena: Arena,
  member: MemberProcess,
  how: "stopped" | "killed",
  back: Program | undefined,
): Promise<void> {
  const { cluster, report, work } = arena;
  const successor = await takeOver(arena, member, QUORATE, how);
  assert.ok(says(successor, NO_CHECKSUMS), `it says what it found:\n${successor.tail()}`);
  const revision = await sameHashes(cluster);
  report(`${member.name}, ${how}, was taken over with its data at revision ${revision}`);
  await work(300);
  if (back === undefined) {
    await successor.kill();
    cluster.restart(successor);
    await cluster.healthy();
    return;
  }
  const again = await takeOver(arena, successor, back, "killed");
  report(`${member.name} was taken back at revision ${await sameHashes(cluster)}`);
  await work(300);
  await takeOver(arena, again, QUORATE, "killed");
}

/** An older one is at home only in a cluster of its own version, which ours, where they are alone, do not keep. */
function goesBack(program: Program): Program | undefined {
  return program === ETCD ? program : undefined;
}

function single(program: Program, name: string): MixedScenario {
  return {
    name,
    what: `a member that is alone goes on with the data directory of ${program.name}`,
    start: program,
    needs: [program.name],
    size: 1,
    async run(arena) {
      await arena.work(1_000);
      await adopt(arena, arena.cluster.members[0]!, "stopped", goesBack(program));
      await clusterVersion(arena.cluster, "3.7.0");
      await arena.work(500);
    },
  };
}

export const aloneInPlace = single(ETCD, "alone-in-place");
export const aloneInPlaceOld = single(OLD_ETCD, "alone-in-place-old");

function threeInPlace(program: Program, name: string): MixedScenario {
  return {
    name,
    what: `the members of a cluster of ${program.name} go on as ours one by one, with their data directories`,
    start: program,
    needs: [program.name],
    async run(arena) {
      const { cluster, random } = arena;
      for (const member of [...cluster.members]) {
        await adopt(arena, member, random.chance(0.5) ? "stopped" : "killed", goesBack(program));
      }
      await clusterVersion(cluster, "3.7.0");
      await arena.work(500);
    },
  };
}

export const inPlace = threeInPlace(ETCD, "in-place");
export const inPlaceOld = threeInPlace(OLD_ETCD, "in-place-old");
