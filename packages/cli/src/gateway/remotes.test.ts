import assert from "node:assert/strict";
import test from "node:test";
import { type Remote, Remotes } from "./remotes.ts";

function remote(host: string, priority = 0, weight = 0): Remote {
  return { host, port: 2379, priority, weight };
}

/** Draws these numbers, one after another. */
function drawing(...drawn: number[]): () => number {
  return () => drawn.shift()!;
}

const cases: { name: string; all: Remote[]; failed?: string[]; drawn?: number[]; want: string[] }[] = [
  {
    name: "without weights they take turns",
    all: [remote("a"), remote("b"), remote("c")],
    want: ["a", "b", "c", "a"],
  },
  {
    name: "those that have failed have no turn",
    all: [remote("a"), remote("b"), remote("c")],
    failed: ["b"],
    want: ["a", "c", "a"],
  },
  {
    name: "the lowest priority is served before any other",
    all: [remote("a", 2, 100), remote("b", 1), remote("c", 1)],
    want: ["b", "c", "b"],
  },
  {
    name: "another priority is served when all of the lowest have failed",
    all: [remote("a", 2), remote("b", 1)],
    failed: ["b"],
    want: ["a", "a"],
  },
  {
    name: "weights are shares",
    all: [remote("a", 0, 1), remote("b", 0, 3)],
    drawn: [0, 0.24, 0.25, 0.99],
    want: ["a", "a", "b", "b"],
  },
  {
    name: "what has no weight gets one in a hundred beside some that have",
    all: [remote("a", 0, 5), remote("b")],
    drawn: [0.01, 0.5, 0.009, 0.99, 0.5],
    want: ["a", "b", "a"],
  },
];
for (const { name, all, failed = [], drawn = [], want } of cases) {
  test(name, () => {
    const remotes = new Remotes(all, drawing(...drawn));
    for (const each of all) if (failed.includes(each.host)) remotes.markFailed(each);
    assert.deepEqual(
      want.map(() => remotes.choose()?.host),
      want,
    );
  });
}

test("there is none when all have failed, until one is well again", () => {
  const only = remote("a");
  const remotes = new Remotes([only], Math.random);
  remotes.markFailed(only);
  assert.deepEqual([remotes.choose(), remotes.failed], [undefined, [only]]);
  remotes.markWell(only);
  assert.deepEqual([remotes.choose(), remotes.failed], [only, []]);
});
