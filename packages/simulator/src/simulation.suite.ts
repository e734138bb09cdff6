/**
 * Simulated clusters: each planted mistake must be found, and then as many seeds as fit must pass. Arguments:
 * `--seed N` (the first; by default another one each time) and `--seconds N` (default 60).
 */
import assert from "node:assert/strict";
import test from "node:test";
import { parseArgs } from "node:util";
import { EXHIBITS, findFirst, simulate } from "./index.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: { seed: { type: "string" }, seconds: { type: "string", default: "60" } },
});

/** Within so many seeds every planted mistake shows itself. */
const MAX_SEEDS = 120;
const MAX_RUNS = 200;
const TROUBLE_MS = 15_000;

for (const exhibit of EXHIBITS) {
  test(`found: ${exhibit.mistake}`, { timeout: 300_000 }, async (t) => {
    const discovery = await findFirst(exhibit, MAX_SEEDS);
    assert.ok(discovery !== undefined, `${exhibit.name} is not found in ${MAX_SEEDS} seeds`);
    t.diagnostic(`seed ${discovery.seed}, ${discovery.rule}: ${discovery.violation}`);
  });
}

test("clusters in trouble lose nothing and become well again", { timeout: 1_200_000 }, async (t) => {
  const first = Number(values.seed ?? 1 + (Date.now() % 1_000_000_000));
  const endMs = performance.now() + Number(values.seconds) * 1_000;
  const failed: string[] = [];
  let runs = 0;
  for (; runs < MAX_RUNS && performance.now() < endMs; runs++) {
    const { seed, violations } = await simulate({ seed: first + runs, troubleMs: TROUBLE_MS });
    if (violations.length === 0) continue;
    const replay = `node packages/simulator/src/main.ts --seed ${seed} --trouble-ms ${TROUBLE_MS} --trace`;
    failed.push(`seed ${seed}: ${violations.slice(0, 3).join("\n")}\nreplay: ${replay}`);
  }
  t.diagnostic(`${runs} seeds from ${first}`);
  assert.deepEqual(failed, []);
});
