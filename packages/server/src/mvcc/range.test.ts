import { strict as assert } from "node:assert";
import { test } from "node:test";
import { ALL, bytes, describe, memoryBackend, openStore, rangeRequest, rangeSliced } from "./testing.ts";

test("keys that were overwritten in any order come out in key order, with their newest records", async () => {
  const store = await openStore(memoryBackend());
  const wanted = new Map<string, string>();
  const versions = new Map<string, number>();
  const created = new Map<string, number>();
  let random = 7;
  for (let i = 0; i < 12_000; i++) {
    const txn = store.beginWrite();
    const main = store.currentRevision + 1;
    const touched = new Set<string>();
    for (let sub = 0; sub <= i % 3; sub++) {
      random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      const key = `k${String((random >>> 8) % 10_000).padStart(5, "0")}`;
      if (touched.has(key)) continue;
      touched.add(key);
      const value = "v".repeat(random % 50);
      txn.put(bytes(key), bytes(value), 0n);
      versions.set(key, (versions.get(key) ?? 0) + 1);
      if (!created.has(key)) created.set(key, main);
      wanted.set(key, `${key}(${created.get(key)},${main},${versions.get(key)})=${value}`);
    }
    txn.end();
  }
  const sorted = [...wanted.keys()].sort().map((key) => wanted.get(key)!);
  assert.ok(sorted.length > 8192, "more than are ordered at once");
  assert.deepEqual((await rangeSliced(store, rangeRequest(ALL))).kvs.map(describe), sorted);
  assert.deepEqual(store.range(rangeRequest(ALL)).kvs.map(describe), sorted);
  const few = rangeRequest({ ...ALL, limit: 65 });
  assert.deepEqual(store.range(few).kvs.map(describe), sorted.slice(0, 65));
  const descending = rangeRequest({ ...ALL, sortOrder: 2, limit: 300 });
  assert.deepEqual(
    (await rangeSliced(store, descending)).kvs.map(describe),
    sorted.toReversed().slice(0, 300),
  );
  await store.close();
});
