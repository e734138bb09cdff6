/**
 * `kill -9` at random moments under load: while writing, while starting, during compaction and defragmentation.
 * Nothing acknowledged may be lost, nothing may appear twice, watchers must resume without a gap.
 * Arguments: `-- --kills N --seed N`.
 */
import { parseArgs } from "node:util";
import { Server } from "@quorate/testkit/process";
import { freshSeed, testWithSeed } from "@quorate/testkit/seed";
import { target } from "@quorate/testkit/target";
import { Scenario } from "./scenario.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: { kills: { type: "string", default: "200" }, seed: { type: "string" } },
});
const kills = Number(values.kills);
const seed = values.seed === undefined ? freshSeed() : Number(values.seed);

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

testWithSeed(`${kills} kills under load lose nothing (seed ${seed})`, { seed }, async (_, t) => {
  await using server = await Server.create({ command: target().command });
  const scenario = new Scenario(server, seed);
  const { random } = scenario;
  const startedAt = performance.now();
  let startMs = 0;
  let life = 0;
  try {
    for (; life < kills; life++) {
      if (random.chance(0.1)) {
        // Killed before it serves: recovery itself must be repeatable.
        server.spawn();
        await pause(random.below(400));
        await server.kill();
        continue;
      }
      await scenario.up();
      startMs += server.startedInMs;
      const livesMs = random.chance(0.2) ? random.below(20) : random.between(20, 600);
      const dies = pause(livesMs);
      if (random.chance(0.3)) scenario.beside(scenario.takeHash());
      if (random.chance(0.2)) scenario.beside(scenario.compact(random.chance(0.5)));
      if (random.chance(0.1)) scenario.beside(scenario.etcd.defragment({}));
      if (random.chance(0.5)) scenario.beside(scenario.probe());
      await dies;
      scenario.throwFailures();
      await scenario.kill();
      if (life % 5 === 4) {
        await scenario.up();
        await scenario.audit();
        await scenario.probe();
        await scenario.kill();
      }
    }
    await scenario.up();
    await scenario.finish();
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(
      `seed ${seed}, life ${life}: ${text}\nthe member's output ends:\n${server.tail.slice(-3_000)}`,
    );
  } finally {
    scenario.abandon();
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  t.diagnostic(
    `${kills} kills in ${seconds.toFixed(0)} s, ${scenario.history.revision} revisions, ` +
      `${scenario.history.acknowledgedCount} acknowledged writes, mean start ${(startMs / kills).toFixed(0)} ms`,
  );
});
