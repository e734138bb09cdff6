import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { DEFAULT_SLICE_LIMITS } from "@quorate/storage/slices";
import { RestlessClock } from "@quorate/testkit/clock";
import type { RangeRequest } from "@quorate/wire/hot";
import { type FailureCode, RequestError } from "../errors.ts";
import type { WatchSource } from "../watch/source.ts";
import type { ChangeListener } from "./change.ts";
import { RecordList } from "./record-list.ts";
import type { MvccStore } from "./store.ts";
import {
  ALL,
  bytes,
  describe,
  memoryBackend,
  openStore,
  PatientClock,
  put,
  rangeRequest,
  rangeSliced,
  remove,
  tableContent,
  text,
} from "./testing.ts";
import { checkRange, checkRangeStream } from "./txn/check.ts";

function failsWith(code: FailureCode) {
  return (error: unknown): boolean => error instanceof RequestError && error.code === code;
}

async function rangeStore(): Promise<MvccStore> {
  const store = await openStore(memoryBackend());
  for (const [key, value] of [
    ["c", "1"],
    ["b", "2"],
    ["a", "3"],
    ["c", "4"],
    ["c", "5"],
    ["a", "6"],
  ] as const) {
    put(store, key, value);
  }
  return store;
}

test("the store is what watchers read from", async () => {
  const source: WatchSource = await openStore(memoryBackend());
  assert.equal(source.currentRevision, 1);
  assert.equal(source.compactRevision, -1);
});

const A = "a(4,7,2)=6";
const B = "b(3,3,1)=2";
const C = "c(2,6,3)=5";
const rangeCases: {
  name: string;
  request: Partial<RangeRequest>;
  want: { kvs: string[]; more?: boolean; count?: number } | FailureCode;
}[] = [
  { name: "the whole store comes in key order", request: ALL, want: { kvs: [A, B, C] } },
  {
    name: "a target without an order sorts the first limit+1 keys only: version",
    request: { ...ALL, sortTarget: 1, limit: 1 },
    want: { kvs: [B], more: true },
  },
  {
    name: "a target without an order sorts the first limit+1 keys only: create revision",
    request: { ...ALL, sortTarget: 2, limit: 1 },
    want: { kvs: [B], more: true },
  },
  {
    name: "with an explicit order the whole range is sorted",
    request: { ...ALL, sortTarget: 2, sortOrder: 1, limit: 1 },
    want: { kvs: [C], more: true },
  },
  { name: "descending versions", request: { ...ALL, sortTarget: 1, sortOrder: 2 }, want: { kvs: [C, A, B] } },
  { name: "descending keys", request: { ...ALL, sortOrder: 2 }, want: { kvs: [C, B, A] } },
  { name: "ascending values", request: { ...ALL, sortTarget: 4, sortOrder: 1 }, want: { kvs: [B, C, A] } },
  {
    name: "descending mod revisions",
    request: { ...ALL, sortTarget: 3, sortOrder: 2 },
    want: { kvs: [A, C, B] },
  },
  {
    name: "the count ignores limit and filters, more is decided after filtering",
    request: { ...ALL, minModRevision: 4, limit: 1 },
    want: { kvs: [A], more: true },
  },
  {
    name: "an unsatisfiable filter leaves the count",
    request: { ...ALL, minModRevision: 100, limit: 1 },
    want: { kvs: [] },
  },
  {
    name: "a maximal create revision is a filter",
    request: { ...ALL, maxCreateRevision: 3 },
    want: { kvs: [B, C] },
  },
  { name: "a negative bound is a bound", request: { ...ALL, maxModRevision: -1 }, want: { kvs: [] } },
  {
    name: "counting ignores limit and filters",
    request: { ...ALL, countOnly: true, limit: 1, minModRevision: 100 },
    want: { kvs: [] },
  },
  {
    name: "keys only leaves out values",
    request: { ...ALL, keysOnly: true, limit: 1 },
    want: { kvs: ["a(4,7,2)="], more: true },
  },
  { name: "a negative limit is none", request: { ...ALL, limit: -3 }, want: { kvs: [A, B, C] } },
  {
    name: "the largest limit does not overflow",
    request: { ...ALL, limit: Number.MAX_SAFE_INTEGER },
    want: { kvs: [A, B, C] },
  },
  {
    name: "a negative revision is the current one",
    request: { ...ALL, revision: -5 },
    want: { kvs: [A, B, C] },
  },
  {
    name: "a revision above the current one fails",
    request: { ...ALL, revision: 50 },
    want: "FUTURE_REVISION",
  },
  { name: "nothing exists at revision 1", request: { ...ALL, revision: 1 }, want: { kvs: [], count: 0 } },
  {
    name: "an older revision shows older records",
    request: { ...ALL, revision: 5 },
    want: { kvs: ["a(4,4,1)=3", B, "c(2,5,2)=4"] },
  },
  {
    name: "an older revision with keys only",
    request: { ...ALL, revision: 5, keysOnly: true, limit: 1 },
    want: { kvs: ["a(4,4,1)="], more: true },
  },
  {
    name: "an older revision sorted by version",
    request: { ...ALL, revision: 5, sortTarget: 1, sortOrder: 2 },
    want: { kvs: ["c(2,5,2)=4", "a(4,4,1)=3", B] },
  },
  {
    name: "an interval that ends where it starts is empty",
    request: { key: bytes("c"), rangeEnd: bytes("c") },
    want: { kvs: [], count: 0 },
  },
  {
    name: "an inverted interval is empty",
    request: { key: bytes("d"), rangeEnd: bytes("b") },
    want: { kvs: [], count: 0 },
  },
  { name: "one key", request: { key: bytes("b") }, want: { kvs: [B], count: 1 } },
  {
    name: "one key that is filtered still counts",
    request: { key: bytes("b"), minModRevision: 4 },
    want: { kvs: [], count: 1 },
  },
  { name: "one key that is not there", request: { key: bytes("bb") }, want: { kvs: [], count: 0 } },
  {
    name: "from a key on",
    request: { key: bytes("b"), rangeEnd: bytes("\0") },
    want: { kvs: [B, C], count: 2 },
  },
  {
    name: "a half-open interval",
    request: { key: bytes("a"), rangeEnd: bytes("c") },
    want: { kvs: [A, B], count: 2 },
  },
];
for (const { name, request, want } of rangeCases) {
  test(`range: ${name}`, async () => {
    const store = await rangeStore();
    if (typeof want === "string") {
      assert.throws(() => store.range(rangeRequest(request)), failsWith(want));
      await assert.rejects(() => rangeSliced(store, rangeRequest(request)), failsWith(want));
      return;
    }
    for (const result of [
      store.range(rangeRequest(request)),
      await rangeSliced(store, rangeRequest(request)),
    ]) {
      assert.deepEqual(result.kvs.map(describe), want.kvs);
      assert.equal(result.more, want.more ?? false);
      assert.equal(result.count, want.count ?? 3);
      assert.equal(result.revision, 7);
    }
  });
}

