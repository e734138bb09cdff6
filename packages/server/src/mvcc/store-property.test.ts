import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "@quorate/testkit/property";
import { searchRuns } from "@quorate/testkit/seed";
import { decodeKeyValue, encodeKeyValue } from "@quorate/wire/hot";
import { RequestError } from "../errors.ts";
import { compareBytes } from "../keys/bytes.ts";
import type { Change } from "../keys/change.ts";
import { rangeContains } from "../keys/key-range.ts";
import type { MvccStore } from "./store.ts";
import { memoryBackend, openStore, rangeRequest, rangeSliced } from "./testing.ts";

/** A store too simple to be wrong: all changes ever made. */
class Model {
  currentRevision = 1;
  compactRevision = -1;
  readonly changes: {
    key: Uint8Array;
    main: number;
    sub: number;
    value: string | undefined;
    lease: bigint;
  }[] = [];

  commit(changes: { key: Uint8Array; value: string | undefined; lease: bigint }[]): void {
    if (changes.length === 0) return;
    this.currentRevision += 1;
    for (const [sub, change] of changes.entries()) {
      this.changes.push({ ...change, main: this.currentRevision, sub });
    }
  }

  /** The records of all live keys at a revision, in key order. */
  at(revision: number): Uint8Array[] {
    const live = new Map<
      string,
      { key: Uint8Array; create: number; mod: number; version: number; value: string; lease: bigint }
    >();
    for (const { key, main, value, lease } of this.changes) {
      if (main > revision) break;
      const name = Buffer.from(key).toString("hex");
      const before = live.get(name);
      if (value === undefined) live.delete(name);
      else {
        live.set(name, {
          key,
          create: before?.create ?? main,
          mod: main,
          version: (before?.version ?? 0) + 1,
          value,
          lease,
        });
      }
    }
    return [...live.values()]
      .sort((a, b) => compareBytes(a.key, b.key))
      .map((kv) => encodeKeyValue(kv.key, kv.create, kv.mod, kv.version, Buffer.from(kv.value), kv.lease));
  }
}

// Keys that lie close together, share prefixes, and have zero and 0xff bytes; empty ends and the "from key" end, too.
const anyKey = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 }),
  fc.constantFrom(
    Uint8Array.of(0),
    Uint8Array.of(255),
    Uint8Array.of(255, 255),
    Uint8Array.of(0, 0),
    Uint8Array.of(254, 255),
  ),
  fc.integer({ min: 0, max: 40 }).map((i) => new Uint8Array(Buffer.from(`/registry/pods/default/pod-${i}`))),
);
const anyEnd = fc.oneof(fc.constant(new Uint8Array(0)), fc.constant(Uint8Array.of(0)), anyKey);

type Step =
  | {
      kind: "txn";
      ops: (
        | { kind: "put"; key: Uint8Array; value: string; lease: bigint }
        | { kind: "delete"; key: Uint8Array; end: Uint8Array }
      )[];
    }
  | { kind: "compact"; back: number; wait: boolean }
  | { kind: "restart" }
  | {
      kind: "range";
      key: Uint8Array;
      end: Uint8Array;
      back: number;
      limit: number;
      order: number;
      target: number;
    };

const anyOp = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      key: anyKey,
      value: fc.string({ maxLength: 3 }),
      lease: fc.constantFrom(0n, 0n, 7n),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete" as const), key: anyKey, end: anyEnd }) },
);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant("txn" as const), ops: fc.array(anyOp, { maxLength: 4 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("compact" as const), back: fc.nat(6), wait: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("range" as const),
      key: anyKey,
      end: anyEnd,
      back: fc.nat(8),
      limit: fc.nat(4),
      order: fc.nat(2),
      target: fc.nat(4),
    }),
  },
);

function applyTxn(store: MvccStore, model: Model, ops: Extract<Step, { kind: "txn" }>["ops"]): void {
  const txn = store.beginWrite();
  const changes: { key: Uint8Array; value: string | undefined; lease: bigint }[] = [];
  const live = new Set(
    model.at(model.currentRevision).map((kv) => Buffer.from(decodeKeyValue(kv).key).toString("hex")),
  );
  for (const op of ops) {
    if (op.kind === "put") {
      txn.put(op.key, Buffer.from(op.value), op.lease);
      changes.push({ key: op.key, value: op.value, lease: op.lease });
      live.add(Buffer.from(op.key).toString("hex"));
      continue;
    }
    const doomed = [...live].filter((name) => rangeContains(op.key, op.end, Buffer.from(name, "hex"))).sort();
    assert.equal(txn.deleteRange(op.key, op.end), doomed.length);
    for (const name of doomed) {
      live.delete(name);
      changes.push({ key: new Uint8Array(Buffer.from(name, "hex")), value: undefined, lease: 0n });
    }
  }
  model.commit(changes);
  assert.equal(txn.end(), model.currentRevision);
}

