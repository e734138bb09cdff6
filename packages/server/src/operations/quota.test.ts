import assert from "node:assert/strict";
import { test } from "node:test";
import { Quota } from "./quota.ts";

const cases = [
  { name: "what leaves a byte fits", limit: 1_000, used: 743, cost: 256, fits: true },
  { name: "what fills the quota does not fit", limit: 1_000, used: 744, cost: 256, fits: false },
  { name: "what costs nothing fits always", limit: 1_000, used: 5_000, cost: 0, fits: true },
  { name: "without a quota all fits", limit: Number.POSITIVE_INFINITY, used: 1e15, cost: 1e9, fits: true },
];
for (const { name, limit, used, cost, fits } of cases) {
  test(name, () => {
    const quota = new Quota(limit, () => used);
    assert.equal(quota.fits(cost), fits);
    assert.equal(quota.usedRatio, used / limit);
  });
}
