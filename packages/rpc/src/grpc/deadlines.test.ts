import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock, withCancelFunctions } from "@quorate/testkit/clock";
import { fc } from "@quorate/testkit/property";
import { DeadlineWheel, MET_IN_A_TURN } from "./deadlines.ts";

test("a deadline fires once, not early and at most one tick late", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          inMs: fc.integer({ min: 0, max: 20_000 }),
          cancelAtMs: fc.integer({ min: 0, max: 30_000 }),
        }),
      ),
      (plans) => {
        const clock = new ManualClock();
        const wheel = new DeadlineWheel(withCancelFunctions(clock));
        const startMs = clock.nowMs();
        const firedMs: number[][] = plans.map(() => []);
        const deadlines = plans.map(({ inMs }, i) =>
          wheel.add(startMs + inMs, { onDeadline: () => firedMs[i]!.push(clock.nowMs() - startMs) }),
        );
        for (let step = 0; step < 3000; step++) {
          clock.advance(10);
          for (const [i, { cancelAtMs }] of plans.entries()) {
            if (cancelAtMs <= clock.nowMs() - startMs) wheel.cancel(deadlines[i]!);
          }
        }
        for (const [i, { inMs, cancelAtMs }] of plans.entries()) {
          const fired = firedMs[i]!;
          if (cancelAtMs > inMs + 20) assert.equal(fired.length, 1);
          if (cancelAtMs + 10 < inMs) assert.equal(fired.length, 0);
          for (const atMs of fired) assert.ok(atMs >= inMs && atMs <= inMs + 5, `${atMs} for ${inMs}`);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test("a deadline that is set while another fires is kept", () => {
  const clock = new ManualClock();
  const wheel = new DeadlineWheel(withCancelFunctions(clock));
  let second = 0;
  wheel.add(clock.nowMs() + 10, {
    onDeadline: () => void wheel.add(clock.nowMs() + 10, { onDeadline: () => second++ }),
  });
  clock.advance(100);
  assert.equal(second, 1);
});

test("of very many deadlines at one time some are met in a turn, and soon all of them", () => {
  const clock = new ManualClock();
  const { setTimer, ...rest } = withCancelFunctions(clock);
  const metByTurn: number[] = [];
  const wheel = new DeadlineWheel({
    ...rest,
    setTimer: (delayMs, callback) =>
      setTimer(delayMs, () => {
        const before = met;
        callback();
        metByTurn.push(met - before);
      }),
  });
  const total = 4 * MET_IN_A_TURN + 3;
  let met = 0;
  const owner = { onDeadline: () => void met++ };
  for (let i = 0; i < total; i++) wheel.add(clock.nowMs() + 100 + (i % 3), owner);
  const later = wheel.add(clock.nowMs() + 100 + 8_192, owner);
  clock.advance(108);
  assert.equal(met, total);
  assert.ok(Math.max(...metByTurn) <= MET_IN_A_TURN, `${metByTurn}`);
  wheel.cancel(later);
  clock.advance(20_000);
  assert.equal(met, total);
});
