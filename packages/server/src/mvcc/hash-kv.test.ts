import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { RequestError } from "../errors.ts";
import type { MvccStore } from "./store.ts";
import { bytes, memoryBackend, openStore, put, remove, tableContent } from "./testing.ts";

/** `hash, compact revision, hash revision`. */
async function hashOf(store: MvccStore, revision: number): Promise<[number, number, number]> {
  const { hash, compactRevision, hashRevision } = await store.hashKv(revision);
  return [hash, compactRevision, hashRevision];
}

async function smallStore(): Promise<{ backend: MemoryBackend; store: MvccStore }> {
  const backend = memoryBackend();
  const store = await openStore(backend);
  put(store, "a", "1");
  put(store, "b", "2");
  remove(store, "a");
  put(store, "a", "3");
  const txn = store.beginWrite();
  txn.put(bytes("x"), bytes("10"), 0n);
  txn.put(bytes("y"), bytes("20"), 0n);
  txn.deleteRange(bytes("b"), bytes(""));
  txn.end();
  return { backend, store };
}

test("the hash of an empty store is that of the bucket's name", async () => {
  const store = await openStore(memoryBackend());
  assert.deepEqual(await hashOf(store, 0), [1084519789, -1, 1]);
  assert.deepEqual(await hashOf(store, -3), [1084519789, -1, -3]);
});

test("hashes of a small store agree with etcd's, before and after compactions and restarts", async () => {
  const { backend, store } = await smallStore();
  const fresh = [1084519789, 2587454935, 1827592406, 1562576432, 2804068566, 1995542496];
  for (const [i, hash] of fresh.entries()) assert.deepEqual(await hashOf(store, i + 1), [hash, -1, i + 1]);
  assert.deepEqual(await hashOf(store, 0), [1995542496, -1, 6]);
  await assert.rejects(
    hashOf(store, 7),
    (error) => error instanceof RequestError && error.code === "FUTURE_REVISION",
  );

  await store.compact(4).done;
  assert.deepEqual(tableContent(backend), ["3.0 b", "4.0t a", "5.0 a", "6.0 x", "6.1 y", "6.2t b"]);
  assert.deepEqual(await hashOf(store, 4), [1562576432, -1, 4]);
  assert.deepEqual(await hashOf(store, 5), [1767588491, 4, 5]);
  assert.deepEqual(await hashOf(store, 6), [3103258787, 4, 6]);
  assert.deepEqual(await hashOf(store, 0), [3103258787, 4, 6]);
  await assert.rejects(
    hashOf(store, 3),
    (error) => error instanceof RequestError && error.code === "COMPACTED",
  );
  const restarted = await openStore(backend);
  assert.deepEqual(await hashOf(restarted, 4), [728145079, 4, 4]);

  await store.compact(6).done;
  assert.deepEqual(tableContent(backend), ["5.0 a", "6.0 x", "6.1 y", "6.2t b"]);
  assert.deepEqual(await hashOf(store, 6), [3103258787, 4, 6]);
  assert.deepEqual(await hashOf(store, 0), [1971333992, 6, 6]);
  assert.deepEqual(await hashOf(store, 4), [1562576432, -1, 4]);
  assert.deepEqual(await hashOf(await openStore(backend), 6), [1971333992, 6, 6]);
});

test("hashes of one key's life agree with etcd's", async () => {
  const backend = memoryBackend();
  const store = await openStore(backend);
  put(store, "foo", "bar");
  assert.equal((await store.hashKv(0)).hash, 3305255506);
  put(store, "foo", "");
  assert.equal((await store.hashKv(0)).hash, 1061314887);
  remove(store, "foo");
  assert.equal((await store.hashKv(0)).hash, 4147154238);
  await store.compact(4).done;
  assert.deepEqual(tableContent(backend), ["4.0t foo"]);
  assert.deepEqual(await hashOf(store, 4), [4147154238, -1, 4]);
  assert.deepEqual(await hashOf(store, 0), [1084519789, 4, 4]);
  assert.deepEqual(await hashOf(await openStore(backend), 0), [1084519789, 4, 4]);
});

test("a compaction at revision 0 leaves the hash of nothing for revision 0", async () => {
  const store = await openStore(memoryBackend());
  put(store, "a", "1");
  await store.compact(0).done;
  assert.deepEqual(await hashOf(store, 0), [1084519789, -1, 0]);
});

function pick(i: number): string {
  if (i % 142 === 30) return "zenek";
  if (i % 71 === 30) return "xavery";
  return ["alice", "bob", "celine", "dominik", "eve", "frederica", "gorge"][i % 7]!;
}

function fill(store: MvccStore, from: number, count: number): void {
  for (let i = from; i <= from + count; i++) put(store, pick(i), String(i));
}

