import assert from "node:assert/strict";
import { test } from "node:test";
import { growthOf } from "./growth.ts";

const before = {
  anonymousMiB: 400,
  mallocMiB: 100,
  committedHeapMiB: 150,
  heapMiB: 100,
  buffersMiB: 50,
  descriptors: 40,
  sockets: 5,
  timers: 6,
  promises: 100,
  watchStreams: 0,
  watchers: 0,
  proposalsPending: 0,
  databaseMiB: 1_000,
  logMiB: 320,
};

test("what is as it was, or smaller, has not grown", () => {
  assert.deepEqual(growthOf(before, before), []);
  assert.deepEqual(growthOf(before, { ...before, anonymousMiB: 10, descriptors: 3 }), []);
});

const grown: Partial<typeof before>[] = [
  { anonymousMiB: 800 },
  { mallocMiB: 300 },
  { committedHeapMiB: 400 },
  { heapMiB: 140 },
  { buffersMiB: 130 },
  { descriptors: 50 },
  { sockets: 15 },
  { timers: 15 },
  { promises: 400 },
  { watchStreams: 1 },
  { watchers: 1 },
  { proposalsPending: 10 },
  { databaseMiB: 1_500 },
  { logMiB: 1_000 },
];
for (const more of grown) {
  const name = Object.keys(more)[0]!;
  test(`more ${name} is growth`, () => {
    const faults = growthOf(before, { ...before, ...more });
    assert.equal(faults.length, 1);
    assert.match(faults[0]!, new RegExp(`^${name}: `));
  });
}
