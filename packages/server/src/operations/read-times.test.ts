import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import type { Times } from "./operation-times.ts";
import { NOT_TIMED, ReadTimes } from "./read-times.ts";

/** A clock that counts how often it is looked at. */
function watchedClock(): { readonly clock: ManualClock; looks(): number } {
  const clock = new ManualClock();
  let looks = 0;
  const nowMs = clock.nowMs.bind(clock);
  clock.nowMs = () => {
    looks++;
    return nowMs();
  };
  return { clock, looks: () => looks };
}

const counted = ({ succeeded, failed }: Times) => [succeeded.count, failed.count];

test("every short read is counted, and the clock is looked at for one in 32, which stands for the others", () => {
  const { clock, looks } = watchedClock();
  const times = new ReadTimes(clock);
  for (let i = 0; i < 70; i++) {
    const began = times.begin();
    clock.advance(2_000);
    const readBegan = times.beginRead(began);
    clock.advance(1_000);
    times.succeeded(began, readBegan);
  }
  assert.equal(looks(), 9);
  assert.deepEqual(
    [counted(times.requests), counted(times.reads)],
    [
      [70, 0],
      [70, 0],
    ],
  );
  assert.deepEqual([times.requests.succeeded.sum, times.reads.succeeded.sum], [210, 70]);
  // Asked again, nothing is counted twice.
  assert.deepEqual(counted(times.requests), [70, 0]);
});

test("long reads are timed whether it was their turn or not, by what came of them", async () => {
  const { clock } = watchedClock();
  const times = new ReadTimes(clock);
  for (const began of [clock.nowMs(), NOT_TIMED]) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const followed = times.follow(began, times.beginRead(began), promise);
    clock.advance(500);
    resolve();
    await followed;
  }
  const reason = new Error("compacted meanwhile");
  const followed = times.follow(NOT_TIMED, NOT_TIMED, Promise.reject(reason));
  await assert.rejects(followed, reason);
  assert.deepEqual(
    [counted(times.requests), counted(times.reads)],
    [
      [2, 1],
      [2, 1],
    ],
  );
  assert.equal(times.reads.succeeded.sum, 1);
});

test("what was not read is a request that failed, and no read", () => {
  const { clock } = watchedClock();
  const times = new ReadTimes(clock);
  const since = clock.nowMs();
  clock.advance(7_000);
  times.neverRead(since);
  times.abandoned();
  times.refused();
  assert.deepEqual(
    [counted(times.requests), counted(times.reads)],
    [
      [0, 3],
      [0, 1],
    ],
  );
  assert.equal(times.requests.failed.sum, 7);
});