test("sort options outside the enum are refused, after the key", () => {
  const sortOrder = rangeRequest({ key: bytes("a"), sortOrder: 3 });
  assert.throws(() => checkRange(sortOrder), failsWith("INVALID_SORT_OPTION"));
  assert.throws(
    () => checkRange(rangeRequest({ key: bytes("a"), sortTarget: 5 })),
    failsWith("INVALID_SORT_OPTION"),
  );
  assert.throws(() => checkRange(rangeRequest({ sortTarget: 5 })), failsWith("KEY_NOT_PROVIDED"));
});

const streamCases = [
  { name: "without a limit", keys: 25, limit: 0, chunks: [10, 15], more: false, count: 25 },
  { name: "with a limit that is just enough", keys: 25, limit: 25, chunks: [10, 15], more: false, count: 25 },
  { name: "with a large limit", keys: 25, limit: 100, chunks: [10, 15], more: false, count: 25 },
  { name: "with a limit below the first chunk", keys: 25, limit: 5, chunks: [5], more: true, count: 25 },
  { name: "with a limit of the first chunk", keys: 25, limit: 10, chunks: [10], more: true, count: 25 },
  { name: "with a limit in the second chunk", keys: 25, limit: 12, chunks: [10, 2], more: true, count: 25 },
  {
    name: "of many keys doubles its chunks",
    keys: 100,
    limit: 0,
    chunks: [10, 20, 40, 30],
    more: false,
    count: 100,
  },
  { name: "of nothing has one chunk", keys: 0, limit: 0, chunks: [0], more: false, count: 0 },
  { name: "with a negative limit has one chunk", keys: 25, limit: -1, chunks: [25], more: false, count: 25 },
];
for (const { name, keys, limit, chunks, more, count } of streamCases) {
  test(`a range stream ${name}`, async () => {
    const store = await openStore(memoryBackend());
    for (let i = 0; i < keys; i++) put(store, `k${String(i).padStart(3, "0")}`, "v");
    const seen: string[] = [];
    const sizes: number[] = [];
    for (const chunk of store.rangeStream(rangeRequest({ ...ALL, limit }), 1_572_864)) {
      sizes.push(chunk.kvs.length);
      seen.push(...chunk.kvs.map(describe));
      // Not seen by what follows.
      if (chunk.last === undefined) put(store, "k000x", "late");
      else assert.deepEqual(chunk.last, { revision: keys + 1, more, count });
    }
    assert.deepEqual(sizes, chunks);
    const unary = store.range(rangeRequest({ ...ALL, limit, revision: keys + 1 }));
    assert.deepEqual(seen, unary.kvs.map(describe));
  });
}

