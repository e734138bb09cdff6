import type { Table } from "@quorate/storage/seams/backend";
import { Api } from "../clients/api.ts";
import { CallError } from "../clients/calls.ts";
import type { Session } from "../clients/session.ts";
import type { Machine } from "../world/machine.ts";
import type { World } from "../world/world.ts";

const COMPARED_TABLES: readonly Table[] = [
  "alarm",
  "auth",
  "authRoles",
  "authUsers",
  "cluster",
  "lease",
  "members",
  "members_removed",
];

/** All members of the cluster that are meant to run serve, and have applied the same. */
export function haveConverged(machines: readonly Machine[]): boolean {
  const consensus = machines.map(({ process }) =>
    process?.isServing === true ? process.parts?.consensus : undefined,
  );
  const [first] = consensus;
  if (first === undefined) return false;
  return consensus.every(
    (each) =>
      each !== undefined &&
      each.leader !== 0n &&
      each.leader === first.leader &&
      each.appliedIndex === first.appliedIndex &&
      each.appliedIndex === each.committedIndex,
  );
}

/** Compares what members that have converged hold, table by table. Returns what is wrong. */
export function compareTables(machines: readonly Machine[]): string[] {
  const wrong: string[] = [];
  const [first, ...others] = machines;
  for (const table of COMPARED_TABLES) {
    const right = dump(first!, table);
    for (const machine of others) {
      const other = dump(machine, table);
      if (other === right) continue;
      wrong.push(
        `table ${table} of ${machine.name} differs from that of ${first!.name}: ${other} and ${right}`,
      );
    }
  }
  for (const machine of machines) wrong.push(...returnedMembers(machine));
  return wrong;
}

/** IDs of removed members never come back. */
function returnedMembers(machine: Machine): string[] {
  const { backend } = machine.process!.parts!.context;
  const removed = new Set(backend.entries("members_removed").map(([key]) => hex(key)));
  const returned = backend.entries("members").filter(([key]) => removed.has(hex(key)));
  return returned.map(([key]) => `${machine.name} has a member that was removed: ${Buffer.from(key)}`);
}

/**
 * Compares the hashes that members tell over the API. Returns what is wrong. Hashes from different compactions say nothing
 * about each other: a member whose compaction was interrupted by a crash did not keep the hash that the others tell.
 * `session` is root's, where there are users.
 */
export async function compareHashes(
  world: World,
  machines: readonly Machine[],
  revision: number,
  session?: Session,
): Promise<string[]> {
  const wrong: string[] = [];
  const firstAt = new Map<number, { hash: number; name: string }>();
  for (const machine of machines) {
    try {
      const { hash, compactRevision } = await new Api(world, machine, undefined, session).hashKv(revision);
      const first = firstAt.get(compactRevision);
      if (first === undefined) firstAt.set(compactRevision, { hash, name: machine.name });
      else if (hash !== first.hash) {
        wrong.push(
          `hashes at ${revision} compacted ${compactRevision}: ${first.hash} of ${first.name}, ${hash} of ${machine.name}`,
        );
      }
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      wrong.push(`no hash of ${machine.name} at ${revision}: ${error.message}`);
    }
  }
  return wrong;
}

function dump(machine: Machine, table: Table): string {
  const entries = machine.process!.parts!.context.backend.entries(table);
  return entries.map(([key, value]) => `${hex(key)}=${hex(value)}`).join(" ");
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