function checkRange(store: MvccStore, model: Model, step: Extract<Step, { kind: "range" }>): void {
  const revision = Math.max(0, model.currentRevision - step.back);
  const request = rangeRequest({
    key: step.key,
    rangeEnd: step.end,
    revision,
    limit: step.limit,
    sortOrder: step.order,
    sortTarget: step.target,
  });
  const at = revision === 0 ? model.currentRevision : revision;
  if (revision > 0 && revision < model.compactRevision) {
    assert.throws(
      () => store.range(request),
      (error) => error instanceof RequestError && error.code === "COMPACTED",
    );
    return;
  }
  const all = model.at(at).filter((kv) => rangeContains(step.key, step.end, decodeKeyValue(kv).key));
  let wanted = all;
  if (step.order === 0 && step.limit > 0) wanted = wanted.slice(0, step.limit + 1);
  if (step.order !== 0 || step.target !== 0) {
    wanted = wanted.toSorted((a, b) => {
      const [x, y] = [decodeKeyValue(a), decodeKeyValue(b)];
      const differences = [
        compareBytes(x.key, y.key),
        x.version - y.version,
        x.createRevision - y.createRevision,
        x.modRevision - y.modRevision,
        compareBytes(x.value, y.value),
      ];
      return differences[step.target]! * (step.order === 2 ? -1 : 1);
    });
  }
  const result = store.range(request);
  assert.equal(result.count, all.length);
  assert.equal(result.more, step.limit > 0 && wanted.length > step.limit);
  if (step.limit > 0) wanted = wanted.slice(0, step.limit);
  assert.deepEqual(result.kvs.map(hex), wanted.map(hex));
  const { count } = store.range({ ...request, countOnly: true });
  assert.equal(count, all.length);
}

const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");

function checkHistory(
  store: MvccStore,
  model: Model,
  key: Uint8Array,
  end: Uint8Array,
  maxBytes: number,
): void {
  const from = Math.max(store.compactRevision + 1, 2);
  const scan = store.openHistory(key, end, from, store.currentRevision);
  const seen: Change[] = [];
  const most = model.changes.length + store.currentRevision - from + 1;
  let steps = 0;
  while (scan.position < store.currentRevision) {
    const before = scan.position;
    scan.advance(3, maxBytes, seen);
    assert.ok(scan.position >= before);
    // A revision that is too long for a step is there in part.
    assert.ok(seen.every(({ main }) => main <= scan.position + 1));
    assert.ok(++steps <= most, "each step looks at a record, or finds that there are no more");
  }
  const wanted = model.changes.filter(({ key: each, main }) => main >= from && rangeContains(key, end, each));
  assert.deepEqual(
    seen.map((change) => `${change.main}.${change.sub} ${hex(change.key)} ${change.deleted}`),
    wanted.map((change) => `${change.main}.${change.sub} ${hex(change.key)} ${change.value === undefined}`),
  );
}

test("the store agrees with a list of all changes, at all revisions, over compactions and restarts", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 60, size: "max" }), async (steps) => {
      const backend = memoryBackend();
      let store = await openStore(backend, { compactionBatchLimit: 4 });
      const model = new Model();
      for (const step of steps) {
        if (step.kind === "txn") applyTxn(store, model, step.ops);
        if (step.kind === "range") checkRange(store, model, step);
        if (step.kind === "compact") {
          const revision = model.currentRevision - step.back;
          if (revision <= model.compactRevision) continue;
          const unique = model.changes.every(
            ({ main, key }, i) =>
              main !== revision ||
              !model.changes.slice(i + 1).some((later) => later.main === main && hex(later.key) === hex(key)),
          );
          // Without any visible key a hash covers what an earlier compaction kept, a compaction's hash does not.
          const comparable = unique && (model.compactRevision < 0 || model.at(revision).length > 0);
          const before = step.wait && revision > 0 ? await store.hashKv(revision) : undefined;
          model.compactRevision = revision;
          const { done } = store.compact(revision);
          done.catch(() => {});
          if (!step.wait) continue;
          await done;
          const after = store.storedHashes().find((each) => each.hashRevision === revision);
          // A key that is deleted and written by one transaction is where etcd and every sane store differ.
          if (before !== undefined && after !== undefined && comparable)
            assert.equal(after.hash, before.hash);
        }
        if (step.kind === "restart") {
          const hash =
            (await store.hashKv(model.currentRevision)).compactRevision === model.compactRevision
              ? (await store.hashKv(model.currentRevision)).hash
              : undefined;
          await store.close();
          store = await openStore(backend, { compactionBatchLimit: 4 });
          assert.equal(store.compactRevision, model.compactRevision);
          if (hash !== undefined) assert.equal((await store.hashKv(model.currentRevision)).hash, hash);
        }
        assert.equal(store.currentRevision, model.currentRevision);
      }
      await store.compactionsDone();
      store.check();
      for (let revision = Math.max(1, model.compactRevision); revision <= model.currentRevision; revision++) {
        const request = rangeRequest({ key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0), revision });
        const wanted = model.at(revision);
        assert.deepEqual(store.range(request).kvs.map(hex), wanted.map(hex));
        assert.deepEqual((await rangeSliced(store, request)).kvs.map(hex), wanted.map(hex));
        assert.equal(store.range({ ...request, countOnly: true }).count, wanted.length);
      }
      checkHistory(store, model, Uint8Array.of(0), Uint8Array.of(0), 1000);
      checkHistory(store, model, Uint8Array.of(1), Uint8Array.of(2), 1);
      checkHistory(store, model, Uint8Array.of(255), new Uint8Array(0), 40);
      await store.close();
    }),
    { numRuns: searchRuns(50, 150) },
  );
});
