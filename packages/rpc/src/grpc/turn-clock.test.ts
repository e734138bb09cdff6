import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { TurnClock, USES_OF_A_LOOK } from "./turn-clock.ts";

suite("TurnClock", () => {
  /** Each look finds the clock one millisecond further. */
  function looks() {
    let ms = 0;
    return new TurnClock({ nowMs: () => ++ms });
  }

  test("one look serves those who ask one after another", () => {
    const clock = looks();
    assert.deepEqual([clock.nowMs(), clock.nowMs(), clock.nowMs()], [1, 1, 1]);
  });

  test("whoever asks when other code has run gets another look", async () => {
    const clock = looks();
    clock.nowMs();
    await undefined;
    assert.equal(clock.nowMs(), 2);
    await undefined;
    assert.equal(clock.nowMs(), 3);
  });

  test("a long run of code gets another look now and then, and one of its own afterwards", async () => {
    const clock = looks();
    for (let i = 0; i < USES_OF_A_LOOK; i++) assert.equal(clock.nowMs(), 1);
    assert.equal(clock.nowMs(), 2);
    await undefined;
    assert.equal(clock.nowMs(), 3);
  });
});