// Hash, compacted revision, hash revision: constants that etcd's own tests have, too.
const MIDDLE = [
  [4082599214, -1, 35],
  [2279933401, 35, 106],
  [3284231217, 106, 177],
  [126286495, 177, 248],
  [900108730, 248, 319],
  [2475485232, 319, 390],
  [1226296507, 390, 461],
  [2503661030, 461, 532],
  [4155130747, 532, 603],
  [106915399, 603, 674],
  [406914006, 674, 745],
  [1882211381, 745, 816],
  [806177088, 816, 887],
  [664311366, 887, 958],
  [1496914449, 958, 1029],
  [2434525091, 1029, 1100],
  [3988652253, 1100, 1171],
  [1122462288, 1171, 1242],
  [724436716, 1242, 1883],
];
const CURRENT = [
  [1913897190, -1, 73],
  [224860069, 73, 145],
  [1565167519, 145, 217],
  [1566261620, 217, 289],
  [2037173024, 289, 361],
  [691659396, 361, 433],
  [2713730748, 433, 505],
  [3919322507, 505, 577],
  [769967540, 577, 649],
  [2909194793, 649, 721],
  [1576921157, 721, 793],
  [4067701532, 793, 865],
  [2226384237, 865, 937],
  [2923408134, 937, 1009],
  [2680329256, 1009, 1081],
  [1546717673, 1081, 1153],
  [2713657846, 1153, 1225],
  [1046575299, 1225, 1297],
  [2017735779, 1297, 2508],
];

for (const { name, wanted, revisionAt } of [
  { name: "in the middle of the history", wanted: MIDDLE, revisionAt: (r: number) => r + 35 },
  { name: "at the current revision", wanted: CURRENT, revisionAt: () => 0 },
]) {
  test(`hashes ${name} over many compactions agree with etcd's, and with those of the compactions`, async () => {
    const store = await openStore(memoryBackend(), { compactionBatchLimit: 50 });
    const seen: [number, number, number][] = [];
    let r = 0;
    for (; r < 1210; r += 71) {
      fill(store, r, 71);
      const [hash, compactRevision, revision] = await hashOf(store, revisionAt(r));
      seen.push([hash, compactRevision, revision]);
      await store.compact(revision).done;
      assert.deepEqual(store.storedHashes()[0], { hash, compactRevision, hashRevision: revision });
    }
    fill(store, r, 1210);
    seen.push(await hashOf(store, revisionAt(r) === 0 ? 0 : r + 605));
    assert.deepEqual(seen, wanted);
    assert.equal(store.storedHashes().length, 10);
  });
}

test("a hash does not see what is written while it runs, and compactions wait for it", async () => {
  const { store } = await smallStore();
  fill(store, 0, 2000);
  const before = await hashOf(store, 0);
  const running = hashOf(store, 0);
  put(store, "alice", "later");
  remove(store, "bob");
  const { done } = store.compact(store.currentRevision);
  assert.deepEqual(await running, before);
  await done;
});

test("the hash over all tables is stable over a restart", async () => {
  const { backend, store } = await smallStore();
  backend.put("cluster", bytes("k"), bytes("v"));
  const hash = await store.hashAll();
  backend.setConsistentIndex(5, 1);
  backend.put("meta", bytes("storageVersion"), bytes("3.7.0"));
  assert.equal(await (await openStore(backend)).hashAll(), hash);
  put(store, "a", "4");
  assert.notEqual(await store.hashAll(), hash);
});

test("the hash over all tables goes through large ones in slices", async () => {
  const store = await openStore(memoryBackend());
  const empty = await store.hashAll();
  const { backend, background } = store.state;
  const fill = (table: "lease" | "members") => {
    for (let i = 0; i < 300; i++) backend.put(table, bytes(`${i}`), bytes("v".repeat(100)));
  };
  await background.next();
  background.meter.turns = 0;
  fill("lease");
  const filled = await store.hashAll();
  assert.notEqual(filled, empty);
  // Pages of 128 entries, each of which costs more than a turn has.
  assert.ok(background.meter.turns >= 3, `${background.meter.turns} turns`);
  fill("members");
  assert.notEqual(await store.hashAll(), filled);
});

test("when nothing is visible, a hash covers what an earlier compaction kept, as etcd's does", async () => {
  const store = await openStore(memoryBackend());
  put(store, "k", "1");
  remove(store, "k");
  const [hash] = await hashOf(store, 3);
  await store.compact(2).done;
  assert.deepEqual(await hashOf(store, 3), [hash, 2, 3]);
  put(store, "l", "1");
  assert.deepEqual(await hashOf(store, 3), [hash, 2, 3]);
  await store.compact(3).done;
  assert.notEqual((await hashOf(store, 3))[0], hash);
});
