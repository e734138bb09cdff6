import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "@quorate/testkit/wait";
import { loadChains } from "../catalog/catalog.ts";
import { CHAIN, CLUSTER, MemoryStore, put } from "../testing.ts";
import { ArchiveWriter } from "./archive-writer.ts";
import { readArchive } from "./read-archive.ts";

const told: string[] = [];
const LIMITS = { flushMs: 10, segmentBytes: 4_000, segmentMs: 3_600_000, bufferBytes: 20_000 };

function writerTo(store: MemoryStore, limits: Partial<typeof LIMITS> = {}): ArchiveWriter {
  return new ArchiveWriter({
    store,
    key: undefined,
    cluster: CLUSTER,
    chain: CHAIN,
    writer: "0000000a",
    after: 1,
    limits: { ...LIMITS, ...limits },
    log: (_level, message) => void told.push(message),
    now: () => Date.now(),
  });
}

async function archived(store: MemoryStore): Promise<number[]> {
  const [chain] = await loadChains(store);
  const items = chain === undefined ? [] : await Array.fromAsync(readArchive(store, chain, 1, undefined));
  return items.flatMap((item) => (item.kind === "changes" ? [item.revision] : []));
}

const upTo = (last: number) => Array.from({ length: last - 1 }, (_, i) => i + 2);

test("what is added is in the store soon, also while its segment is open", async () => {
  const store = new MemoryStore();
  const writer = writerTo(store);
  await writer.add([put(2), put(3)], 2n);
  assert.equal(writer.storedRevision, 1);
  await until(() => writer.storedRevision === 3);
  assert.deepEqual(await archived(store), [2, 3]);
  await writer.add([put(4)], 2n);
  await until(() => writer.storedRevision === 4);
  assert.deepEqual(await archived(store), [2, 3, 4]);
  assert.equal(store.objects.size, 1);
  assert.equal(writer.lagMs, 0);
  assert.equal(await writer.close(1_000), true);
});

test("a segment that is large enough is followed by another one", async () => {
  const store = new MemoryStore();
  const writer = writerTo(store);
  for (const revision of upTo(20)) await writer.add([put(revision, "x".repeat(1_000))], 2n);
  assert.equal(await writer.close(60_000), true);
  assert.deepEqual(await archived(store), upTo(20));
  assert.ok(store.objects.size >= 4 && store.objects.size <= 7, `${store.objects.size}`);
});

test("without changes the same segment says that nothing happened", async () => {
  const store = new MemoryStore();
  const writer = writerTo(store, { segmentMs: 0 });
  writer.reached();
  await until(() => store.puts === 1);
  writer.reached();
  assert.equal(await writer.close(60_000), true);
  assert.equal(store.objects.size, 1);
});

test("a store that is away loses nothing: what fits waits, and who adds more than fits waits too", async () => {
  const store = new MemoryStore();
  store.isAway = true;
  const writer = writerTo(store);
  const added: number[] = [];
  const adding = (async () => {
    for (const revision of upTo(60)) {
      await writer.add([put(revision, "x".repeat(1_000))], 2n);
      added.push(revision);
    }
  })();
  await until(() => writer.failures > 0 && writer.bufferedBytes > LIMITS.bufferBytes);
  assert.ok(added.length < 30, `${added.length}`);
  assert.ok(told.includes("the store cannot be written to; changes wait in memory"));
  assert.ok(writer.storedRevision === 1 && store.objects.size === 0);
  store.isAway = false;
  await adding;
  assert.equal(await writer.close(60_000), true);
  assert.deepEqual(await archived(store), upTo(60));
  assert.ok(told.includes("the store can be written to again"));
});

test("who closes while the store is away hears that not all is in it", async () => {
  const store = new MemoryStore();
  const writer = writerTo(store);
  store.isAway = true;
  await writer.add([put(2)], 2n);
  assert.equal(await writer.close(50), false);
});
