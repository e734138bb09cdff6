import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { PauseDetector } from "./pause-detector.ts";

function start() {
  const clock = new ManualClock();
  const pauses = new PauseDetector(clock, 300);
  pauses.start();
  return { clock, pauses };
}

test("a process that runs needs no proof", () => {
  const { clock, pauses } = start();
  for (let i = 0; i < 50; i++) {
    clock.advance(70);
    assert.equal(pauses.isProofNeeded, false);
  }
});

test("a pause is noticed before any timer has fired, and after", () => {
  for (const afterMs of [0, 1, 100, 1_000]) {
    const { clock, pauses } = start();
    clock.advance(1_000);
    clock.stopFor(30_000);
    clock.advance(afterMs);
    assert.equal(pauses.isProofNeeded, true, `${afterMs} ms after`);
  }
});

test("a proof counts from the moment it was asked for, until the next pause", () => {
  const { clock, pauses } = start();
  const before = clock.nowMs();
  clock.stopFor(400);
  pauses.proved(before);
  assert.equal(pauses.isProofNeeded, true);
  clock.advance(10);
  pauses.proved(clock.nowMs());
  assert.equal(pauses.isProofNeeded, false);
  clock.advance(1_000);
  assert.equal(pauses.isProofNeeded, false);
  clock.stopFor(301);
  assert.equal(pauses.isProofNeeded, true);
});

test("who does not watch cannot know", () => {
  const { clock, pauses } = start();
  pauses.stop();
  assert.equal(pauses.isProofNeeded, true);
  clock.advance(5_000);
  pauses.start();
  assert.equal(pauses.isProofNeeded, false);
});
