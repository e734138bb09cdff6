import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ciRuns, SUITES } from "./run-suite.ts";

const root = path.resolve(import.meta.dirname, "..");

test("every suite that there is has a name", () => {
  const files = globSync(
    ["packages/*/src/**/*.suite.ts", "packages/*/test/**/*.suite.ts", "test/**/*.suite.ts"],
    {
      cwd: root,
    },
  );
  assert.ok(files.length > 20);
  assert.deepEqual(
    files.map((file) => file.split(path.sep).join("/")).sort(),
    Object.values(SUITES)
      .map(({ file }) => file)
      .sort(),
  );
});

test("CI runs every suite once but those that are too long for it, some against a real etcd before", () => {
  const ours = Object.keys(SUITES).filter((name) => SUITES[name]!.onlyByName !== true);
  assert.deepEqual(
    ciRuns(false).map(([name]) => name),
    ours,
  );
  const runs = ciRuns(true);
  assert.deepEqual(
    runs.map(([name]) => name).filter((name) => !name.endsWith("-against-etcd")),
    ours,
  );
  const [first, second] = runs;
  assert.deepEqual(first, ["etcdctl-against-etcd", ["etcdctl", "--target", "etcd"]]);
  assert.deepEqual(second, ["etcdctl", ["etcdctl"]]);
  // A shell divides them into words, at blanks.
  for (const [name, args] of runs) assert.doesNotMatch(args.join(""), /\s|["'$*?]/, name);
});

test("CI has no list of its own", () => {
  const script = readFileSync(path.join(root, ".ci/run"), "utf8");
  assert.deepEqual(script.match(/run-suite\.ts.*/g), [
    "run-suite.ts, in its order; some of them against a real etcd first, where there is one.",
    "run-suite.ts --ci-list) || exit 1",
    "run-suite.ts $arguments",
  ]);
});
