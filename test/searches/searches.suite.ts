/**
 * Random searches that run a few times among all other tests, here for longer: every test file that asks `searchRuns` how
 * often. `node scripts/run-suite.ts searches`
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { repositoryRoot } from "@quorate/testkit/target";

const files = globSync("packages/*/src/**/*.test.ts", { cwd: repositoryRoot })
  .filter((file) => /\bsearchRuns\(/.test(readFileSync(path.join(repositoryRoot, file), "utf8")))
  .sort();

test("there are searches", () => assert.ok(files.length >= 8, files.join()));

describe("searches", { concurrency: availableParallelism() }, () => {
  for (const file of files) test(file, async () => assert.equal(await failureOf(file), undefined));
});

/** What it says when it fails. */
function failureOf(file: string): Promise<string | undefined> {
  // Its own tests are told to its own runner, and it names itself in what it says about a replay.
  const { NODE_TEST_CONTEXT: _, QUORATE_SUITE: _suite, ...env } = process.env;
  const args = ["--disable-warning=ExperimentalWarning", "--test", "--test-reporter=spec", file];
  const options = { cwd: repositoryRoot, env: { ...env, QUORATE_SEARCH: "long" }, maxBuffer: 2 ** 28 };
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, stdout) =>
      resolve(error === null ? undefined : stdout || error.message),
    );
  });
}
