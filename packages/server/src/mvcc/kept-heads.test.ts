import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { KeptHeads } from "./kept-heads.ts";

test("heads are ordered as the first bytes of their values are", () => {
  const values = fc.array(fc.uint8Array({ maxLength: 12, max: 3 }), { minLength: 2, maxLength: 20 });
  fc.assert(
    fc.property(values, (all) => {
      const heads = new KeptHeads(8);
      for (const value of all) heads.push(value);
      for (let a = 0; a < all.length; a++) {
        assert.equal(heads.lengthOf(a), all[a]!.length);
        for (let b = 0; b < all.length; b++) {
          const want = Buffer.compare(all[a]!.subarray(0, 8), all[b]!.subarray(0, 8));
          assert.equal(Math.sign(heads.compare(a, b)), want);
        }
      }
    }),
  );
});

test("heads of many blocks are found again", () => {
  const heads = new KeptHeads(256);
  const count = 5_000;
  for (let i = 0; i < count; i++) heads.push(Buffer.from(String(i).padStart(300, "0")).subarray(44));
  for (let i = 1; i < count; i++) assert.ok(heads.compare(i - 1, i) < 0, String(i));
});
