import assert from "node:assert/strict";
import test from "node:test";
import { fc } from "@quorate/testkit/property";
import { compareBytes } from "../keys/bytes.ts";
import { IntervalTree } from "./interval-tree.ts";

const anyKey = fc.uint8Array({ minLength: 1, maxLength: 3, min: 0, max: 5 });
const anyInterval = fc
  .tuple(anyKey, fc.option(anyKey, { nil: undefined }))
  .filter(([begin, end]) => end === undefined || compareBytes(begin, end) < 0);
const anyStep = fc.oneof(
  { weight: 3, arbitrary: anyInterval.map(([begin, end]) => ({ add: true, begin, end })) },
  { weight: 2, arbitrary: anyInterval.map(([begin, end]) => ({ add: false, begin, end })) },
);

function nameOf(begin: Uint8Array, end: Uint8Array | undefined): string {
  return `${Buffer.from(begin).toString("hex")}-${end === undefined ? "" : Buffer.from(end).toString("hex")}`;
}

test("intervals over a key or a span of keys are those that looking at every interval finds", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 120 }), fc.array(anyKey, { maxLength: 20 }), (steps, keys) => {
      const tree = new IntervalTree<string>();
      const model = new Map<string, { begin: Uint8Array; end: Uint8Array | undefined }>();
      for (const { add, begin, end } of steps) {
        const name = nameOf(begin, end);
        if (add) {
          tree.set(begin, end, name);
          model.set(name, { begin, end });
        } else {
          tree.delete(begin, end);
          model.delete(name);
        }
        assert.equal(tree.get(begin, end), add ? name : undefined);
      }
      assert.equal(tree.size, model.size);
      for (const key of keys) {
        const found: string[] = [];
        tree.stab(key, found, Number.POSITIVE_INFINITY);
        const want = [...model]
          .filter(
            ([, { begin, end }]) =>
              compareBytes(begin, key) <= 0 && (end === undefined || compareBytes(key, end) < 0),
          )
          .map(([name]) => name);
        const few: string[] = [];
        tree.stab(key, few, 2);
        assert.deepEqual(few, found.slice(0, 2));
        assert.equal(tree.isStabbed(key), found.length > 0);
        assert.deepEqual(found.sort(), want.sort());
      }
      for (const lowest of keys) {
        for (const highest of [...keys, undefined]) {
          if (highest !== undefined && compareBytes(highest, lowest) < 0) continue;
          const want = [...model]
            .filter(
              ([, { begin, end }]) =>
                (highest === undefined || compareBytes(begin, highest) <= 0) &&
                (end === undefined || compareBytes(lowest, end) < 0),
            )
            .map(([name]) => name);
          assert.deepEqual([...tree.overlapping(lowest, highest)].sort(), want.sort());
        }
      }
    }),
  );
});

test("intervals that stay are found while others come and go", () => {
  fc.assert(
    fc.property(
      fc.array(anyInterval, { maxLength: 60 }),
      fc.array(fc.array(anyStep, { maxLength: 4 }), { maxLength: 40 }),
      (intervals, pauses) => {
        const tree = new IntervalTree<string>();
        for (const [begin, end] of intervals) tree.set(begin, end, nameOf(begin, end));
        const stay = new Set(intervals.map(([begin, end]) => nameOf(begin, end)));
        const found: string[] = [];
        for (const name of tree.overlapping(new Uint8Array(0), undefined)) {
          found.push(name);
          for (const { add, begin, end } of pauses[found.length - 1] ?? []) {
            if (add) tree.set(begin, end, nameOf(begin, end));
            else {
              tree.delete(begin, end);
              stay.delete(nameOf(begin, end));
            }
          }
        }
        assert.equal(new Set(found).size, found.length);
        assert.deepEqual(
          [...stay].filter((name) => !found.includes(name)),
          [],
        );
      },
    ),
  );
});
