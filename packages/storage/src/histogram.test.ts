import assert from "node:assert/strict";
import { test } from "node:test";
import { exponentialBounds, Histogram } from "./histogram.ts";

test("a value counts at the first bound that it does not exceed, or at none", () => {
  const histogram = new Histogram(exponentialBounds(0.5, 2, 3));
  assert.deepEqual(histogram.bounds, [0.5, 1, 2]);
  for (const value of [0.5, 0.6, 2, 2.5, 0]) histogram.observe(value);
  assert.deepEqual([histogram.counts, histogram.count, histogram.sum], [[2, 1, 1], 5, 5.6]);
  histogram.observe(0.75, 4);
  histogram.observe(1, 0);
  assert.deepEqual([histogram.counts, histogram.count, histogram.sum], [[2, 5, 1], 9, 8.6]);
});