test("a range stream shrinks its chunks to the message size", async () => {
  const store = await openStore(memoryBackend());
  const value = "x".repeat(4096);
  for (let i = 0; i < 20; i++) put(store, `k${String(i).padStart(3, "0")}`, value);
  const sizes: number[] = [];
  for (const chunk of store.rangeStream(rangeRequest(ALL), 1536)) sizes.push(chunk.kvs.length);
  assert.deepEqual(sizes, [10, 5, 2, 1, 1, 1]);
});

test("a compaction ends a range stream", async () => {
  const store = await openStore(memoryBackend());
  for (let i = 0; i < 30; i++) put(store, `k${i}`, "v");
  const chunks = store.rangeStream(rangeRequest(ALL), 1_572_864);
  chunks.next();
  put(store, "k", "v");
  const { done } = store.compact(store.currentRevision);
  assert.throws(() => chunks.next(), failsWith("COMPACTED"));
  await done;
});

test("a range stream admits only what it can page through", () => {
  assert.throws(
    () => checkRangeStream(rangeRequest({ ...ALL, sortOrder: 2 })),
    failsWith("STREAM_CUSTOM_SORT"),
  );
  assert.throws(
    () => checkRangeStream(rangeRequest({ ...ALL, sortOrder: 1, sortTarget: 2 })),
    failsWith("STREAM_CUSTOM_SORT"),
  );
  assert.throws(
    () => checkRangeStream(rangeRequest({ ...ALL, minModRevision: 1 })),
    failsWith("STREAM_FILTERS"),
  );
  checkRangeStream(rangeRequest({ ...ALL, sortTarget: 4 }));
});

test("deleting a range and recreating its keys starts new lives", async () => {
  const store = await openStore(memoryBackend());
  put(store, "a", "1");
  put(store, "b", "1");
  put(store, "c", "1");
  assert.equal(remove(store, "a", "c"), 5);
  assert.equal(remove(store, "a", "c"), 5);
  put(store, "a", "2");
  const kvs = store.range(rangeRequest(ALL)).kvs.map(describe);
  assert.deepEqual(kvs, ["a(6,6,1)=2", "c(4,4,1)=1"]);
  assert.equal(store.keyCount, 2);
});

test("compaction is decided at once and refuses what it has decided already", async () => {
  const store = await openStore(memoryBackend());
  for (let i = 0; i < 6; i++) put(store, "k", String(i));
  await store.compact(0).done;
  assert.throws(() => store.compact(0), failsWith("COMPACTED"));
  assert.throws(() => store.compact(-1), failsWith("COMPACTED"));
  assert.throws(() => store.compact(8), failsWith("FUTURE_REVISION"));
  const { done } = store.compact(5);
  assert.equal(store.compactRevision, 5);
  assert.throws(() => store.compact(5), failsWith("COMPACTED"));
  assert.throws(() => store.range(rangeRequest({ ...ALL, revision: 4 })), failsWith("COMPACTED"));
  assert.deepEqual(store.range(rangeRequest({ ...ALL, revision: 5 })).kvs.map(describe), ["k(2,5,4)=3"]);
  assert.equal(store.range(rangeRequest({ ...ALL, revision: -5 })).count, 1);
  assert.equal(store.getAt(bytes("k"), 4), undefined);
  assert.equal(describe(store.getAt(bytes("k"), 5)!), "k(2,5,4)=3");
  await done;
  assert.deepEqual(store.range(rangeRequest({ ...ALL, revision: 5 })).kvs.map(describe), ["k(2,5,4)=3"]);
});

