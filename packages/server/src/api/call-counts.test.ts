import assert from "node:assert/strict";
import { test } from "node:test";
import { CallCounts, MAX_CLIENT_VERSIONS, MAX_VERSION_CHARS, UNKNOWN_VERSION } from "./call-counts.ts";

test("calls are counted by what their clients say, and only so many different things", () => {
  const counts = new CallCounts();
  counts.count(undefined, false);
  counts.count("3.7", true);
  counts.count("3.7", false);
  counts.count("3.7", false);
  assert.deepEqual(
    [...counts.versions],
    [
      [UNKNOWN_VERSION, { unary: 1, stream: 0 }],
      ["3.7", { unary: 2, stream: 1 }],
    ],
  );
  for (let i = 0; i < 2 * MAX_CLIENT_VERSIONS; i++) counts.count(`v${i}`, false);
  assert.equal(counts.versions.size, MAX_CLIENT_VERSIONS);
  assert.equal(counts.versions.get(UNKNOWN_VERSION)!.unary, 1 + MAX_CLIENT_VERSIONS + 2);
});

test("what no client needs for a version is none, also when nobody has come without one", () => {
  const counts = new CallCounts();
  counts.count("v".repeat(MAX_VERSION_CHARS + 1), true);
  for (let i = 0; i < MAX_CLIENT_VERSIONS; i++) counts.count(`v${i}`, false);
  assert.deepEqual(counts.versions.get(UNKNOWN_VERSION), { unary: 1, stream: 1 });
  assert.ok([...counts.versions.keys()].every((version) => version.length <= MAX_VERSION_CHARS));
});
