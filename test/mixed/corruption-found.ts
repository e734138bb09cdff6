/** The other side of the corruption checks: data that was changed in one kind of member is found by the other kind. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { temporaryDir } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { BboltBackend } from "../../packages/storage/src/database/bbolt-backend.ts";
import { realClock } from "../../packages/storage/src/seams/real-clock.ts";
import { Cluster } from "../cluster/cluster.ts";
import type { MemberProcess } from "../cluster/member-process.ts";
import { ProxyNetwork } from "../cluster/network/proxies.ts";
import { eventually, sameHashes } from "./agreement.ts";
import { etcdctl } from "./etcdctl.ts";
import { lead } from "./leadership.ts";
import { ETCD, QUORATE, whyMissing } from "./programs.ts";

const skip = whyMissing("etcd") ?? false;
/** Nowhere else in a database file. */
const PLANTED = "planted-value-of-the-test";

const databaseOf = (member: MemberProcess): string => path.join(member.dataDir, "member/snap/db");

/** Pages of bbolt have no sums, so a changed byte stays unnoticed until somebody compares. */
async function changeTheirs(member: MemberProcess): Promise<void> {
  const bytes = readFileSync(databaseOf(member));
  assert.ok(bytes.includes(PLANTED));
  for (let at = bytes.indexOf(PLANTED); at >= 0; at = bytes.indexOf(PLANTED, at)) bytes[at]! ^= 1;
  writeFileSync(databaseOf(member), bytes);
}

/** Our pages have sums, so one record goes missing by a transaction. */
async function changeOurs(member: MemberProcess, revision: number): Promise<void> {
  const backend = await BboltBackend.open({
    path: databaseOf(member),
    clock: realClock,
    onFatal: (error) => assert.fail(error),
  });
  assert.notEqual(backend.getRevision(revision, 0), undefined);
  backend.deleteRevision(revision, 0, false);
  await backend.close();
}

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  readonly changed: "ours" | "theirs";
}

const cases: readonly Case[] = [
  {
    name: "etcd's periodic check finds what was changed in ours",
    args: ["--corrupt-check-time", "1s"],
    changed: "ours",
  },
  {
    name: "our periodic check finds what was changed in etcd's",
    args: ["--corrupt-check-time", "1s"],
    changed: "theirs",
  },
  {
    name: "our check after compactions finds what was changed in etcd's",
    args: ["--compact-hash-check-time", "1s", "--feature-gates", "CompactHashCheck=true"],
    changed: "theirs",
  },
];

export function corruptionFound(): void {
  for (const { name, args, changed } of cases) {
    test(name, { skip }, async () => {
      const problems: string[] = [];
      const cluster = new Cluster({
        command: ETCD.command,
        size: 2,
        network: new ProxyNetwork(new SeededRandom(1)),
        dir: temporaryDir("corruption"),
        args,
        onUnexpectedExit: (what) => problems.push(what),
      });
      try {
        await cluster.start();
        const ours = await cluster.add(false, undefined, QUORATE.command);
        await cluster.healthy();
        const [theirs, other] = cluster.members as [MemberProcess, MemberProcess];
        const client = cluster.client(other);
        const planted = (await client.put({ key: "a", value: PLANTED })).header!.revision;
        await client.put({ key: "b", value: "later" });
        await sameHashes(cluster);
        assert.equal(await etcdctl(cluster.members, "alarm", "list"), "");
        const member = changed === "ours" ? ours : theirs;
        await member.stop();
        await (changed === "ours" ? changeOurs(member, planted) : changeTheirs(member));
        cluster.restart(member);
        await cluster.healthy();
        await lead(cluster, changed === "ours" ? other : ours);
        // The periodic check may have raised the alarm by now, and needs none.
        if (args.includes("--compact-hash-check-time")) await client.compact({ revision: planted });
        await eventually(async () => {
          const alarms = await etcdctl([other], "alarm", "list");
          assert.equal(alarms.trim().replace(/ +/g, " "), `memberID:${member.id} alarm:CORRUPT`);
        });
        assert.deepEqual(problems, []);
      } finally {
        await cluster.close();
      }
    });
  }
}
