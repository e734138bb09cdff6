import assert from "node:assert/strict";
import test from "node:test";
import { HotPrefixes } from "./hot-prefixes.ts";

const event = (key: string, value = "v") => ({
  type: 0,
  kv: {
    key: Buffer.from(key),
    value: Buffer.from(value),
    createRevision: 1n,
    modRevision: 1n,
    version: 1n,
    lease: 0n,
  },
  prevKv: undefined,
});

const cases = [
  { name: "the first part", key: "a/b/c", separator: "/", depth: 1, want: "a/" },
  { name: "two parts", key: "a/b/c", separator: "/", depth: 2, want: "a/b/" },
  { name: "a separator at the beginning is no part", key: "/a/b/c", separator: "/", depth: 1, want: "/a/" },
  { name: "a key without so many parts is itself", key: "a/b", separator: "/", depth: 3, want: "a/b" },
  { name: "a separator of several characters", key: "a::b::c", separator: "::", depth: 1, want: "a::" },
  { name: "no separator", key: "a/b", separator: "", depth: 1, want: "a/b" },
  { name: "an empty part is one", key: "a//b", separator: "/", depth: 2, want: "a//" },
];
for (const { name, key, separator, depth, want } of cases)
  test(`keys are told apart by their prefixes: ${name}`, () => {
    const prefixes = new HotPrefixes(separator, depth);
    prefixes.add(event(key));
    assert.deepEqual(
      prefixes.take().map((each) => each.name),
      [want],
    );
  });

test("what changes most comes first, and counts begin anew with each look", () => {
  const prefixes = new HotPrefixes("/", 1);
  for (const key of ["a/1", "b/1", "b/2", "c/1"]) prefixes.add(event(key, "12"));
  assert.deepEqual(prefixes.take(), [
    { name: "b/", changes: 2, bytes: 10, total: 2 },
    { name: "a/", changes: 1, bytes: 5, total: 1 },
    { name: "c/", changes: 1, bytes: 5, total: 1 },
  ]);
  prefixes.add(event("c/9"));
  assert.deepEqual(prefixes.take(), [
    { name: "c/", changes: 1, bytes: 4, total: 2 },
    { name: "b/", changes: 0, bytes: 0, total: 2 },
    { name: "a/", changes: 0, bytes: 0, total: 1 },
  ]);
});

test("however many prefixes there are, memory is bounded", () => {
  const prefixes = new HotPrefixes("/", 1);
  for (let i = 0; i < 20_000; i++) prefixes.add(event(`${i}/x`));
  const taken = prefixes.take();
  assert.equal(taken.length, 10_001);
  assert.deepEqual([taken[0]!.name, taken[0]!.changes], ["(others)", 10_000]);
});
