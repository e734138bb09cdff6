import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { EventQueue } from "./event-queue.ts";

testWithSeed("events come by time, and at one moment in the order in which they were set", (seed) => {
  const random = new SeededRandom(seed);
  const queue = new EventQueue();
  const expected: { atMs: number; name: number }[] = [];
  const happened: number[] = [];
  for (let name = 0; name < 2_000; name++) {
    const atMs = random.below(200);
    queue.add(atMs, () => happened.push(name));
    expected.push({ atMs, name });
  }
  for (let event = queue.takeFirst(); event !== undefined; event = queue.takeFirst()) event.run?.();
  const sorted = expected.toSorted((a, b) => a.atMs - b.atMs).map(({ name }) => name);
  assert.deepEqual(happened, sorted);
  assert.equal(queue.size, 0);
});

test("equal seeds give equal numbers, other seeds others", () => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 50 }, () => random.below(1_000));
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
  assert.ok(draw(9).every((number) => Number.isInteger(number) && number >= 0 && number < 1_000));
});
