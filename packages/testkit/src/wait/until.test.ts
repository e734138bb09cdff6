import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./until.ts";

test("it looks again until the condition holds", async () => {
  let looks = 0;
  await until(async () => ++looks === 3);
  assert.equal(looks, 3);
});

test("a wait in vain ends, and says what for", async () => {
  const never = false;
  await assert.rejects(
    until(() => never, 5),
    /waited 5 ms in vain: \(\) => never/,
  );
});

test("a condition that fails is told of", async () => {
  const failing = () => Promise.reject(new Error("no look"));
  await assert.rejects(until(failing), /no look/);
});
