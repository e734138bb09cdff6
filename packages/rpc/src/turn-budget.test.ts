import assert from "node:assert/strict";
import { test } from "node:test";
import { TurnBudget } from "./turn-budget.ts";

test("what waits goes on in order, as much a turn as there is", () => {
  const later: (() => void)[] = [];
  const budget = new TurnBudget(1000, (callback) => later.push(callback));
  budget.spend(999);
  assert.equal(budget.isSpent, false);
  budget.spend(1);
  assert.equal(budget.isSpent, true);
  const done: number[] = [];
  for (let i = 0; i < 5; i++) {
    budget.wait(() => {
      done.push(i);
      budget.spend(500);
    });
  }
  const doneByTurn: number[] = [];
  while (later.length > 0) {
    later.shift()!();
    doneByTurn.push(done.length);
  }
  assert.deepEqual(done, [0, 1, 2, 3, 4]);
  assert.deepEqual(doneByTurn, [2, 4, 5, 5]);
  assert.equal(budget.isSpent, false);
  assert.equal(budget.mostInATurn, 1000);
});

test("what takes little waits for one of what takes much, however many there are, and keeps none of them waiting", () => {
  const later: (() => void)[] = [];
  const budget = new TurnBudget(1000, (callback) => later.push(callback));
  budget.spend(1000);
  const done: string[] = [];
  const wait = (name: string, isShort: boolean) => {
    const cost = isShort ? 10 : 600;
    budget.wait(() => {
      done.push(name);
      budget.spend(cost);
    }, isShort);
  };
  for (const name of ["A", "B", "C"]) wait(name, false);
  for (const name of ["a", "b", "c", "d", "e", "f"]) wait(name, true);
  later.shift()!();
  assert.deepEqual(done.splice(0), ["a", "A", "b", "B"]);
  wait("g", true);
  later.shift()!();
  assert.deepEqual(done.splice(0), ["c", "C", "d", "e", "f", "g"]);
  later.shift()!();
  assert.deepEqual([done, later], [[], []]);
});

test("usual traffic asks for no turn", () => {
  let asked = 0;
  const budget = new TurnBudget(1000, () => void asked++);
  budget.spend(100);
  budget.spend(100);
  assert.equal(asked, 0);
  budget.spend(100);
  assert.equal(asked, 1);
});

test("who throws, and must not, keeps nobody else from going on", () => {
  const later: (() => void)[] = [];
  const budget = new TurnBudget(1000, (callback) => void later.push(callback));
  let done = 0;
  budget.wait(() => {
    throw new Error("a defect");
  });
  budget.wait(() => void done++);
  assert.throws(() => later.shift()!(), /a defect/);
  later.shift()!();
  assert.deepEqual([done, later.length], [1, 0]);
});
