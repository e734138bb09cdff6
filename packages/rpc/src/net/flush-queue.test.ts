import assert from "node:assert/strict";
import test from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { flushAll, scheduleFlush } from "./flush-queue.ts";

const TURNS = 4;

test("a turn flushes 256 connections and the next ones the rest, in order", async () => {
  const flushed: number[] = [];
  for (let i = 0; i < 600; i++) scheduleFlush({ flush: () => flushed.push(i) });
  const counts: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    await nextTurn();
    counts.push(flushed.length);
  }
  assert.deepEqual(counts, [256, 512, 600, 600]);
  assert.deepEqual(
    flushed,
    flushed.toSorted((a, b) => a - b),
  );
});

test("who is ready again while it is flushed waits for the next turn", async () => {
  let flushes = 0;
  const item = {
    flush: () => {
      flushes += 1;
      if (flushes < 3) scheduleFlush(item);
    },
  };
  scheduleFlush(item);
  const counts: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    await nextTurn();
    counts.push(flushes);
  }
  assert.deepEqual(counts, [1, 2, 3, 3]);
});

test("all can be flushed at once", () => {
  let flushed = 0;
  for (let i = 0; i < 600; i++) scheduleFlush({ flush: () => flushed++ });
  flushAll();
  assert.equal(flushed, 600);
});
