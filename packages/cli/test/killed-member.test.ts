/** What is left of a member that was killed. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Server } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { until } from "@quorate/testkit/wait";

const command = [path.resolve(import.meta.dirname, "../../../bin/etcd")];

async function post(server: Server, target: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`http://${server.endpoint}/v3/${target}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (response.status !== 200) throw new Error(JSON.stringify(answer));
  return answer;
}

testWithSeed("after a kill amid changes of users each of them has happened once", async (seed) => {
  const random = new SeededRandom(seed);
  await using server = await Server.start({ command, args: ["--bcrypt-cost", "4"], startTimeoutMs: 240_000 });
  let acknowledged = 0;
  for (let round = 0; round < 3; round++) {
    const first = acknowledged;
    const broken = assert.rejects(async () => {
      for (let i = first; ; i++) {
        await post(server, "auth/role/add", { name: `r${i}` });
        acknowledged = i + 1;
      }
    });
    const killAt = first + 1 + random.below(40);
    await until(() => acknowledged >= killAt);
    await server.kill();
    await broken;
    await server.start();
    const { roles = [] } = (await post(server, "auth/role/list", {})) as { roles?: string[] };
    assert.ok(
      roles.length === acknowledged || roles.length === acknowledged + 1,
      `${acknowledged} were acknowledged, ${roles.length} are there`,
    );
    const { authRevision } = await post(server, "auth/status", {});
    assert.equal(authRevision, String(1 + roles.length));
    acknowledged = roles.length;
  }
});

test("what an audit log has been given for longer than its interval is in it after a kill", async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-killed-member-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = path.join(directory, "audit.log");
  const args = ["--audit-log", file, "--audit-log-flush-interval", "20ms"];
  await using server = await Server.start({ command, args, startTimeoutMs: 240_000 });
  const puts = () =>
    readFileSync(file, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { method: string; revision?: number })
      .filter(({ method }) => method === "/etcdserverpb.KV/Put");
  for (let i = 0; i < 50; i++) await post(server, "kv/put", { key: "aw==", value: "dg==" });
  // The interval of all of them is over when a later call has been written down.
  await until(() => puts().length >= 50);
  let acknowledged = 0;
  const broken = assert.rejects(async () => {
    for (;;) {
      await post(server, "kv/put", { key: "aw==", value: "dg==" });
      acknowledged++;
    }
  });
  await until(() => acknowledged >= 50);
  await server.kill();
  await broken;
  const found = puts();
  // Each line is whole, none is missing in between, and those that were there before the kill still are.
  assert.ok(found.length >= 50);
  assert.deepEqual(
    found.map(({ revision }) => revision),
    found.map((_put, i) => i + 2),
  );
  const before = found.length;
  await server.start();
  await post(server, "kv/put", { key: "aw==", value: "dg==" });
  await until(() => puts().length === before + 1);
});
