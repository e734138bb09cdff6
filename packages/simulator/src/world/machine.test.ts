import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
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

test("a database that has rotted is refused, and the member goes on when the disk is good again", async () => {
  const { world, machine, runUntil } = begin();
  machine.start();
  await runUntil(() => machine.process?.isServing === true);
  for (let i = 0; i < 20; i++) {
    void new Api(world, machine).put(`k${i}`, "v").catch(() => {});
    await runUntil(() => false, 200);
  }
  let found = 0;
  for (let seed = 1; seed <= 10; seed++) {
    machine.rotDatabase(new SeededRandom(seed));
    machine.losePower();
    world.restartLater(machine, 10);
    await runUntil(() => machine.process?.isServing === true);
    assert.equal(machine.process?.isServing, true, `seed ${seed}`);
    found = world.counts.get("rot found") ?? 0;
  }
  assert.ok(found >= 2, `found ${found} times of 10`);
  assert.deepEqual(world.violations, []);
});

test("what a database has made durable outlasts a loss of power, and nothing of it is older than it said", async () => {
  const { world, machine, runUntil } = begin();
  machine.start();
  for (let life = 0; life < 5; life++) {
    await runUntil(() => machine.process?.isServing === true);
    const { backend } = machine.process!.parts!.context;
    void new Api(world, machine).put("k", `${life}`).catch(() => {});
    await runUntil(() => false, 50);
    const { consistentIndex } = backend;
    let isDurable = false;
    backend.commit();
    void backend.flushed().then(() => {
      isDurable = true;
    });
    await runUntil(() => isDurable);
    machine.losePower();
    machine.start();
    await runUntil(() => machine.process?.storage !== undefined);
    assert.ok(machine.process!.storage!.backend.consistentIndex >= consistentIndex);
  }
  assert.deepEqual(world.violations, []);
});
