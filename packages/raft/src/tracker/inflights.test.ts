import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc } from "@quorate/testkit/property";
import { Inflights } from "./inflights.ts";

/** The same as a plain list. */
class SlowInflights {
  readonly list: { index: number; bytes: number }[] = [];
  readonly capacity: number;
  readonly maxBytes: number;

  constructor(capacity: number, maxBytes: number) {
    this.capacity = capacity;
    this.maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.list.reduce((sum, each) => sum + each.bytes, 0);
  }

  full(): boolean {
    return this.list.length === this.capacity || this.bytes >= this.maxBytes;
  }

  freeThrough(index: number): void {
    while (this.list.length > 0 && this.list[0]!.index <= index) this.list.shift();
  }
}

describe("inflights", () => {
  test("behave as a plain list, whatever comes", () => {
    const action = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant("add" as const), n: fc.nat(20) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("free" as const), n: fc.nat(12) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("reset" as const), n: fc.nat(1) }) },
    );
    const limits = fc.tuple(
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(30, 100, Number.POSITIVE_INFINITY),
    );
    fc.assert(
      fc.property(limits, fc.array(action, { maxLength: 120 }), ([capacity, maxBytes], actions) => {
        const fast = new Inflights(capacity, maxBytes);
        const slow = new SlowInflights(capacity, maxBytes);
        let index = 0;
        for (const { kind, n } of actions) {
          if (kind === "reset") {
            fast.reset();
            slow.list.length = 0;
          } else if (kind === "free") {
            const through = (slow.list[0]?.index ?? 0) + n - 1;
            fast.freeThrough(through);
            slow.freeThrough(through);
          } else if (slow.full()) {
            assert.throws(() => fast.add(index + 1, n), /cannot add into a Full inflights/);
          } else {
            index += 1 + n;
            fast.add(index, n);
            slow.list.push({ index, bytes: n });
          }
          assert.deepEqual(
            [fast.count, fast.bytes, fast.full()],
            [slow.list.length, slow.bytes, slow.full()],
          );
          assert.equal(fast.clone().count, slow.list.length);
        }
      }),
    );
  });

  test("the message that crosses the byte limit is still taken", () => {
    const inflights = new Inflights(10, 100);
    inflights.add(1, 99);
    assert.equal(inflights.full(), false);
    inflights.add(2, 500);
    assert.equal(inflights.full(), true);
  });
});
