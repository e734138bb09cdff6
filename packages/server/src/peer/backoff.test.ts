import assert from "node:assert/strict";
import test from "node:test";
import { Backoff } from "./backoff.ts";
import { noRandom } from "./testing.ts";

const waits = (backoff: Backoff, count: number) => Array.from({ length: count }, () => backoff.next());

test("waits grow from a tenth of a second to a second, and begin anew after a success", () => {
  const backoff = new Backoff(noRandom);
  assert.deepEqual(waits(backoff, 5), [100, 300, 900, 1_000, 1_000]);
  backoff.reset();
  assert.deepEqual(waits(backoff, 2), [100, 300]);
});

test("chance takes up to a quarter of a wait away", () => {
  const backoff = new Backoff({ below: (limit) => limit - 1 });
  assert.deepEqual(waits(backoff, 4), [76, 226, 676, 751]);
});
