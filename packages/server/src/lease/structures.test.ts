import assert from "node:assert/strict";
import test from "node:test";
import { inOneGo } from "@quorate/storage/slices";
import { fc } from "@quorate/testkit/property";
import { IntColumn } from "./columns.ts";
import { DeadlineHeap } from "./deadline-heap.ts";
import { KeyAttachments } from "./key-attachments.ts";
import { LeaseTable } from "./lease-table.ts";
import { DeadlineSpread } from "./promotion.ts";
import { NONE } from "./slot-index.ts";

test("the heap gives slots in the order of their times, whatever was moved and removed", () => {
  const anyStep = fc.record({
    slot: fc.nat(40),
    time: fc.option(fc.nat(1000), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 200 }), (steps) => {
      const heap = new DeadlineHeap();
      heap.reserve(10);
      heap.reserve(41);
      const model = new Map<number, number>();
      for (const { slot, time } of steps) {
        if (time === undefined) {
          heap.remove(slot);
          model.delete(slot);
        } else {
          heap.set(slot, time);
          model.set(slot, time);
        }
        assert.equal(heap.size, model.size);
        if (model.size > 0) assert.equal(heap.timeOf(heap.first()), Math.min(...model.values()));
      }
      const times: number[] = [];
      for (let slot = heap.first(); slot !== -1; slot = heap.first()) {
        assert.equal(heap.timeOf(slot), model.get(slot));
        times.push(heap.timeOf(slot));
        heap.remove(slot);
      }
      assert.deepEqual(
        times,
        [...model.values()].sort((a, b) => a - b),
      );
    }),
  );
});

test("the table finds the leases that are there and no others", () => {
  // Few different halves, so that ids share one of them.
  const anyHalf = fc.constantFrom(0n, 1n, 2n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn);
  const anyId = fc.tuple(anyHalf, anyHalf).map(([high, low]) => BigInt.asIntN(64, (high << 32n) | low));
  fc.assert(
    fc.property(fc.array(fc.tuple(anyId, fc.boolean()), { maxLength: 200 }), (steps) => {
      const table = new LeaseTable();
      const model = new Map<bigint, number>();
      for (const [id, add] of steps) {
        const slot = table.find(id);
        assert.equal(slot, model.get(id) ?? NONE);
        if (add && slot === NONE) model.set(id, table.add(id, 5));
        if (!add && slot !== NONE) {
          table.remove(slot);
          model.delete(id);
        }
      }
      assert.equal(table.size, model.size);
      for (const [id, slot] of model) {
        assert.equal(table.find(id), slot);
        assert.equal(table.idOf(slot), id);
        assert.ok(table.isLive(slot));
      }
    }),
  );
});

test("attachments are the same as two maps", () => {
  const anyKey = fc.uint8Array({ maxLength: 20, min: 0, max: 2 });
  const anyStep = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant("attach" as const), key: anyKey, lease: fc.nat(4) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant("detach" as const), key: anyKey, lease: fc.nat(4) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("all" as const), key: anyKey, lease: fc.nat(4) }) },
  );
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 300 }), fc.integer(), (steps, seed) => {
      const heads = listHeads(5);
      const attachments = new KeyAttachments(heads, seed);
      const model = new Map<string, number>();
      for (const step of steps) {
        const name = Buffer.from(step.key).toString("hex");
        if (step.do === "attach") {
          const borrowed = step.key.slice();
          attachments.attach(borrowed, step.lease);
          borrowed.fill(9);
          model.set(name, step.lease);
        } else if (step.do === "detach") {
          attachments.detach(step.key);
          model.delete(name);
        } else {
          attachments.detachAll(step.lease);
          for (const [key, lease] of model) if (lease === step.lease) model.delete(key);
        }
        assert.equal(attachments.leaseOf(step.key), model.get(name) ?? NONE);
        assert.equal(attachments.size, model.size);
      }
      for (let lease = 0; lease < 5; lease++) {
        const keys = attachments.keysOf(lease).map((key) => Buffer.from(key).toString("hex"));
        const want = [...model].filter(([, slot]) => slot === lease).map(([key]) => key);
        assert.deepEqual(keys.sort(), want.sort());
      }
    }),
  );
});

