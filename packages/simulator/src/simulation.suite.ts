/**
 * Simulated clusters: each planted mistake must be found, and then as many seeds as fit must pass; one that fails gets a
 * page with its timeline. Arguments: `--seed N` (the first; by default another one each time) and `--seconds N` (default
 * 60).
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import test, { describe } from "node:test";
import { parseArgs } from "node:util";
import { freshSeed } from "@quorate/testkit/seed";
import { EXHIBITS, explain, type RunResult, simulate } from "./index.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: { seed: { type: "string" }, seconds: { type: "string", default: "60" } },
});

/** Within so many seeds every planted mistake shows itself. */
const MAX_SEEDS = 120;
const MAX_RUNS = 200;
const TROUBLE_MS = 15_000;
/** Of so many seeds that fail, each is minimised; the pages of others show the whole run. */
const MAX_MINIMISED = 3;
const MINIMISE_LIMITS = { runs: 100, seconds: 60 };

describe("planted mistakes", { concurrency: availableParallelism() }, () => {
  for (const { name, mistake } of EXHIBITS) {
    test(`found: ${mistake}`, { timeout: 600_000 }, async (t) => {
      const { found, text } = await findInProcess(name);
      t.diagnostic(text);
      assert.ok(found, `${name} is not found in ${MAX_SEEDS} seeds: ${text}`);
    });
  }
});

test("clusters in trouble lose nothing and become well again", { timeout: 1_200_000 }, async (t) => {
  const first = Number(values.seed ?? freshSeed());
  const endMs = performance.now() + Number(values.seconds) * 1_000;
  const failed: string[] = [];
  let runs = 0;
  for (; runs < MAX_RUNS && performance.now() < endMs; runs++) {
    const result = await simulate({ seed: first + runs, troubleMs: TROUBLE_MS });
    if (result.violations.length > 0)
      failed.push(await describeFailed(result, failed.length < MAX_MINIMISED));
  }
  t.diagnostic(`${runs} seeds from ${first}`);
  assert.deepEqual(failed, []);
});

/** In a process of its own, so that all processors search. */
function findInProcess(name: string): Promise<{ readonly found: boolean; readonly text: string }> {
  const script = path.join(import.meta.dirname, "main.ts");
  const args = ["--museum", "--only", name, "--max-seeds", String(MAX_SEEDS)];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", script, ...args],
      (error, stdout, stderr) =>
        resolve({ found: error === null, text: `${stdout}${stderr}`.trim().slice(0, 2_000) }),
    );
  });
}

async function describeFailed(result: RunResult, isMinimised: boolean): Promise<string> {
  const { seed, violations } = result;
  const file = path.join(mkdtempSync(path.join(tmpdir(), "quorate-simulation-")), `seed-${seed}.html`);
  const options = { seed, troubleMs: TROUBLE_MS };
  const { replay } = await explain(options, result, file, isMinimised ? MINIMISE_LIMITS : undefined);
  return `seed ${seed}: ${violations.slice(0, 3).join("\n")}\nreplay: ${replay} --trace\ntimeline: ${file}`;
}
