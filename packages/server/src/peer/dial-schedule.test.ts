import assert from "node:assert/strict";
import test from "node:test";
import { DialSchedule } from "./dial-schedule.ts";
import { manualClock, noRandom } from "./testing.ts";

const NEVER = new AbortController().signal;

function setUp() {
  const clock = manualClock();
  clock.advance(10_000);
  const schedule = new DialSchedule(clock, noRandom);
  const granted: string[] = [];
  const wait = (name: string, pauseMs = 0, signal = NEVER) =>
    schedule.whenFree(pauseMs, signal).then(() => granted.push(name));
  /** Promises settle between the milliseconds. */
  const pass = async (ms: number) => {
    for (let i = 0; i < ms; i++) {
      clock.advance(1);
      await new Promise(setImmediate);
    }
  };
  const fail = () => schedule.failed(clock.nowMs());
  return { clock, schedule, granted, wait, pass, fail };
}

test("a peer that answers, or of which nothing is known, may be dialled by anybody", () => {
  const { schedule } = setUp();
  assert.deepEqual([schedule.take(), schedule.take()], [true, true]);
  schedule.answered();
  assert.deepEqual([schedule.take(), schedule.take()], [true, true]);
});

test("a dial that hangs is given up soon after another one is answered; one that is answered meanwhile, or had just begun, is not", async () => {
  const { schedule, pass } = setUp();
  const given: string[] = [];
  const begin = (name: string) => schedule.begin(() => given.push(name));
  begin("hanging");
  schedule.end(begin("ended"));
  const late = begin("late");
  await pass(200);
  begin("young");
  const lucky = begin("lucky");
  schedule.answered(lucky);
  await pass(99);
  assert.deepEqual(given, []);
  schedule.answered(late);
  await pass(1);
  assert.deepEqual(given, ["hanging"]);
});

test("dials that hang while the peer is heard of are given up after a second; the next ones get twice the time, until one is answered", async () => {
  const { schedule, pass } = setUp();
  const given: string[] = [];
  const begin = (name: string) => {
    const dial = schedule.begin(() => {
      schedule.end(dial);
      given.push(name);
    });
    return dial;
  };
  begin("message");
  begin("msgapp");
  await pass(999);
  schedule.heard();
  assert.deepEqual(given, []);
  await pass(1);
  schedule.heard();
  assert.deepEqual(given.splice(0), ["message", "msgapp"]);
  const slow = begin("slow");
  await pass(1_999);
  schedule.heard();
  assert.deepEqual(given, []);
  schedule.answered(slow);
  begin("hanging again");
  await pass(1_000);
  schedule.heard();
  assert.deepEqual(given, ["hanging again"]);
});

test("a peer that does not answer is dialled by one at a time, ever less often", () => {
  const { clock, schedule, fail } = setUp();
  const gaps: number[] = [];
  fail();
  for (let i = 0, sinceMs = clock.nowMs(); i < 5; i++) {
    while (!schedule.take()) clock.advance(1);
    assert.equal(schedule.take(), false);
    gaps.push(clock.nowMs() - sinceMs);
    sinceMs = clock.nowMs();
    fail();
  }
  assert.deepEqual(gaps, [100, 300, 900, 1_000, 1_000]);
});

test("a peer that has ended a connection is dialled at once, and by one", async () => {
  const { schedule, granted, wait, pass } = setUp();
  schedule.answered();
  await pass(1);
  schedule.broken();
  void wait("a");
  void wait("b");
  await pass(1);
  assert.deepEqual(granted, ["a"]);
  schedule.answered();
  await pass(1);
  assert.deepEqual(granted, ["a", "b"]);
});

test("dials that began before the last news say nothing new", () => {
  const { clock, schedule, fail } = setUp();
  const startedMs = clock.nowMs();
  clock.advance(5);
  fail();
  schedule.failed(startedMs);
  clock.advance(100);
  assert.ok(schedule.take());
  schedule.answered();
  schedule.failed(startedMs);
  assert.ok(schedule.isFree);
});

test("a dial that hangs lets another one try after a second", () => {
  const { clock, schedule, fail } = setUp();
  fail();
  clock.advance(100);
  assert.ok(schedule.take());
  clock.advance(999);
  assert.equal(schedule.take(), false);
  clock.advance(1);
  assert.ok(schedule.take());
});

test("of several that wait one goes first, and the others as soon as it is answered", async () => {
  const { schedule, granted, wait, pass, fail } = setUp();
  fail();
  void wait("a");
  void wait("b");
  void wait("c", 5_000);
  await pass(100);
  assert.deepEqual(granted, ["a"]);
  await pass(10);
  schedule.answered();
  await pass(1);
  assert.deepEqual(granted.toSorted(), ["a", "b", "c"]);
});

test("who is told to pause does, also when the peer answers others all the time", async () => {
  const { schedule, granted, wait, pass } = setUp();
  schedule.answered();
  void wait("a", 100);
  await pass(50);
  schedule.answered();
  await pass(49);
  assert.deepEqual(granted, []);
  await pass(1);
  assert.deepEqual(granted, ["a"]);
});

test("a sign of life ends the wait, once a second at most", async () => {
  const { clock, schedule, granted, wait, pass, fail } = setUp();
  for (let i = 0; i < 10; i++) {
    clock.advance(1_000);
    fail();
  }
  void wait("a", 900);
  await pass(1);
  schedule.heard();
  await pass(1);
  assert.deepEqual(granted, ["a"]);
  fail();
  void wait("b");
  await pass(997);
  schedule.heard();
  await pass(1);
  assert.deepEqual(granted, ["a"]);
  await pass(2);
  assert.deepEqual(granted, ["a", "b"]);
});

test("a peer at new addresses is dialled at once", async () => {
  const { schedule, granted, wait, pass, fail } = setUp();
  fail();
  void wait("a", 1_000);
  void wait("b");
  schedule.forget();
  await pass(1);
  assert.deepEqual(granted, ["a", "b"]);
});

test("who waits is let go when it is not wanted any more, and leaves no timer", async () => {
  const { clock, granted, schedule, wait, fail } = setUp();
  const aborter = new AbortController();
  fail();
  const waiting = wait("a", 0, aborter.signal);
  aborter.abort();
  await waiting;
  assert.deepEqual(granted, ["a"]);
  assert.equal(clock.timerCount, 0);
  assert.equal(schedule.isFree, false);
});
