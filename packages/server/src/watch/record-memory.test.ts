import assert from "node:assert/strict";
import test from "node:test";
import { fc } from "@quorate/testkit/property";
import { RecordMemory } from "./record-memory.ts";
import { Harness } from "./testing/harness.ts";

const MOST_KEPT = 4 * 64 * 1024;

const anyRecord = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0, max: 5_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 300_000 }) },
);

test("copies are what was copied until they are reset, round after round, and little is kept", () => {
  fc.assert(
    fc.property(fc.array(fc.array(anyRecord, { maxLength: 40 }), { maxLength: 5 }), (rounds) => {
      const memory = new RecordMemory();
      for (const [round, sizes] of rounds.entries()) {
        const records = sizes.map((size, i) => new Uint8Array(size).fill(round + i));
        const copies = records.map((record) => memory.copy(record));
        assert.deepEqual(copies, records);
        memory.reset();
        assert.ok(memory.heldBytes <= MOST_KEPT, `${memory.heldBytes}`);
      }
    }),
    { numRuns: 50 },
  );
});

test("what is large is freed when it is reset", () => {
  const memory = new RecordMemory();
  const copy = memory.copy(new Uint8Array(1_400_000));
  assert.equal(copy.length, 1_400_000);
  memory.reset();
  assert.equal(copy.buffer.byteLength, 0);
});

test("watchers that read history have memory for as many records as are read at a time, and use it again", () => {
  const harness = new Harness();
  const { store } = harness;
  for (let i = 0; i < 100; i++) store.write({ put: `k${i}`, value: "v".repeat(100_000) });
  const clients = Array.from({ length: 20 }, (_, i) => {
    const client = harness.open();
    client.create({ key: "k", end: "l", start: 2, prevKv: i % 2 === 0, filters: i % 3 === 0 ? [1] : [] });
    return client;
  });
  harness.clock.settle();
  for (const client of clients) {
    const events = client.read().flatMap(({ events: each }) => each);
    assert.deepEqual(
      events.map(({ key, value }) => `${key} ${value.length}`),
      Array.from({ length: 100 }, (_, i) => `k${i} 100000`),
    );
  }
  const memories = [...store.copies];
  assert.ok(memories.length > 0 && memories.length <= 4, `${memories.length}`);
  for (const memory of memories) {
    assert.ok(memory instanceof RecordMemory);
    assert.ok(memory.heldBytes <= MOST_KEPT, `${memory.heldBytes}`);
  }
});
