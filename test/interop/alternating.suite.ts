/**
 * etcd and we by turns on one data directory, each killed under load: nothing is converted, nothing acknowledged is lost,
 * HashKV is the same, and the database file is sound whoever wrote to it last. Arguments: `-- --kills N --seed N`.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { realEtcd } from "@quorate/testkit/etcd";
import { Server } from "@quorate/testkit/process";
import { freshSeed, testWithSeed } from "@quorate/testkit/seed";
import { repositoryRoot } from "@quorate/testkit/target";
import { Database } from "../../packages/bbolt/src/database/database.ts";
import { Scenario } from "../crash/scenario.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: { kills: { type: "string", default: "20" }, seed: { type: "string" } },
});
const kills = Number(values.kills);
const seed = values.seed === undefined ? freshSeed() : Number(values.seed);
const OURS = path.join(repositoryRoot, "bin/etcd");

const etcd = realEtcd();
const skip = "missing" in etcd ? etcd.missing : false;
const theirs = "found" in etcd ? etcd.found.etcd : "";

/** Both are stopped the hard way, so each finds what the other had no time to put in order. */
async function assertSound(server: Server): Promise<void> {
  const file = path.join(server.dataDir, "member/snap/db");
  await using database = await Database.open(file, { readOnly: true, map: false });
  const { faults } = await database.check();
  assert.deepEqual(faults.map(String), []);
  assert.ok(!existsSync(`${file}.bbolt`), "nothing was converted");
}

testWithSeed(
  `etcd and we by turns, ${kills} kills, lose nothing (seed ${seed})`,
  { seed, skip },
  async (_, t) => {
    await using server = await Server.create({
      command: ["sh", "-c", 'exec "$PROGRAM" "$@"', "sh"],
    });
    const scenario = new Scenario(server, seed);
    const { random } = scenario;
    let life = 0;
    const program = () => ({ PROGRAM: life % 2 === 0 ? theirs : OURS });
    try {
      for (; life < kills; life++) {
        await scenario.up(program());
        const dies = new Promise((resolve) => setTimeout(resolve, random.between(20, 600)));
        if (random.chance(0.5)) scenario.beside(scenario.takeHash());
        if (random.chance(0.3)) scenario.beside(scenario.compact(random.chance(0.5)));
        if (random.chance(0.2)) scenario.beside(scenario.etcd.defragment({}));
        await dies;
        if (random.chance(0.5)) await scenario.audit();
        scenario.throwFailures();
        await scenario.kill();
        await assertSound(server);
      }
      await scenario.up(program());
      await scenario.finish();
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const who = life % 2 === 0 ? "etcd" : "we";
      throw new Error(
        `seed ${seed}, life ${life} (${who}): ${text}\nits output ends:\n${server.tail.slice(-3_000)}`,
      );
    } finally {
      scenario.abandon();
    }
    t.diagnostic(
      `${kills} kills, ${scenario.history.revision} revisions, ${scenario.history.acknowledgedCount} acknowledged writes`,
    );
  },
);
