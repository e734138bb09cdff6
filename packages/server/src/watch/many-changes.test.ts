import assert from "node:assert/strict";
import test from "node:test";
import { RestlessClock } from "@quorate/testkit/clock";
import { MvccStore } from "../mvcc/store.ts";
import { memoryBackend, SHORT_SLICES } from "../mvcc/testing.ts";
import { type Client, Harness, type Seen } from "./testing/harness.ts";
import { bytesOf } from "./testing/memory-store.ts";

const KEYS = 3000;

interface Watched {
  readonly store: MvccStore;
  readonly harness: Harness;
}

/** A real store with `k0000` and so on, one revision each, and a hub that listens to it. */
async function watchedStore(): Promise<Watched> {
  const store = await MvccStore.open({
    backend: memoryBackend(),
    clock: new RestlessClock(),
    slices: SHORT_SLICES,
  });
  const harness = new Harness({ source: store });
  harness.clock.costOfLookMs = 1;
  store.setListener(harness.hub);
  for (let i = 0; i < KEYS; i++) put(store, `k${String(i).padStart(4, "0")}`);
  return { store, harness };
}

function put(store: MvccStore, key: string): void {
  const txn = store.beginWrite();
  txn.put(bytesOf(key), bytesOf("v"), 0n);
  txn.end();
}

/** Deletes keys in slices; `meanwhile` runs while it pauses for the first time. */
async function deleteRange(store: MvccStore, key: string, end: string, meanwhile = () => {}): Promise<void> {
  const txn = store.beginWrite();
  const rest = store.applying.run(txn.hiding(txn.deleteRangeSteps(bytesOf(key), bytesOf(end))));
  meanwhile();
  await rest;
  txn.end();
}

function withEvents(client: Client): Seen[] {
  return client.read().filter(({ events }) => events.length > 0);
}

test("a deletion of many keys reaches everyone who watches one of them, and nobody else reads history", async () => {
  const { store, harness } = await watchedStore();
  const all = harness.open();
  all.create({ key: "k", end: "l", prevKv: true });
  const one = harness.open();
  one.create({ key: "k1234" });
  const filtered = harness.open();
  filtered.create({ key: "k", end: "\0", filters: [1] });
  const others = ["j", "l", "k0499", "k2500"].map((key) => {
    const client = harness.open();
    client.create({ key, end: key === "j" ? "k" : "" });
    return client;
  });
  await deleteRange(store, "k0500", "k2500");
  assert.equal(harness.hub.metrics.slowWatchers, 3);
  const [seen, ...none] = withEvents(all);
  assert.deepEqual(none, []);
  assert.deepEqual(
    seen!.events.map(({ key, deleted, prev }) => `${key} ${deleted} ${prev?.value}`),
    Array.from({ length: 2000 }, (_, i) => `k${String(500 + i).padStart(4, "0")} true v`),
  );
  put(store, "k1234");
  assert.deepEqual(
    one.read().flatMap(({ events }) => events.map(({ key, mod }) => `${key}@${mod}`)),
    [`k1234@${KEYS + 2}`, `k1234@${KEYS + 3}`],
  );
  assert.deepEqual(
    withEvents(filtered).map(({ events }) => events.length),
    [1],
  );
  for (const other of others) assert.deepEqual(withEvents(other), []);
  assert.equal(harness.hub.metrics.slowWatchers, 0);
});

test("who begins to watch while many keys are being deleted is told of all of them", async () => {
  for (const isFirst of [true, false]) {
    const { store, harness } = await watchedStore();
    if (!isFirst) harness.open().create({ key: "k", end: "l" });
    const client = harness.open();
    await deleteRange(store, "k", "l", () => {
      assert.equal(store.currentRevision, KEYS + 1);
      client.create({ key: "k", end: "l" });
    });
    assert.deepEqual(
      withEvents(client).map(({ revision, events }) => `${revision}: ${events.length}`),
      [`${KEYS + 2}: ${KEYS}`],
    );
  }
});

test("many changes behind others that wait for delivery come in their place, and nothing comes twice", async () => {
  const { store, harness } = await watchedStore();
  const crowd = Array.from({ length: 1500 }, () => harness.open());
  for (const client of crowd) client.create({ key: "a", end: "l" });
  for (let i = 0; i < 5; i++) put(store, `a${i}`);
  assert.equal(harness.hub.hasBacklog, true);
  await deleteRange(store, "k", "l");
  put(store, "a5");
  for (const client of [crowd[0]!, crowd.at(-1)!]) {
    const events = withEvents(client).flatMap((seen) => seen.events);
    assert.deepEqual(
      events.map(({ mod }) => mod - KEYS - 1).filter((mod, i, all) => mod !== all[i - 1]),
      [1, 2, 3, 4, 5, 6, 7],
    );
    assert.equal(events.length, 6 + KEYS);
  }
});
