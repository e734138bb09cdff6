import assert from "node:assert/strict";
import test from "node:test";
import { Api } from "../clients/api.ts";
import { Machine } from "./machine.ts";
import { World } from "./world.ts";

function begin() {
  const world = new World({ seed: 1, plants: [], traceLines: 1_000 });
  const address = "http://10.0.0.1:2380";
  const machine = new Machine(
    world,
    "m1",
    address,
    { rate: 1, originMs: 0, wallOffsetMs: 0 },
    {
      dataDir: "/data",
      name: "m1",
      initialAdvertisePeerUrls: [address],
      initialCluster: [{ name: "m1", peerUrls: [address] }],
      initialClusterState: "new",
    },
  );
  world.machines.push(machine);
  const runUntil = async (isDone: () => boolean, limitMs = 20_000) => {
    const endMs = world.time.nowMs + limitMs;
    await world.run(() => isDone() || world.time.nowMs >= endMs);
  };
  return { world, machine, runUntil };
}

test("power fails at exactly the operation that was named, and the machine comes back", async () => {
  const { world, machine, runUntil } = begin();
  machine.start();
  await runUntil(() => machine.process?.isServing === true);
  await runUntil(() => false, 1_000);
  assert.equal(machine.durable, undefined);
  machine.losePowerAtOperation(2);
  const answers: string[] = [];
  new Api(world, machine).put("k", "v").then(
    () => answers.push("written"),
    (error: Error) => answers.push(error.message),
  );
  await runUntil(() => answers.length > 0);
  assert.deepEqual(answers, ["connection lost"]);
  assert.ok(machine.durable!.commit > 0, "what was durable is known");
  assert.match(world.trace.lines.join("\n"), /m1 loses power at the \w+ of \/data\/member/);
  await runUntil(() => machine.process?.isServing === true);
  assert.equal(machine.lives, 2);
  assert.deepEqual(world.violations, []);
});

test("a disk that stalls finishes nothing, not even what was under way, until it goes on", async () => {
  const { world, machine, runUntil } = begin();
  const disk = machine.mount();
  await disk.makeDirectory("/d");
  const file = await disk.open("/d/f", "write");
  let syncedMs: number | undefined;
  void file.sync().then(() => {
    syncedMs = world.time.nowMs;
  });
  machine.stalledUntilMs = 500;
  await runUntil(() => syncedMs !== undefined);
  assert.ok(syncedMs! >= 500 && syncedMs! < 510, `synced at ${syncedMs} ms`);
});
