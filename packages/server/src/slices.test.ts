import assert from "node:assert/strict";
import { test } from "node:test";
import { costOf, inOneGo, Slices, type Steps } from "./slices.ts";

/** Time passes only when told to; turns come one by one. */
class TestClock {
  now = 0;
  #soon: (() => void)[] = [];
  nowMs = () => this.now;
  wallMs = () => 0;
  setTimer = () => ({ cancel: () => {} });
  soon = (callback: () => void) => void this.#soon.push(callback);

  async turn(): Promise<void> {
    for (const callback of this.#soon.splice(0)) callback();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const LIMITS = { turn: 1000, small: 100 };

function* work(name: string, steps: number, cost: number, log: string[]): Steps<string> {
  for (let i = 0; i < steps; i++) {
    log.push(`${name}${i}`);
    if (yield cost) log.push("paused");
  }
  return name;
}

test("an item costs as much as some bytes", () => {
  assert.equal(costOf(2, 10), 522);
});

test("little work is done at once", () => {
  const slices = new Slices(new TestClock(), LIMITS);
  assert.deepEqual(slices.begin(work("a", 9, 100, [])), { done: true, value: "a" });
  assert.equal(inOneGo(work("b", 900, 100, [])), "b");
});

test("work goes on in later turns, in turn with other work, and no turn does more than its share", async () => {
  const clock = new TestClock();
  const slices = new Slices(clock, LIMITS);
  const log: string[] = [];
  const a = work("a", 25, 100, log);
  const b = work("b", 15, 100, log);
  assert.equal(slices.begin(a).done, false);
  // The turn has spent its share: what begins now gets little of it.
  assert.equal(slices.begin(b).done, false);
  assert.deepEqual(log.splice(0).slice(-2), ["a9", "b0"]);
  const results = Promise.all([slices.rest(a), slices.restWhile(b, () => true)]);
  await clock.turn();
  assert.deepEqual(log.splice(0), ["paused", ...Array.from({ length: 10 }, (_, i) => `a${10 + i}`)]);
  await clock.turn();
  assert.deepEqual(log.splice(0), ["paused", ...Array.from({ length: 10 }, (_, i) => `b${1 + i}`)]);
  await clock.turn();
  await clock.turn();
  assert.deepEqual(await results, ["a", "b"]);
  assert.deepEqual(log, ["paused", "a20", "a21", "a22", "a23", "a24", "paused", "b11", "b12", "b13", "b14"]);
  assert.equal(slices.meter.mostInATurn, 1100);
  assert.equal(slices.meter.turns, 4);
});

test("a new turn has its share again", async () => {
  const clock = new TestClock();
  const slices = new Slices(clock, LIMITS);
  for (let i = 0; i < 3; i++) {
    assert.equal(slices.begin(work("a", 9, 100, [])).done, true);
    await clock.turn();
  }
});

test("work that nobody wants any more is given up", async () => {
  const clock = new TestClock();
  const slices = new Slices(clock, LIMITS);
  const log: string[] = [];
  const steps = work("a", 25, 100, log);
  slices.begin(steps);
  const rest = slices.restWhile(steps, () => false);
  await clock.turn();
  assert.equal(await rest, undefined);
  assert.equal(log.length, 10);
});

test("work on a slow machine yields although it has not done its share", async () => {
  const clock = new TestClock();
  const slices = new Slices(clock, LIMITS);
  assert.equal(slices.spend(150), false);
  clock.now += 3;
  assert.equal(slices.spend(1), true);
  const next = slices.next();
  await clock.turn();
  await next;
  assert.equal(slices.spend(150), false);
});

test("pieces that are done whole share a turn until it has had enough, by cost or by time", async () => {
  const clock = new TestClock();
  const slices = new Slices(clock, LIMITS);
  const pieces = () => {
    let count = 1;
    while (!slices.spendInTurn(30)) count += 1;
    return count;
  };
  assert.equal(slices.begin(work("a", 4, 100, [])).done, true);
  assert.equal(pieces(), 20);
  assert.equal(pieces(), 1);
  await clock.turn();
  assert.equal(slices.spendInTurn(101), false);
  clock.now += 4;
  assert.equal(slices.spendInTurn(1), false);
  clock.now += 1;
  assert.equal(slices.spendInTurn(1), true);
  await clock.turn();
  assert.equal(slices.spendInTurn(101), false);
});
