import assert from "node:assert/strict";
import { test } from "node:test";
import { shortTime, sinceShortTime } from "./slow-calls.ts";

for (const startMs of [0, 1_234.75, 2 ** 31 - 10.5, 2 ** 32 - 3, 2 ** 33 + 0.25]) {
  test(`what a call took is known to the millisecond, ${startMs} ms after the clock began`, () => {
    for (const tookMs of [0, 0.001, 7.5, 300, 86_400_000]) {
      const found = sinceShortTime(startMs + tookMs, shortTime(startMs));
      assert.ok(found >= tookMs - 1e-3 && found < tookMs + 1, `${found} instead of ${tookMs}`);
    }
  });
}