test("a revision does not go back when the newest change was a tombstone that is compacted", async () => {
  const backend = memoryBackend();
  const store = await openStore(backend);
  put(store, "a", "1");
  remove(store, "a");
  await store.compact(3).done;
  assert.deepEqual(tableContent(backend), ["3.0t a"]);
  put(store, "b", "1");
  remove(store, "b");
  await store.compact(5).done;
  await store.close();
  const reopened = await openStore(backend);
  assert.equal(reopened.currentRevision, 5);
  assert.equal(reopened.compactRevision, 5);
  assert.equal(put(reopened, "c", "1"), 6);
});

test("a compaction waits for the disk after each batch while the database is far behind", async () => {
  const backend = memoryBackend();
  const store = await openStore(backend, { compactionBatchLimit: 10 });
  for (let i = 0; i < 100; i++) put(store, "k", String(i));
  Object.defineProperty(backend, "backlogBytes", { get: () => 2 ** 30 });
  let flush: (() => void) | undefined;
  backend.flushed = () =>
    new Promise((resolve) => {
      flush = resolve;
    });
  let isDone = false;
  void store.compact(101).done.then(() => {
    isDone = true;
  });
  const counts: number[] = [];
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    if (flush === undefined) continue;
    counts.push(tableContent(backend).length);
    flush();
    flush = undefined;
  }
  assert.ok(counts.length >= 9, `it waited ${counts.length} times`);
  assert.ok(
    counts.every((count, i) => i === 0 || counts[i - 1]! - count <= 10),
    String(counts),
  );
  assert.equal(tableContent(backend).length, 1);
});

test("an interrupted compaction goes on after a restart and its hash is not kept", async () => {
  const backend = memoryBackend();
  const store = await openStore(backend, { compactionBatchLimit: 3 });
  for (let i = 0; i < 20; i++) put(store, `k${i % 3}`, String(i));
  store.compact(18).done.catch(() => {});
  await store.close();
  const reopened = await openStore(backend);
  assert.equal(reopened.compactRevision, 18);
  await reopened.compactionsDone();
  assert.deepEqual(
    tableContent(backend).map((each) => each.split(" ")[0]),
    ["16.0", "17.0", "18.0", "19.0", "20.0", "21.0"],
  );
  assert.equal((await reopened.hashKv(18)).compactRevision, 18);
});

test("leases of the newest records are told at a restart", async () => {
  const backend = memoryBackend();
  const store = await openStore(backend);
  put(store, "a", "1", 7n);
  put(store, "b", "1", 7n);
  put(store, "c", "1", -1n);
  put(store, "b", "2");
  put(store, "d", "1", 9n);
  remove(store, "d");
  const told: string[] = [];
  await openStore(backend).then((reopened) =>
    reopened.restore((key, lease) => told.push(`${text(key)}=${lease}`)),
  );
  assert.deepEqual(told, ["a=7", "c=-1"]);
});

test("a put tells whether the key was attached to a lease, a delete names the keys that were", async () => {
  const store = await openStore(memoryBackend());
  const txn = store.beginWrite();
  assert.equal(txn.put(bytes("a"), bytes("1"), 5n), false);
  assert.equal(txn.put(bytes("a"), bytes("1"), 5n), true);
  assert.equal(txn.put(bytes("a"), bytes("1"), 0n), true);
  assert.equal(txn.put(bytes("a"), bytes("1"), 6n), false);
  txn.put(bytes("b"), bytes("1"), 0n);
  const detached: string[] = [];
  txn.deleteRange(bytes("a"), bytes("\0"), undefined, { detach: (key) => detached.push(text(key)) });
  txn.end();
  assert.deepEqual(detached, ["a"]);
});

test("a large range is consistent while writes and compactions go on", async () => {
  const store = await openStore(memoryBackend());
  for (let i = 0; i < 3000; i++) put(store, `k${String(i).padStart(5, "0")}`, "v");
  const wanted = store.range(rangeRequest(ALL)).kvs.map(describe);
  const reading = rangeSliced(store, rangeRequest(ALL));
  for (let i = 0; i < 3000; i += 2) put(store, `k${String(i).padStart(5, "0")}`, "w");
  remove(store, "k01", "k02");
  await store.compact(3001).done;
  for (let i = 0; i < 100; i++) put(store, `k0${i}`, "new");
  assert.deepEqual((await reading).kvs.map(describe), wanted);
});

