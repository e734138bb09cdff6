import assert from "node:assert/strict";
import { test } from "node:test";
import { MemberTurns } from "./member-turns.ts";

test("members are asked one after another, but for those that say nothing, unless all do", () => {
  const turns = new MemberTurns(3);
  const next = (count: number, nowMs: number) => Array.from({ length: count }, () => turns.next(nowMs));
  assert.deepEqual(next(4, 0), [0, 1, 2, 0]);
  turns.leaveOut(0, 10);
  assert.deepEqual(next(4, 1), [1, 2, 1, 2]);
  assert.deepEqual(next(3, 10), [0, 1, 2]);
  for (const one of [0, 1, 2]) turns.leaveOut(one, 100);
  assert.deepEqual(next(3, 20), [0, 1, 2]);
});

test("the only member is asked again and again", () => {
  const turns = new MemberTurns(1);
  turns.leaveOut(turns.next(0), 10);
  assert.equal(turns.next(1), 0);
});
