/**
 * Random searches that run a few times among all other tests, here for longer: every test file that asks `searchRuns` how
 * often. `node scripts/run-suite.ts searches`
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { repositoryRoot } from "@quorate/testkit/target";

const files = globSync("packages/*/src/**/*.test.ts", { cwd: repositoryRoot })
  .filter((file) => /\bsearchRuns\(/.test(readFileSync(path.join(repositoryRoot, file), "utf8")))
  .sort();

test("there are searches", () => assert.ok(files.length >= 8, files.join()));

for (const file of files) {
  test(file, () => {
    // Its own tests are told to its own runner, and it names itself in what it says about a replay.
    const { NODE_TEST_CONTEXT: _, QUORATE_SUITE: _suite, ...env } = process.env;
    const { status, stdout } = spawnSync(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", "--test", "--test-reporter=spec", file],
      { cwd: repositoryRoot, env: { ...env, QUORATE_SEARCH: "long" }, encoding: "utf8", maxBuffer: 2 ** 28 },
    );
    assert.equal(status, 0, stdout);
  });
}