test("reads that have begun are finished although what they need is compacted", async () => {
  const clock = new PatientClock();
  const store = await openStore(memoryBackend(), { clock });
  for (let i = 0; i < 3000; i++) put(store, `k${String(i).padStart(5, "0")}`, "v");
  const wanted = store.range(rangeRequest(ALL)).kvs.map(describe);
  const older = store.range(rangeRequest({ ...ALL, revision: 1500 })).kvs.map(describe);
  const readings = [
    rangeSliced(store, rangeRequest(ALL)),
    rangeSliced(store, rangeRequest({ ...ALL, revision: 1500 })),
    rangeSliced(store, rangeRequest({ ...ALL, sortOrder: 2, sortTarget: 4 })),
  ];
  remove(store, "k", "l");
  const ended: string[] = [];
  const compactions = [store.compact(2000), store.compact(store.currentRevision)];
  const done = compactions.map(async (compaction, i) => {
    await compaction.done;
    ended.push(`compaction ${i}`);
  });
  await assert.rejects(rangeSliced(store, rangeRequest({ ...ALL, revision: 3000 })), failsWith("COMPACTED"));
  assert.deepEqual((await readings[1]!).kvs.map(describe), older);
  assert.deepEqual((await readings[0]!).kvs.map(describe), wanted);
  assert.equal((await readings[2]!).kvs.length, 3000);
  assert.ok(!ended.includes("compaction 1"));
  await Promise.all(done);
  assert.equal(clock.long.length, 0);
  assert.equal(tableContent(store.state.backend).length, 3000, "tombstones at the compacted revision stay");
});

test("a compaction does not wait for ever for a read", async () => {
  const clock = new PatientClock();
  const store = await openStore(memoryBackend(), { clock });
  for (let i = 0; i < 3000; i++) put(store, `k${String(i).padStart(5, "0")}`, "v");
  const reading = rangeSliced(store, rangeRequest(ALL));
  put(store, "k", "v");
  const { done } = store.compact(store.currentRevision);
  const doomed = assert.rejects(reading, failsWith("COMPACTED"));
  await new Promise((resolve) => setImmediate(resolve));
  for (const callback of clock.long.splice(0)) callback();
  await doomed;
  await done;
});

test("a store that is closed does not wait for reads", async () => {
  const clock = new PatientClock();
  const store = await openStore(memoryBackend(), { clock });
  for (let i = 0; i < 3000; i++) put(store, `k${String(i).padStart(5, "0")}`, "v");
  const reading = rangeSliced(store, rangeRequest(ALL));
  put(store, "k", "v");
  const stopped = assert.rejects(store.compact(store.currentRevision).done, failsWith("STOPPED"));
  await store.close();
  await stopped;
  assert.equal((await reading).count, 3000);
});

test("a large range ends when its caller goes away", async () => {
  const store = await openStore(memoryBackend());
  for (let i = 0; i < 3000; i++) put(store, `k${i}`, "v");
  const controller = new AbortController();
  const reading = rangeSliced(store, rangeRequest(ALL), controller.signal);
  controller.abort();
  await assert.rejects(reading, failsWith("CANCELED"));
});

test("listeners are told each revision's changes, owned", async () => {
  const store = await openStore(memoryBackend());
  const told: string[] = [];
  store.setListener({
    hasListener: () => true,
    onChanges: (main, changes) => {
      assert.equal(store.currentRevision, main);
      for (const { key, sub, deleted, record } of changes) {
        told.push(`${main}.${sub} ${text(key)} ${deleted ? "deleted" : describe(record)}`);
      }
    },
    onManyChanges: () => assert.fail("these are few"),
  });
  put(store, "a", "1");
  const txn = store.beginWrite();
  txn.put(bytes("b"), bytes("2"), 0n);
  txn.deleteRange(bytes("a"), bytes(""));
  txn.end();
  remove(store, "zzz");
  assert.deepEqual(told, ["2.0 a a(2,2,1)=1", "3.0 b b(3,3,1)=2", "3.1 a deleted"]);
});

