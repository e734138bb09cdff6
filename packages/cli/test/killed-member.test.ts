/** What is left of a member that was killed. */
import assert from "node:assert/strict";
import path from "node:path";
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
  await using server = await Server.start({ command, args: ["--bcrypt-cost", "4"], startTimeoutMs: 60_000 });
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
