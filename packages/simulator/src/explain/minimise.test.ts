import assert from "node:assert/strict";
import test from "node:test";
import { testWithSeed } from "@quorate/testkit/seed";
import { type RunResult, simulate } from "../index.ts";
import { minimise } from "./minimise.ts";
import { parseClients, parseFaultNumbers, replayCommand, resolveReplay } from "./replay.ts";
import { violatedRule } from "./violated-rule.ts";

const TROUBLE_MS = 6_000;
const MAX_SEEDS = 40;

testWithSeed(
  "a run whose faults are played as they were made is the same run",
  { timeout: 600_000 },
  async (first) => {
    let seed = first;
    const options = () => ({ seed, troubleMs: 4_000 });
    let drawn = await simulate(options());
    // In some runs so little goes wrong that so short a time passes without.
    while (drawn.faults.length === 0) {
      seed++;
      assert.ok(seed < first + MAX_SEEDS, "nothing goes wrong in any run");
      drawn = await simulate(options());
    }
    const played = await simulate({ ...options(), faults: drawn.faults });
    assert.equal(played.digest, drawn.digest, `seed ${seed}`);
    assert.deepEqual(played.faults, drawn.faults, `seed ${seed}`);
  },
);

test("clients that are left out do nothing, and the faults stay as they are", {
  timeout: 600_000,
}, async () => {
  const options = { seed: 3, troubleMs: 3_000 };
  const whole = await simulate(options);
  const others = whole.clients.slice(1);
  const less = await simulate({ ...options, faults: whole.faults, onlyClients: others });
  assert.deepEqual(less.clients, others);
  assert.deepEqual(less.faults, whole.faults);
  const none = await simulate({ ...options, faults: [], onlyClients: [] });
  assert.deepEqual([none.clients, none.faults, none.violations], [[], [], []]);
  assert.ok(none.operations < whole.operations);
});

/** At most so many faults and clients are left of each: what the mistake needs. */
const minimal: readonly {
  readonly plant: string;
  readonly troubleMs: number;
  readonly faults: number;
  readonly clients: number;
}[] = [
  // One that loses what was not synced.
  { plant: "lying-disk", troubleMs: 6_000, faults: 2, clients: 1 },
  { plant: "early-acknowledgements", troubleMs: 6_000, faults: 4, clients: 2 },
];

for (const { plant, troubleMs, faults, clients } of minimal) {
  test(`what ${plant} needs to be found is little`, { timeout: 600_000 }, async (t) => {
    const failed = await findFailing(plant, troubleMs);
    const options = { seed: failed.seed, plants: [plant], troubleMs };
    const { rule, replay, runs } = await minimise(options, failed, { runs: 100, seconds: 600 });
    const { onlyFaults, onlyClients } = replay;
    t.diagnostic(
      `${failed.faults.length} to ${onlyFaults!.length} faults, ` +
        `${failed.clients.length} to ${onlyClients!.length} clients, ${troubleMs} to ${replay.troubleMs} ms ` +
        `in ${runs} runs: ${replayCommand(replay)}`,
    );
    assert.ok(onlyFaults!.length <= faults, `${onlyFaults!.length} faults`);
    assert.ok(onlyClients!.length <= clients, `${onlyClients!.length} clients`);
    const again = await simulate(await resolveReplay(replay));
    assert.ok(again.violations.map(violatedRule).includes(rule), replayCommand(replay));
  });
}

test("the search ends with its limits, at something that fails", { timeout: 600_000 }, async () => {
  const failed = await findFailing("lying-disk", TROUBLE_MS);
  const options = { seed: failed.seed, plants: ["lying-disk"], troubleMs: TROUBLE_MS };
  const { run, rule, runs, wasCutShort } = await minimise(options, failed, { runs: 3, seconds: 600 });
  assert.equal(runs, 3);
  assert.equal(wasCutShort, true);
  assert.ok((await simulate(run)).violations.map(violatedRule).includes(rule));
});

test("a replay is one command", () => {
  const replay = { seed: 7, plants: ["lying-disk"], troubleMs: 900, onlyFaults: [3, 7] };
  assert.equal(
    replayCommand({ ...replay, onlyClients: ["w0", "all of m1"] }),
    "node packages/simulator/src/main.ts --seed 7 --trouble-ms 900 --plant lying-disk --only-faults 3,7 " +
      '--only-clients "w0,all of m1"',
  );
  assert.match(replayCommand({ ...replay, onlyFaults: [] }), /--only-faults none$/);
  assert.deepEqual(parseFaultNumbers("none"), []);
  assert.deepEqual(parseFaultNumbers("3,7"), [3, 7]);
  assert.deepEqual(parseClients("w0,all of m1"), ["w0", "all of m1"]);
  assert.deepEqual(parseClients("none"), []);
  assert.throws(() => parseFaultNumbers("3,x"), /--only-faults takes numbers/);
});

async function findFailing(plant: string, troubleMs: number): Promise<RunResult> {
  for (let seed = 1; seed <= MAX_SEEDS; seed++) {
    const result = await simulate(await resolveReplay({ seed, plants: [plant], troubleMs }));
    if (result.violations.length > 0) return result;
  }
  throw new Error(`${plant} is not found in ${MAX_SEEDS} seeds`);
}