/** A listener that writes down what it is told: how many changes, or among which keys they are. */
function tellingListener(told: string[]): ChangeListener & { looks: boolean } {
  return {
    looks: true,
    hasListener() {
      return this.looks;
    },
    onChanges: (main, changes) => void told.push(`${main}: ${changes.length}`),
    onManyChanges: (main, lowest, highest) =>
      void told.push(`${main}: ${text(lowest)} to ${highest === undefined ? "the end" : text(highest)}`),
  };
}

test("of many changes, or large ones, a listener is told which keys they are among", async () => {
  const store = await openStore(memoryBackend());
  const told: string[] = [];
  store.setListener(tellingListener(told));
  const write = (keys: string[], value = "v"): void => {
    const txn = store.beginWrite();
    for (const key of keys) txn.put(bytes(key), bytes(value), 0n);
    txn.end();
  };
  const keys = Array.from({ length: 1025 }, (_, i) => `k${2000 - i}`);
  write(keys.slice(1));
  write(keys);
  write([...keys, "z", "a", "m"]);
  const million = "v".repeat(1_000_000);
  write(["b", "a"], million);
  write(["b", "c", "a"], million);
  write(["d"], "v".repeat(3_000_000));
  const txn = store.beginWrite();
  txn.deleteRange(bytes("a"), bytes("l"));
  txn.end();
  put(store, "a", "v");
  assert.deepEqual(told, [
    "2: 1024",
    "3: k1000 to k999",
    "4: a to z",
    "5: 2",
    "6: a to c",
    "7: 1",
    "8: a to k999",
    "9: 1",
  ]);
});

test("who begins to look while a transaction pauses is told of all of it", async () => {
  const store = await openStore(memoryBackend());
  for (let i = 0; i < 2000; i++) put(store, `k${i}`, "v");
  const told: string[] = [];
  const listener = tellingListener(told);
  listener.looks = false;
  store.setListener(listener);
  const txn = store.beginWrite();
  const rest = store.applying.run(txn.hiding(txn.deleteRangeSteps(bytes("k"), bytes("l"))));
  listener.looks = true;
  assert.equal(await rest, 2000);
  txn.end();
  listener.looks = false;
  put(store, "a", "v");
  assert.deepEqual(told, ["2002:  to the end"]);
});

test("a failure of background work is fatal", async () => {
  const backend = memoryBackend();
  const failed = new Promise<unknown>((resolve) => {
    void openStore(backend, { onFatal: resolve }).then((store) => {
      for (let i = 0; i < 5; i++) put(store, "k", String(i));
      backend.deleteRevision = () => {
        throw new Error("disk on fire");
      };
      store.compact(5).done.catch(() => {});
    });
  });
  assert.match(String(await failed), /disk on fire/);
});

test("a failpoint stands at each edge of a compaction", async () => {
  const hit: string[] = [];
  const failpoints = {
    hit: async (name: string) => hit.push(name),
    hitSync: (name: string) => hit.push(name),
  };
  const store = await openStore(memoryBackend(), { failpoints, compactionBatchLimit: 3 });
  for (let i = 0; i < 5; i++) put(store, "k", String(i));
  await store.compact(6).done;
  assert.deepEqual(hit, [
    "compactBeforeCommitScheduledCompact",
    "compactAfterCommitScheduledCompact",
    "compactAfterAcquiredBatchTxLock",
    "compactBeforeCommitBatch",
    "compactAfterCommitBatch",
    "compactAfterAcquiredBatchTxLock",
    "compactBeforeSetFinishedCompact",
    "compactBeforeCommitBatch",
    "compactAfterCommitBatch",
    "compactAfterSetFinishedCompact",
  ]);
});

test("a store that a snapshot replaces answers the reads that were under way from the snapshot", async () => {
  const backend = memoryBackend();
  const store = await openStore(backend);
  for (let i = 0; i < 2000; i++) put(store, `k${i}`, "old");
  const snapshot = memoryBackend();
  const other = await openStore(snapshot);
  for (let i = 0; i < 3000; i++) put(other, "k", "new");
  const reading = rangeSliced(store, rangeRequest(ALL));
  const hashing = store.hashKv(0);
  await store.replace(
    snapshot,
    () => {},
    () => backend.become(snapshot),
  );
  assert.equal((await hashing).hashRevision, 2001);
  assert.equal(store.currentRevision, 3001);
  const late = await reading;
  assert.ok(late.count === 2000 || late.count === 1);
  assert.deepEqual(store.range(rangeRequest(ALL)).kvs.map(describe), ["k(2,3001,3000)=new"]);
});

