import assert from "node:assert/strict";
import test from "node:test";
import { Harness, lineOf, see } from "./testing/harness.ts";
import type { Operation } from "./testing/memory-store.ts";

const KEYS = 5000;

function nameOf(i: number): string {
  return `k${String(i).padStart(5, "0")}`;
}

function puts(count: number, value: string): Operation[] {
  return Array.from({ length: count }, (_, i) => ({ put: nameOf(i), value }));
}

function deletes(count: number): Operation[] {
  return Array.from({ length: count }, (_, i) => ({ delete: nameOf(i) }));
}

/** A store with a revision (2) of many puts, whose clock ends a slice with every step. */
function manyKeys(): Harness {
  const harness = new Harness();
  harness.clock.costOfLookMs = 3;
  harness.store.maxChanges = 1024;
  harness.store.write(...puts(KEYS, "v"));
  return harness;
}

test("a long revision is read and put together over many turns, and comes as one response", () => {
  const harness = manyKeys();
  const client = harness.open();
  client.create({ key: "k", end: "l", prevKv: true });
  client.sink.take();
  harness.store.write(...deletes(KEYS));
  const { store } = harness;
  let turns = 0;
  let most = 0;
  for (let before = store.lookups; harness.clock.runTurn(); before = store.lookups) {
    turns += 1;
    most = Math.max(most, store.lookups - before);
  }
  assert.ok(turns >= KEYS / 256, `${turns} turns`);
  assert.ok(most <= 256, `${most} previous values in one turn`);
  for (const { records } of store.steps) assert.ok(records <= 1024, `${records} records in one step`);
  const [response, ...none] = client.read();
  assert.deepEqual(none, []);
  assert.deepEqual(
    response!.events.map(({ key, mod, prev }) => `${key}@${mod} ${prev?.mod}`),
    Array.from({ length: KEYS }, (_, i) => `${nameOf(i)}@3 2`),
  );
});

test("large previous values of a few changes are read over several turns as well", () => {
  const harness = new Harness();
  harness.clock.costOfLookMs = 3;
  harness.store.write(...puts(40, "x".repeat(500_000)));
  const plain = harness.open();
  plain.create({ key: "k", end: "l" });
  const client = harness.open();
  client.create({ key: "k", end: "l", prevKv: true });
  client.sink.take();
  const { store } = harness;
  const before = store.lookups;
  store.write(...deletes(40));
  assert.ok(store.lookups - before <= 9, `${store.lookups - before} of 500,000 bytes when it is applied`);
  assert.equal(plain.sink.messages.length, 2);
  for (let last = store.lookups; harness.clock.runTurn(); last = store.lookups) {
    assert.ok(store.lookups - last <= 3, `${store.lookups - last} of 500,000 bytes in a turn`);
  }
  assert.deepEqual(
    client.read().map(({ events }) => events.map(({ prev }) => prev?.value.length)),
    [new Array(40).fill(500_000)],
  );
});

test("a compaction in the middle of a long revision leaves nothing of it, and what came before is sent", () => {
  const harness = manyKeys();
  harness.store.put("k9");
  harness.store.write(...deletes(KEYS));
  harness.store.put("k9");
  const client = harness.open();
  client.create({ key: "k", end: "l", start: 2 });
  const middle = Math.ceil(KEYS / 256) + 8;
  for (let turn = 0; turn < middle; turn++) harness.clock.runTurn();
  harness.store.compact(5);
  const seen = client.read();
  assert.deepEqual(
    seen.slice(1).map(({ events }) => [events.length, events[0]?.mod, events.at(-1)?.mod]),
    [
      [KEYS + 1, 2, 3],
      [0, undefined, undefined],
    ],
  );
  assert.equal(lineOf(seen.at(-1)!), "H(0) 0 canceled compacted 5");
});

test("a compaction to a long revision that is being read takes nothing of it", () => {
  const harness = manyKeys();
  harness.store.write(...deletes(KEYS));
  const client = harness.open();
  client.create({ key: "k", end: "l", start: 3 });
  for (let turn = 0; turn < 8; turn++) harness.clock.runTurn();
  harness.store.compact(3);
  assert.deepEqual(
    client.read().map(({ events }) => events.length),
    [0, KEYS],
  );
});

