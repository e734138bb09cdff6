import assert from "node:assert/strict";
import { test } from "node:test";
import type { Change } from "../keys/change.ts";
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

/** Deletes of `KEYS` keys in one revision, and of as many in a second one, after the revision that has put them. */
const KEYS = 6000;
const longCases = [
  { name: "a range of many keys", key: "k", end: "l", found: KEYS, looks: 2 * KEYS },
  { name: "one key", key: "k01234", end: "", found: 1, looks: 2 * 1024 },
  { name: "a range of few keys", key: "k01230", end: "k01260", found: 30, looks: 2 * 1024 + 60 },
];
for (const { name, key, end, found, looks } of longCases) {
  test(`a step through the history of ${name} ends inside a revision that has too many records`, async () => {
    const backend = memoryBackend();
    const store = await openStore(backend);
    for (let round = 0; round < 2; round++) {
      const puts = store.beginWrite();
      for (let i = 0; i < KEYS; i++) puts.put(bytes(`k${String(i).padStart(5, "0")}`), bytes("v"), 0n);
      puts.end();
      const deletes = store.beginWrite();
      deletes.deleteRange(bytes("k"), bytes("l"));
      deletes.end();
    }
    put(store, "kz", "v");
    let looked = 0;
    const count = <Arguments extends unknown[], Result>(read: (...args: Arguments) => Result) => {
      return (...args: Arguments): Result => {
        looked += 1;
        return read(...args);
      };
    };
    backend.getTombstone = count(backend.getTombstone.bind(backend));
    const { scanRevisions } = backend;
    backend.scanRevisions = (from, to) => {
      const scan = scanRevisions.call(backend, from, to);
      const { visit } = scan;
      scan.visit = (limit, visitor) => visit.call(scan, limit, count(visitor));
      return scan;
    };
    const scan = store.openHistory(bytes(key), end === "" ? NO_END : bytes(end), 3, 3);
    const all: Change[] = [];
    while (scan.position < 3) {
      const step: Change[] = [];
      const before = looked;
      scan.advance(256, 1_000_000, step);
      assert.ok(looked - before <= 1025, `${looked - before} records in a step`);
      all.push(...step);
    }
    assert.equal(all.length, found);
    assert.ok(all.every(({ main, deleted }) => main === 3 && deleted));
    const subs = all.map(({ sub }) => sub);
    assert.deepEqual(
      subs,
      Array.from({ length: found }, (_, i) => subs[0]! + i),
    );
    assert.ok(looked <= looks, `${looked} records were read`);
  });
}

test("large records of one revision are read in several steps, whoever reads them", async () => {
  for (const end of ["", "l"]) {
    const store = await openStore(memoryBackend());
    for (let i = 0; i < 100; i++) put(store, "other", "v");
    const txn = store.beginWrite();
    for (let i = 0; i < 30; i++) txn.put(bytes(end === "" ? "k" : `k${i}`), bytes(VALUE), 0n);
    txn.end();
    for (let i = 0; i < 100; i++) put(store, "other", "v");
    const to = store.currentRevision;
    const scan = store.openHistory(bytes("k"), end === "" ? NO_END : bytes(end), 2, to);
    const steps: number[] = [];
    const subs: number[] = [];
    while (scan.position < to) {
      const step: Change[] = [];
      scan.advance(256, 200_000, step);
      if (step.length > 0) steps.push(step.length);
      subs.push(...step.map(({ sub }) => sub));
      if (subs.length < 30) assert.ok(scan.position <= 101, "the revision is not complete");
    }
    assert.deepEqual(
      subs,
      Array.from({ length: 30 }, (_, i) => i),
    );
    assert.ok(Math.max(...steps) <= 9, `${steps}`);
  }
});

test("records of other keys count too", async () => {
  const store = await openStore(memoryBackend());
  for (let i = 0; i < PUTS; i++) put(store, `k${i % 150}`, VALUE);
  // Of few revisions all records are looked at, whoever they belong to.
  const scan = store.openHistory(bytes("k0"), NO_END, 2, 61);
  let steps = 0;
  for (; scan.position < 61; steps++) scan.advance(256, 1_000_000, []);
  assert.equal(steps, 6);
});