test("records that a restore with a revision bump leaves are taken as they are", async () => {
  const backend = memoryBackend();
  const store = await openStore(backend);
  put(store, "a", "1");
  backend.putRevision(1_000_000, 0, false, new Uint8Array(0));
  const reopened = await openStore(backend);
  assert.equal(reopened.currentRevision, 1_000_000);
  assert.deepEqual(reopened.range(rangeRequest(ALL)).kvs.map(describe), ["a(2,2,1)=1"]);
  const { hash } = await reopened.hashKv(0);
  await reopened.compact(1_000_000).done;
  assert.equal(tableContent(backend).length, 2);
  assert.equal(reopened.storedHashes()[0]?.hash, hash);
  reopened.check();
});

test("what is little work is read at once, and anything else in slices", async () => {
  const clock = new RestlessClock(0);
  const backend = new MemoryBackend({ clock: new RestlessClock() });
  const store = await openStore(backend, { clock, slices: DEFAULT_SLICE_LIMITS });
  for (let i = 0; i < 20_000; i++) put(store, `k${String(i).padStart(5, "0")}`, "v");
  for (let i = 0; i < 40; i++) put(store, `large${i}`, String.fromCharCode(97 + (i % 7)).repeat(200_000));
  const large = { key: bytes("large"), rangeEnd: bytes("largf") };
  const cases: [Partial<RangeRequest>, boolean][] = [
    [{ key: bytes("k00000") }, true],
    [{ key: bytes("large0") }, true],
    [ALL, false],
    [{ ...ALL, countOnly: true }, true],
    [{ ...ALL, countOnly: true, revision: 20_001 }, false],
    [{ ...ALL, limit: 500 }, true],
    [{ ...ALL, limit: 6000 }, false],
    [{ ...ALL, limit: 5, sortOrder: 2 }, false],
    [{ ...ALL, limit: 5, minModRevision: 5 }, false],
    [{ key: bytes("k0"), rangeEnd: bytes("k001") }, true],
    [{ ...large, limit: 3 }, true],
    [{ ...large, limit: 20 }, false],
    [{ ...large, keysOnly: true }, true],
    [{ ...large, sortTarget: 4, sortOrder: 2, limit: 1 }, false],
    [{ ...large, sortTarget: 4, sortOrder: 2, limit: 1, keysOnly: true }, false],
  ];
  for (const [fields, atOnce] of cases) {
    const request = rangeRequest(fields);
    const { kvs: wanted, ...outcome } = store.range(request);
    await store.state.reading.next();
    store.state.reading.meter.mostInATurn = 0;
    const list = new RecordList();
    const answer = store.rangeInto(request, list);
    assert.equal(!(answer instanceof Promise), atOnce, JSON.stringify(fields));
    assert.deepEqual(await answer, outcome);
    assert.deepEqual(list.records.map(describe), wanted.map(describe));
    await store.state.reading.next();
    const { mostInATurn } = store.state.reading.meter;
    // A step more may come on top: a few hundred KiB.
    assert.ok(mostInATurn < DEFAULT_SLICE_LIMITS.turn + 2 ** 19, `${JSON.stringify(fields)}: ${mostInATurn}`);
  }
});

test("restoring, hashing and compacting count the bytes of records, of which few may be much", async () => {
  const backend = memoryBackend();
  const options = { clock: new RestlessClock(0), slices: DEFAULT_SLICE_LIMITS };
  const store = await openStore(backend, options);
  for (let i = 0; i < 60; i++) put(store, `k${i % 20}`, "v".repeat(300_000));
  const restored = await openStore(backend, options);
  const { background } = restored.state;
  const mostOf = async (work: () => Promise<unknown>): Promise<number> => {
    await background.next();
    background.meter.mostInATurn = 0;
    await work();
    await background.next();
    return background.meter.mostInATurn;
  };
  const mosts = [
    background.meter.mostInATurn,
    await mostOf(() => restored.hashKv(0)),
    await mostOf(() => restored.hashAll()),
    await mostOf(() => restored.compact(30).done),
  ];
  for (const most of mosts) {
    assert.ok(most > DEFAULT_SLICE_LIMITS.turn / 2 && most < 2 * DEFAULT_SLICE_LIMITS.turn, `${mosts}`);
  }
});
