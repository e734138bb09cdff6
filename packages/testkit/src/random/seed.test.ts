import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { repositoryRoot } from "../repository-root.ts";
import { freshSeed, givenSeed } from "./seed.ts";

const FAILING = path.join(import.meta.dirname, "always-fails.testing.ts");

/** What a test file writes that draws in every way and fails with what it has drawn. */
function run(env: Record<string, string>): string {
  const { NODE_TEST_CONTEXT: _, QUORATE_SEED: _seed, QUORATE_SUITE: _suite, ...rest } = process.env;
  const args = ["--disable-warning=ExperimentalWarning", "--test-reporter=spec", FAILING];
  const { status, stdout } = spawnSync(process.execPath, args, {
    env: { ...rest, ...env },
    encoding: "utf8",
  });
  assert.equal(status, 1);
  return stdout;
}

/** By the names of the tests: what each has drawn, and the command that replays it. */
function failuresOf(output: string): Map<string, { readonly drew: string; readonly command: string }> {
  const found = (pattern: RegExp, block: string) => pattern.exec(block)?.[1] ?? assert.fail(output);
  const blocks = output.split("\ntest at ").slice(1);
  return new Map(
    blocks.map((block) => [
      found(/draws from a (\w+)/, block),
      { drew: found(/drew (\d+)/, block), command: found(/replay: (.*)/, block) },
    ]),
  );
}

test("a random test that fails names the command that replays it, whatever it draws with", () => {
  const first = failuresOf(run({}));
  assert.deepEqual([...first.keys()].sort(), ["property", "seed"]);
  for (const [name, { drew, command }] of first) {
    const [, seed, file] = /^QUORATE_SEED=(\d+) npm run test:unit -- (\S+)$/.exec(command)!;
    assert.equal(file, path.relative(repositoryRoot, FAILING));
    const replayed = failuresOf(run({ QUORATE_SEED: seed! }));
    assert.equal(replayed.get(name)?.drew, drew, name);
    assert.deepEqual(
      [...replayed.values()].map((failure) => failure.command),
      [command, command],
    );
  }
});

test("what fails in a suite names the suite, its target and its arguments", () => {
  const output = run({
    QUORATE_SUITE: "crash",
    QUORATE_TARGET: "etcd",
    QUORATE_SUITE_ARGS: '["--kills","9"]',
    QUORATE_SEED: "5",
  });
  const command =
    "replay: QUORATE_SEED=5 node_modules/.bin/node scripts/run-suite.ts crash --target 'etcd' -- --kills 9";
  assert.ok(output.includes(command), output);
});

test("a seed that is none is an error", (t) => {
  const before = process.env.QUORATE_SEED;
  t.after(() => {
    if (before === undefined) delete process.env.QUORATE_SEED;
    else process.env.QUORATE_SEED = before;
  });
  process.env.QUORATE_SEED = "x1";
  assert.throws(() => freshSeed(), /QUORATE_SEED=x1/);
  process.env.QUORATE_SEED = "17";
  assert.equal(freshSeed(), 17);
  process.env.QUORATE_SEED = "";
  assert.equal(givenSeed(), undefined);
});
