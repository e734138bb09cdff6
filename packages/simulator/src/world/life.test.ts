import assert from "node:assert/strict";
import test from "node:test";
import { Life } from "./life.ts";
import { VirtualTime } from "./virtual-time.ts";

function begin(rate = 1) {
  const time = new VirtualTime();
  const errors: string[] = [];
  const life = new Life(
    time,
    { rate, originMs: 500, wallOffsetMs: 0 },
    { entered() {}, onThrow: (error) => errors.push(error.message), step() {} },
  );
  const runUntil = (ms: number) => {
    time.after(ms - time.nowMs, () => {});
    return time.run(
      () => time.nowMs >= ms,
      () => {},
    );
  };
  return { time, life, errors, runUntil };
}

test("a paused process finds what came when it goes on, in order", async () => {
  const { time, life, runUntil } = begin();
  const happened: string[] = [];
  for (const delayMs of [10, 20, 30]) {
    life.clock.setTimer(delayMs, () => happened.push(`${delayMs} at ${Math.floor(time.nowMs)}`));
  }
  const canceled = life.clock.setTimer(25, () => happened.push("canceled"));
  await runUntil(15);
  life.pause();
  await runUntil(100);
  canceled.cancel();
  assert.deepEqual(happened, ["10 at 10"]);
  life.resume();
  await runUntil(101);
  assert.deepEqual(happened, ["10 at 10", "20 at 100", "30 at 100"]);
});

test("nothing of a process runs after its end, which those who ask are told of", async () => {
  const { life, runUntil } = begin();
  const happened: string[] = [];
  life.clock.setTimer(10, () => happened.push("timer"));
  life.clock.soon(() => happened.push("soon"));
  life.onEnd(() => happened.push("end"));
  const forget = life.onEnd(() => happened.push("forgotten"));
  forget();
  life.end();
  life.end();
  life.clock.setTimer(1, () => happened.push("late"));
  await runUntil(50);
  assert.deepEqual(happened, ["end"]);
});

test("a fast clock's timers are early for everybody else", async () => {
  const { time, life, runUntil } = begin(2);
  let atMs = 0;
  life.clock.setTimer(100, () => {
    atMs = time.nowMs;
  });
  await runUntil(200);
  assert.equal(atMs, 50);
  assert.equal(life.clock.nowMs(), 500 + 2 * time.nowMs);
});

test("what a process throws ends in its own hands", () => {
  const { life, errors } = begin();
  life.enter(() => {
    throw new Error("mine");
  });
  assert.deepEqual(errors, ["mine"]);
});
