import assert from "node:assert/strict";
import { test } from "node:test";
import { GcPauses } from "./gc-pauses.ts";

test("pauses are summed up, and their quantiles are of the last ones", () => {
  const pauses = new GcPauses();
  assert.ok(pauses.summary().quantiles.every(([, value]) => Number.isNaN(value)));
  for (let i = 1; i <= 300; i++) pauses.add(i);
  const { quantiles, sum, count } = pauses.summary();
  assert.deepEqual([sum, count], [45_150, 300]);
  assert.deepEqual(quantiles, [
    [0, 45],
    [0.25, 109],
    [0.5, 173],
    [0.75, 237],
    [1, 300],
  ]);
});
