import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { ManualClock, RestlessClock } from "@quorate/testkit/clock";
import { until } from "@quorate/testkit/wait";
import {
  encodeDeleteRangeRequest,
  encodeInternalRequest,
  encodeLeaseId,
  InternalField,
} from "@quorate/wire/hot";
import { Probe } from "../consensus/testing.ts";
import { Lessor } from "../lease/lessor.ts";
import { ALL, bytes, openStore, rangeRequest } from "../mvcc/testing.ts";
import { OPEN_ACCESS } from "../operations/open-access.testing.ts";
import { StateMachine, type StateMachineOptions } from "./state-machine.ts";

const KEY = Buffer.from("key");

test("an entry without effect, a new leader's, does not keep what came before it from being committed", () => {
  const clock = new ManualClock();
  const backend = new MemoryBackend({ clock, batchIntervalMs: 100, flushMs: 1 });
  const machine = new StateMachine({ clock, state: { backend } } as unknown as StateMachineOptions);
  backend.setConsistentIndex(5, 1);
  backend.put("meta", KEY, Buffer.from("value"));
  backend.entryApplied();
  machine.applyEmpty({ index: 6, term: 2 });
  clock.advance(200);
  const left = backend.crash();
  assert.equal(left.consistentIndex, 6);
  assert.equal(Buffer.from(left.get("meta", KEY) ?? []).toString(), "value");
});

test("whoever waits for an entry that the state reflects already is told that its outcome is not known", () => {
  const clock = new ManualClock();
  const backend = new MemoryBackend({ clock, batchIntervalMs: 100, flushMs: 1 });
  const machine = new StateMachine({ clock, state: { backend } } as unknown as StateMachineOptions);
  backend.setConsistentIndex(5, 1);
  const probe = new Probe({});
  machine.applyEntry({ type: 0, index: 5, term: 1, data: new Uint8Array(0) }, probe);
  assert.equal(probe.outcome, "etcdserver: request timed out");
});

const KEYS = 5000;

/** A machine over keys that all have lease 7, and whatever commits of its backend leave. */
async function machineWithKeys() {
  const clock = new RestlessClock();
  const backend = new MemoryBackend({ clock });
  const store = await openStore(backend, { clock });
  const proposals = { proposeRevoke: () => {}, proposeCheckpoint: () => Promise.resolve() };
  const lessor = new Lessor({
    ...{ clock, backend, proposals, minimumTtlSeconds: 1, electionTimeoutMs: 1000 },
    ...{ requestTimeoutMs: 1000, checkpoints: false, hashSeed: 1 },
  });
  lessor.applyGrant(7n, 100);
  for (let i = 0; i < KEYS; i++) {
    const key = bytes(`k${String((i * 7919) % KEYS).padStart(5, "0")}`);
    const txn = store.beginWrite();
    txn.put(key, bytes("v"), 7n);
    lessor.attach(key, 7n);
    txn.end();
  }
  backend.setConsistentIndex(5, 1);
  backend.entryApplied();
  backend.commit();
  await backend.flushed();
  const state = { backend, store, lessor, alarms: { corrupt: false }, access: OPEN_ACCESS };
  const machine = new StateMachine({ clock, slowMs: 1e9, state } as unknown as StateMachineOptions);
  return { backend, store, lessor, machine };
}

const deletion = { key: bytes("k"), rangeEnd: bytes("l"), prevKv: false };
const longEntries = [
  {
    name: "a deletion of many keys",
    field: InternalField.deleteRange,
    body: encodeDeleteRangeRequest(deletion),
  },
  { name: "the revoke of a lease with many keys", field: InternalField.leaseRevoke, body: encodeLeaseId(7n) },
];
for (const { name, field, body } of longEntries) {
  test(`${name} is applied in slices, of which nobody sees one without the others`, async () => {
    const { backend, store, lessor, machine } = await machineWithKeys();
    const { currentRevision } = store;
    const count = rangeRequest({ ...ALL, countOnly: true });
    const data = encodeInternalRequest(field, body, 1n, "", 0);
    const ends = machine.applyEntry({ type: 0, index: 6, term: 1, data }, undefined);
    assert.ok(ends !== undefined);
    let isEnded = false;
    const ended = ends.then(() => {
      isEnded = true;
    });
    let turns = 0;
    for (; !isEnded; turns++) {
      if (store.currentRevision === currentRevision) {
        assert.equal(store.range(count).count, KEYS);
        assert.equal(store.range(rangeRequest({ key: bytes("k00000") })).kvs.length, 1);
        assert.equal(store.range(rangeRequest({ ...ALL, limit: 3 })).kvs.length, 3);
        assert.equal(lessor.has(7n), true);
      } else {
        assert.equal(store.range(count).count, 0);
      }
      backend.commit();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
    assert.ok(turns >= Math.floor(KEYS / 256), `${turns} turns`);
    assert.ok(store.applying.meter.mostInATurn < 2 ** 19, `${store.applying.meter.mostInATurn}`);
    assert.equal(store.currentRevision, currentRevision + 1);
    assert.equal(store.range(count).count, 0);
    assert.equal(lessor.attachedKeys, 0);
    assert.equal(lessor.has(7n), field === InternalField.deleteRange);
    assert.equal(
      store.range(rangeRequest({ ...ALL, countOnly: true, revision: currentRevision })).count,
      KEYS,
    );
    store.check();
  });

  test(`${name} is in the database as a whole or not at all`, async () => {
    const { backend, store, machine } = await machineWithKeys();
    const stored = backend.revisionCount;
    const data = encodeInternalRequest(field, body, 1n, "", 0);
    const ends = machine.applyEntry({ type: 0, index: 6, term: 1, data }, undefined);
    // It goes on, and finds no backend any more.
    ends?.catch(() => {});
    await until(() => backend.revisionCount !== stored);
    for (let i = 0; i < 5; i++) {
      backend.commit();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(ends !== undefined && store.range(rangeRequest({ ...ALL, countOnly: true })).count === KEYS);
    const left = backend.crash();
    assert.equal(left.consistentIndex, 5);
    assert.equal(left.revisionCount, stored);
  });
}
