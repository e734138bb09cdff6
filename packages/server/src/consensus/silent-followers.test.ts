import assert from "node:assert/strict";
import { test } from "node:test";
import { SilentFollowers } from "./silent-followers.ts";

const TIMEOUT_TICKS = 3;

/** Ticks of a leader of 2 and 3; `heard[t]`: of whom something is heard before tick t. Returns who is silent at each. */
function run(heard: readonly bigint[][]): bigint[][] {
  const followers = new SilentFollowers(TIMEOUT_TICKS);
  followers.leads();
  return heard.map((froms) => {
    for (const from of froms) followers.heard(from);
    return followers.tick([2n, 3n]);
  });
}

for (const { name, heard, silent } of [
  {
    name: "nobody is silent before an election timeout has passed",
    heard: [[], [], []],
    silent: [[], [], []],
  },
  {
    name: "who said nothing for longer is silent, until something is heard again",
    heard: [[2n, 3n], [3n], [3n], [3n], [3n], [2n, 3n]],
    silent: [[], [], [], [2n], [2n], []],
  },
  {
    name: "one message in each tick is enough",
    heard: [
      [2n, 3n, 2n],
      [2n, 3n],
      [3n, 2n],
      [2n, 3n],
      [2n, 3n],
      [2n, 3n],
    ],
    silent: [[], [], [], [], [], []],
  },
]) {
  test(name, () => assert.deepEqual(run(heard), silent));
}

test("a new leader gives everybody an election timeout of its own", () => {
  const followers = new SilentFollowers(TIMEOUT_TICKS);
  followers.leads();
  for (let i = 0; i < 10; i++) followers.tick([2n]);
  followers.leads();
  assert.deepEqual(
    Array.from({ length: 4 }, () => followers.tick([2n])),
    [[], [], [], [2n]],
  );
});
