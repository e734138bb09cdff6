import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "./manual-clock.ts";

/** A clock, and what its timers and turns have said, each with the time. */
function setUp(clock = new ManualClock()) {
  const log: string[] = [];
  const say = (what: string) => () => void log.push(`${what} at ${clock.nowMs()}`);
  return { clock, log, say };
}

test("timers fire in the order of their times, at their times, also those set on the way", () => {
  const { clock, log, say } = setUp();
  clock.setTimer(30, say("late"));
  clock.setTimer(10, () => {
    say("early")();
    clock.setTimer(5, say("set on the way"));
  });
  clock.setTimer(10, say("early too"));
  clock.advance(29);
  assert.deepEqual(log, ["early at 10", "early too at 10", "set on the way at 15"]);
  assert.equal(clock.timerCount, 1);
  clock.advance(1);
  assert.equal(log.at(-1), "late at 30");
});

test("a canceled timer never fires", () => {
  const { clock, log, say } = setUp();
  const timer = clock.setTimer(10, say("never"));
  timer.cancel();
  timer.cancel();
  clock.advance(100);
  assert.deepEqual(log, []);
});

test("what is to be done soon is done turn by turn, and before the next timer", () => {
  const { clock, log, say } = setUp();
  clock.soon(() => {
    say("first")();
    clock.soon(say("second"));
  });
  assert.equal(clock.runTurn(), true);
  assert.deepEqual(log, ["first at 0"]);
  clock.setTimer(0, say("timer"));
  clock.advance(5);
  assert.deepEqual(log, ["first at 0", "second at 0", "timer at 0"]);
  assert.equal(clock.runTurn(), false);
});

test("work that never ends by itself is an error, not a test that hangs", () => {
  const { clock } = setUp();
  const again = () => clock.soon(again);
  again();
  assert.throws(() => clock.settle(), /still something to do/);
});

test("while the process is stopped time goes on, and its timers are late by as much", () => {
  const { clock, log, say } = setUp();
  clock.setTimer(10, say("timer"));
  clock.stopFor(100);
  assert.equal(clock.nowMs(), 100);
  clock.advance(9);
  assert.deepEqual(log, []);
  clock.advance(1);
  assert.deepEqual(log, ["timer at 110"]);
});

test("a look at the time may cost time", () => {
  const { clock } = setUp();
  clock.costOfLookMs = 3;
  assert.deepEqual([clock.nowMs(), clock.nowMs()], [3, 6]);
});

test("the wall clock goes on with the other one", async () => {
  const { clock, log, say } = setUp(ManualClock.withRealTurns(5_000));
  clock.advance(7);
  assert.equal(clock.wallMs(), 5_007);
  clock.soon(say("by itself"));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(log, ["by itself at 7"]);
});
