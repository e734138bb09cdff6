import assert from "node:assert/strict";
import type { Cluster } from "../cluster/cluster.ts";
import type { MemberProcess } from "../cluster/member-process.ts";
import { eventually } from "./agreement.ts";

/** Has a member lead: asks whoever does to hand over. */
export async function lead(cluster: Cluster, member: MemberProcess): Promise<void> {
  await eventually(async () => {
    if ((await cluster.leader()) !== member) await cluster.moveLeader(member);
    assert.equal((await cluster.leader()).name, member.name);
  });
}
