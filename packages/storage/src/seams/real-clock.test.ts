import assert from "node:assert/strict";
import { test } from "node:test";
import { realClock } from "./real-clock.ts";

test("a timer that is set late in a long turn is not early", async () => {
  for (let round = 0; round < 5; round++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    const beganMs = performance.now();
    while (performance.now() - beganMs < 15);
    const setMs = performance.now();
    const keepsRunning = setInterval(() => {}, 1_000);
    const afterMs = await new Promise<number>((resolve) => {
      realClock.setTimer(20, () => resolve(performance.now() - setMs));
    });
    clearInterval(keepsRunning);
    assert.ok(afterMs >= 20, `after ${afterMs} ms`);
  }
});

test("a timer that was cancelled is silent", async () => {
  let fired = 0;
  const timer = realClock.setTimer(5, () => fired++);
  timer.cancel();
  await new Promise<void>((resolve) => setTimeout(resolve, 20));
  assert.equal(fired, 0);
});
