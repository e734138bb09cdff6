import assert from "node:assert/strict";
import { test } from "node:test";
import type { Change } from "./change.ts";
import { bytes, memoryBackend, openStore, put } from "./testing.ts";

const NO_END = new Uint8Array(0);
const VALUE = "v".repeat(100_000);
const PUTS = 200;

/** The steps in which a history of `PUTS` values of 100,000 bytes is read, each of at most `maxBytes`. */
async function stepsOf(keys: number, key: string, end: string, maxBytes: number): Promise<Change[][]> {
  const backend = memoryBackend();
  const store = await openStore(backend);
  for (let i = 0; i < PUTS; i++) put(store, `k${i % keys}`, VALUE);
  const scan = store.openHistory(bytes(key), end === "" ? NO_END : bytes(end), 2, store.currentRevision);
  const steps: Change[][] = [];
  while (scan.position < store.currentRevision) {
    const step: Change[] = [];
    scan.advance(256, maxBytes, step);
    steps.push(step);
  }
  scan.close();
  return steps;
}

const cases = [
  { name: "one key", keys: 1, key: "k0", end: "" },
  { name: "a range of few keys", keys: 40, key: "k", end: "l" },
  { name: "a range of many keys", keys: 150, key: "k", end: "l" },
];
for (const { name, keys, key, end } of cases) {
  test(`a step through the history of ${name} is as large as allowed, and no larger`, async () => {
    const steps = await stepsOf(keys, key, end, 1_000_000);
    const mains = steps.flat().map(({ main }) => main);
    assert.deepEqual(
      mains,
      Array.from({ length: PUTS }, (_, i) => i + 2),
    );
    for (const step of steps) assert.ok(step.length <= 10, `${step.length} records of 100,000 bytes`);
    assert.ok(steps.length <= PUTS / 10 + PUTS / 16 + 1, `${steps.length} steps`);
  });

  test(`a record that is larger than a step of the history of ${name} is a step`, async () => {
    const steps = await stepsOf(keys, key, end, 1);
    assert.deepEqual(
      steps.map(({ length }) => length),
      new Array(PUTS).fill(1),
    );
  });
}

test("records of other keys count too", async () => {
  const store = await openStore(memoryBackend());
  for (let i = 0; i < PUTS; i++) put(store, `k${i % 150}`, VALUE);
  // Of few revisions all records are looked at, whoever they belong to.
  const scan = store.openHistory(bytes("k0"), NO_END, 2, 61);
  let steps = 0;
  for (; scan.position < 61; steps++) scan.advance(256, 1_000_000, []);
  assert.equal(steps, 6);
});
