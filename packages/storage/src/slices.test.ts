import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { costOf, inOneGo, Slices, type Steps } from "./slices.ts";

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
  const slices = new Slices(new ManualClock(), LIMITS);
  assert.deepEqual(slices.begin(work("a", 9, 100, [])), { done: true, value: "a" });
  assert.equal(inOneGo(work("b", 900, 100, [])), "b");
});

test("work goes on in later turns, in turn with other work, and no turn does more than its share", async () => {
  const clock = new ManualClock();
  const slices = new Slices(clock, LIMITS);
  const log: string[] = [];
  const a = work("a", 25, 100, log);
  const b = work("b", 15, 100, log);
  assert.equal(slices.begin(a).done, false);
  // The turn has spent its share: what begins now gets little of it.
  assert.equal(slices.begin(b).done, false);
  assert.deepEqual(log.splice(0).slice(-2), ["a9", "b0"]);
  const results = Promise.all([slices.rest(a), slices.restWhile(b, () => true)]);
  await clock.completeTurn();
  assert.deepEqual(log.splice(0), ["paused", ...Array.from({ length: 10 }, (_, i) => `a${10 + i}`)]);
  await clock.completeTurn();
  assert.deepEqual(log.splice(0), ["paused", ...Array.from({ length: 10 }, (_, i) => `b${1 + i}`)]);
  await clock.completeTurn();
  await clock.completeTurn();
  assert.deepEqual(await results, ["a", "b"]);
  assert.deepEqual(log, ["paused", "a20", "a21", "a22", "a23", "a24", "paused", "b11", "b12", "b13", "b14"]);
  assert.equal(slices.meter.mostInATurn, 1100);
  assert.equal(slices.meter.turns, 4);
});

test("a new turn has its share again", async () => {
  const clock = new ManualClock();
  const slices = new Slices(clock, LIMITS);
  for (let i = 0; i < 3; i++) {
    assert.equal(slices.begin(work("a", 9, 100, [])).done, true);
    await clock.completeTurn();
  }
});

test("work that nobody wants any more is given up", async () => {
  const clock = new ManualClock();
  const slices = new Slices(clock, LIMITS);
  const log: string[] = [];
  const steps = work("a", 25, 100, log);
  slices.begin(steps);
  const rest = slices.restWhile(steps, () => false);
  await clock.completeTurn();
  assert.equal(await rest, undefined);
  assert.equal(log.length, 10);
});

test("work on a slow machine yields although it has not done its share", async () => {
  const clock = new ManualClock();
  const slices = new Slices(clock, LIMITS);
  assert.equal(slices.spend(150), false);
  clock.stopFor(3);
  assert.equal(slices.spend(1), true);
  const next = slices.next();
  await clock.completeTurn();
  await next;
  assert.equal(slices.spend(150), false);
});

test("pieces that are done whole share a turn until it has had enough, by cost or by time", async () => {
  const clock = new ManualClock();
  const slices = new Slices(clock, LIMITS);
  const pieces = () => {
    let count = 1;
    while (!slices.spendInTurn(30)) count += 1;
    return count;
  };
  assert.equal(slices.begin(work("a", 4, 100, [])).done, true);
  assert.equal(pieces(), 20);
  assert.equal(pieces(), 1);
  await clock.completeTurn();
  assert.equal(slices.spendInTurn(101), false);
  clock.stopFor(4);
  assert.equal(slices.spendInTurn(1), false);
  clock.stopFor(1);
  assert.equal(slices.spendInTurn(1), true);
  await clock.completeTurn();
  assert.equal(slices.spendInTurn(101), false);
});
