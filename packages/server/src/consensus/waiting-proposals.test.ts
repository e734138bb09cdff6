import assert from "node:assert/strict";
import { test } from "node:test";
import { Probe } from "./testing.ts";
import { WaitingProposals } from "./waiting-proposals.ts";

function waitingOf(probes: readonly Probe[]): WaitingProposals {
  const waiting = new WaitingProposals();
  for (const probe of probes) waiting.add(probe);
  return waiting;
}

const probes = (...sizes: number[]) => sizes.map((size) => new Probe({ data: new Uint8Array(size) }));

for (const { name, sizes, maxBytes, maxCount = 100, batches } of [
  { name: "all that fit go together", sizes: [3, 3, 4], maxBytes: 10, batches: [3] },
  { name: "a batch ends before it is too large", sizes: [3, 3, 5, 9], maxBytes: 10, batches: [2, 1, 1] },
  { name: "one that is too large goes alone", sizes: [50, 1, 1], maxBytes: 10, batches: [1, 2] },
  {
    name: "a batch ends before it is too many",
    sizes: [1, 1, 1, 1, 1],
    maxBytes: 10,
    maxCount: 2,
    batches: [2, 2, 1],
  },
]) {
  test(`${name}, in order`, () => {
    const all = probes(...sizes);
    const waiting = waitingOf(all);
    const taken = [];
    while (waiting.size > 0) taken.push(waiting.takeBatch(maxBytes, maxCount));
    assert.deepEqual(
      taken.map((batch) => batch.length),
      batches,
    );
    assert.deepEqual(taken.flat(), all);
    assert.equal(waiting.bytes, 0);
  });
}

test("a batch that was not taken is the first one again", () => {
  const [first, second, third] = probes(4, 4, 4);
  const waiting = waitingOf([first!, second!]);
  const { bytes } = waiting;
  waiting.putBack(waiting.takeBatch(4, 10));
  assert.equal(waiting.bytes, bytes);
  waiting.add(third!);
  assert.deepEqual(waiting.takeBatch(100, 10), [first, second, third]);
});

test("who waited too long is told so, and the others go on", () => {
  const [old, young] = [new Probe({ startedMs: 100 }), new Probe({ startedMs: 200 })];
  const waiting = waitingOf([old, young]);
  waiting.expire(200);
  assert.equal(old.outcome, "context deadline exceeded");
  assert.equal(young.outcome, "waiting");
  assert.deepEqual(waiting.takeBatch(1, 10), [young]);
  assert.equal(waiting.bytes, 0);
});

test("what only a leader may propose is refused without touching the rest", () => {
  const [leaders, anybodys] = [new Probe({ leaderOnly: true }), new Probe({})];
  const waiting = waitingOf([leaders, anybodys]);
  waiting.refuseLeaderOnly();
  assert.equal(leaders.outcome, "not a primary lessor");
  assert.equal(anybodys.outcome, "waiting");
  waiting.failAll(new Error("stopped"));
  assert.equal(anybodys.outcome, "stopped");
  assert.deepEqual([waiting.size, waiting.bytes], [0, 0]);
});