test("a response that is long in the making is finished although its stream fills up again and again", () => {
  const harness = manyKeys();
  const client = harness.open();
  client.sink.capacity = 2;
  client.create({ key: "other" });
  client.create({ key: "k", end: "l", start: 2 });
  client.sink.take();
  client.stream.drained();
  let events = 0;
  let timesFull = 0;
  for (let turn = 0; turn < 200 && events < KEYS; turn++) {
    harness.clock.runTurn();
    for (let i = 0; i < 2; i++) harness.store.put("other");
    if (client.stream.full) timesFull += 1;
    harness.clock.runTurn();
    for (const message of client.sink.take()) events = Math.max(events, see(message).events.length);
    client.stream.drained();
  }
  assert.equal(events, KEYS);
  assert.ok(timesFull > 5, `${timesFull}`);
});

test("a crowd that watches the same reads a long revision once, and is given it even if the first of it leaves", () => {
  for (const firstLeaves of [false, true]) {
    const harness = manyKeys();
    const { store } = harness;
    const clients = Array.from({ length: 10 }, () => harness.open());
    for (const client of clients) {
      client.create({ key: "k", end: "l" });
      client.sink.take();
    }
    store.write(...deletes(KEYS));
    for (let turn = 0; turn < 4; turn++) harness.clock.runTurn();
    if (firstLeaves) clients[0]!.stream.close();
    const before = store.steps.reduce((total, { records }) => total + records, 0);
    harness.clock.settle();
    const after = store.steps.reduce((total, { records }) => total + records, 0);
    if (firstLeaves) assert.ok(after - before <= KEYS);
    else assert.equal(after, KEYS);
    for (const client of clients.slice(1)) {
      assert.deepEqual(
        client.read().map(({ events }) => events.length),
        [KEYS],
      );
    }
  }
});

test("a cancel in the middle of a long revision ends the reading", () => {
  const harness = manyKeys();
  const client = harness.open();
  client.create({ key: "k", end: "l", start: 2 });
  for (let turn = 0; turn < 4; turn++) harness.clock.runTurn();
  assert.equal(harness.store.openScans, 1);
  client.cancel(0);
  harness.clock.runTurn();
  assert.equal(harness.store.openScans, 0);
  assert.deepEqual(client.lines(), ["H(2) 0 created", "H(2) 0 canceled"]);
});

test("a large event is encoded once, however many watchers with ids of their own it goes to", () => {
  const harness = new Harness();
  const clients = Array.from({ length: 3 }, () => harness.open());
  for (const client of clients) {
    for (let id = 1; id <= 50; id++) client.create({ key: "foo", id });
    client.sink.take();
  }
  harness.store.put("foo", "x".repeat(100_000));
  const parts = clients.flatMap(({ sink }) => sink.inParts);
  assert.equal(parts.length, 150);
  assert.equal(new Set(parts.flatMap((each) => each.slice(1))).size, 1);
  for (const client of clients) {
    assert.deepEqual(
      client.read().map(({ id, events }) => [id, events[0]!.value.length]),
      Array.from({ length: 50 }, (_, i) => [BigInt(i + 1), 100_000]),
    );
  }
});

test("events of some size are encoded for a few ids, and then shared", () => {
  const harness = new Harness();
  const client = harness.open();
  for (let id = 1; id <= 100; id++) client.create({ key: "foo", id });
  client.sink.take();
  harness.store.put("foo", "x".repeat(2000));
  assert.ok(client.sink.inParts.length >= 60 && client.sink.inParts.length < 100);
  harness.store.put("foo", "small");
  assert.ok(client.sink.inParts.length < 100);
  const seen = client.read();
  assert.equal(seen.length, 200);
  assert.ok(seen.every(({ events }, i) => events[0]!.value.length === (i < 100 ? 2000 : 5)));
});