test("keys are read in steps while others come and go: those that stay are read once", () => {
  const heads = listHeads(3);
  const attachments = new KeyAttachments(heads, 1);
  const key = (i: number) => Buffer.from(`key${i}`);
  for (let i = 0; i < 3000; i++) attachments.attach(key(i), 0);
  const steps = attachments.keysSteps(0);
  let read: Uint8Array[] | undefined;
  for (let turn = 0; read === undefined; turn++) {
    const step = steps.next(true);
    if (step.done) read = step.value;
    // Those to come next, and others, go away or to another lease; new ones take their places.
    for (let i = turn; i < 3000; i += 7) {
      if (i % 2 === 0) attachments.detach(key(i));
      else attachments.attach(key(i), 1);
    }
    for (let i = 0; i < 100; i++) attachments.attach(key(10_000 + turn * 100 + i), i % 2 === 0 ? 0 : 2);
    if (turn === 3) for (let i = turn + 4; i < 3000; i += 7) attachments.attach(key(i), 0);
  }
  const names = read.map((each) => Buffer.from(each).toString());
  assert.equal(new Set(names).size, names.length, "none twice");
  for (const name of names) assert.ok(/^key\d+$/.test(name));
  const again = attachments.keysSteps(0);
  again.next();
  attachments.detachAll(0);
  attachments.attach(key(1), 0);
  const rest = again.next(true);
  assert.ok(rest.done && rest.value.length === 256, "a lease that has gone has no more keys");
});

test("a key larger than a chunk is kept like any other", () => {
  const heads = listHeads(1);
  const attachments = new KeyAttachments(heads, 1);
  const large = new Uint8Array(1_000_000).fill(7);
  attachments.attach(Uint8Array.of(1), 0);
  attachments.attach(large, 0);
  attachments.attach(Uint8Array.of(2), 0);
  assert.deepEqual(
    attachments
      .keysOf(0)
      .map(({ length }) => length)
      .sort((a, b) => a - b),
    [1, 1, 1_000_000],
  );
  attachments.detach(large);
  assert.equal(attachments.leaseOf(large), NONE);
  attachments.attach(large, 0);
  assert.equal(attachments.leaseOf(large), 0);
});

test("a few leases keep their time whatever they are", () => {
  const spread = new DeadlineSpread();
  for (let i = 0; i < 999; i++) spread.count(10);
  inOneGo(spread.planSteps());
  for (let i = 0; i < 999; i++) assert.equal(spread.place(10), 10);
});

test("spread deadlines are never earlier, and no more than 750 a second where they were moved", () => {
  const anyGroups = fc.uniqueArray(
    fc.record({ seconds: fc.integer({ min: 1, max: 30 }), count: fc.nat(4000) }),
    {
      selector: ({ seconds }) => seconds,
      maxLength: 8,
    },
  );
  fc.assert(
    fc.property(anyGroups, (groups) => {
      const spread = new DeadlineSpread();
      for (const { seconds, count } of groups) for (let i = 0; i < count; i++) spread.count(seconds);
      inOneGo(spread.planSteps());
      const placed: number[] = [];
      for (const { seconds, count } of groups) {
        for (let i = 0; i < count; i++) {
          const place = spread.place(seconds);
          assert.ok(place >= seconds);
          placed.push(place);
        }
      }
      const total = placed.length;
      if (total < 1000) return;
      const perSecond = new Map<number, number>();
      for (const place of placed) {
        const second = Math.floor(place + 1e-9);
        perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
      }
      // A second may hold the end of one pile and a small group of its own.
      for (const count of perSecond.values()) assert.ok(count <= 1501, `${count} in one second`);
      assert.ok(Math.max(...placed, 0) <= 30 + total / 750 + 1);
    }),
    { numRuns: 30 },
  );
});

function listHeads(leases: number): IntColumn {
  const heads = new IntColumn();
  heads.reserve(leases);
  heads.fill(NONE);
  return heads;
}
