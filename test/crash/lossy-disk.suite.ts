/**
 * Power cuts: the member is killed under load, and writes it had not synced are dropped or torn before it starts
 * again. The same must hold as after a plain kill. Arguments: `-- --cuts N --seed N`.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { parseArgs } from "node:util";
import { EtcdError } from "@quorate/testkit/grpc";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { freshSeed, testWithSeed } from "@quorate/testkit/seed";
import { target } from "@quorate/testkit/target";
import { buildLossyDisk, loseUnsynced } from "./lossy-disk.ts";
import { Scenario } from "./scenario.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: { cuts: { type: "string", default: "40" }, seed: { type: "string" } },
});
const cuts = Number(values.cuts);
const seed = values.seed === undefined ? freshSeed() : Number(values.seed);
const built = buildLossyDisk();

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

interface Totals {
  writes: number;
  syncs: number;
  unsynced: number;
  dropped: number;
  torn: number;
}

/** Cuts the power `count` times and checks everything; throws when something is lost. */
async function cutPower(
  library: string,
  count: number,
  lies: boolean,
): Promise<{ total: Totals; acknowledged: number }> {
  const base = temporaryDir("lossy");
  await using server = await Server.create({ command: target().command, dataDir: path.join(base, "data") });
  const scenario = new Scenario(server, seed);
  const { random } = scenario;
  const total: Totals = { writes: 0, syncs: 0, unsynced: 0, dropped: 0, torn: 0 };
  let life = 0;
  try {
    for (; life < count; life++) {
      const journal = path.join(base, `journal-${life}`);
      const env: Record<string, string> = {
        LD_PRELOAD: library,
        LOSSY_DIR: server.dataDir,
        LOSSY_JOURNAL: journal,
      };
      if (lies) env.LOSSY_LIE = "1";
      // Half of the cuts come in the middle of a write, wherever that is; some while the member starts.
      if (random.chance(0.5)) env.LOSSY_CUT_AFTER = String(random.between(1, 300));
      let started = true;
      try {
        await scenario.up(env);
        if (life % 3 === 2 && env.LOSSY_CUT_AFTER === undefined) await scenario.audit();
        if (random.chance(0.3)) scenario.beside(scenario.takeHash());
        if (random.chance(0.3)) scenario.beside(scenario.compact(random.chance(0.5)));
        if (random.chance(0.1)) scenario.beside(scenario.etcd.defragment({}));
      } catch (error) {
        const cut =
          error instanceof Error && (/ended with SIGKILL/.test(error.message) || error instanceof EtcdError);
        if (!cut || env.LOSSY_CUT_AFTER === undefined) throw error;
        started = false;
      }
      if (started) await Promise.race([server.exited, pause(random.between(20, 700))]);
      scenario.throwFailures();
      await scenario.kill();
      const loss = loseUnsynced(journal, server.dataDir, random);
      for (const key of Object.keys(total) as (keyof Totals)[]) total[key] += loss[key];
    }
    await scenario.up();
    await scenario.finish();
    return { total, acknowledged: scenario.history.acknowledgedCount };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(
      `seed ${seed}, life ${life}: ${text}\nthe member's output ends:\n${server.tail.slice(-3_000)}`,
    );
  } finally {
    scenario.abandon();
  }
}

const skip = "missing" in built ? built.missing : false;

testWithSeed(
  `${cuts} power cuts lose nothing that was acknowledged (seed ${seed})`,
  { seed, skip },
  async (_, t) => {
    if ("missing" in built) return;
    const { total, acknowledged } = await cutPower(built.found, cuts, false);
    // A disk that saw nothing has tested nothing.
    assert.ok(total.writes > 0 && total.syncs > 0 && total.unsynced > 0, JSON.stringify(total));
    t.diagnostic(`${JSON.stringify(total)}, ${acknowledged} acknowledged writes`);
  },
);

test("a disk that forgets its syncs is noticed", { skip }, async () => {
  if ("missing" in built) return;
  await assert.rejects(
    cutPower(built.found, 15, true),
    /acknowledged|is lost|lost entries|duplicate|a gap|another watcher|crc mismatch|corrupt|position/i,
  );
});
