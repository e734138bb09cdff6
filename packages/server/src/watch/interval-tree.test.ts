import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { IntervalTree } from "./interval-tree.ts";
import { compareKeys } from "./key-range.ts";

const anyKey = fc.uint8Array({ minLength: 1, maxLength: 3, min: 0, max: 5 });
const anyInterval = fc
  .tuple(anyKey, fc.option(anyKey, { nil: undefined }))
  .filter(([begin, end]) => end === undefined || compareKeys(begin, end) < 0);
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
        tree.stab(key, found);
        const want = [...model]
          .filter(
            ([, { begin, end }]) =>
              compareKeys(begin, key) <= 0 && (end === undefined || compareKeys(key, end) < 0),
          )
          .map(([name]) => name);
        assert.deepEqual(found.sort(), want.sort());
      }
      for (const lowest of keys) {
        for (const highest of [...keys, undefined]) {
          if (highest !== undefined && compareKeys(highest, lowest) < 0) continue;
          const want = [...model]
            .filter(
              ([, { begin, end }]) =>
                (highest === undefined || compareKeys(begin, highest) <= 0) &&
                (end === undefined || compareKeys(lowest, end) < 0),
            )
            .map(([name]) => name);
          assert.deepEqual(tree.overlapping(lowest, highest).sort(), want.sort());
        }
      }
    }),
  );
});
