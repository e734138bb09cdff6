import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { LoopDelays } from "./loop-delays.ts";

test("the longest delay is of the time since it was taken last, the quantiles are of all", async () => {
  const delays = new LoopDelays();
  assert.equal(delays.takeLongest(), 0);
  delays.start();
  await pause(50);
  // However fast the machine is, the timer that is due every 10 ms comes at least 30 ms late after this.
  const until = performance.now() + 50;
  while (performance.now() < until);
  await pause(50);
  assert.ok(delays.takeLongest() >= 0.03);
  assert.equal(delays.takeLongest(), 0);
  assert.ok(delays.quantiles().find(({ quantile }) => quantile === "1")!.seconds >= 0.03);
  delays.stop();
});
