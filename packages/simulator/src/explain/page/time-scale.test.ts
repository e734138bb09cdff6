import assert from "node:assert/strict";
import test from "node:test";
import { TimeScale } from "./time-scale.ts";

const LEFT_PX = 100;
const WIDTH_PX = 1_000;

function scaleOf(endMs: number): TimeScale {
  const scale = new TimeScale(endMs);
  scale.place(LEFT_PX, WIDTH_PX);
  return scale;
}

test("the whole run is visible at first", () => {
  const scale = scaleOf(20_000);
  assert.ok(scale.x(0) >= LEFT_PX);
  assert.ok(scale.x(20_000) <= LEFT_PX + WIDTH_PX);
});

test("places and times are one another's inverse", () => {
  const scale = scaleOf(20_000);
  scale.show(4_000, 6_000);
  assert.equal(scale.x(5_000), LEFT_PX + WIDTH_PX / 2);
  assert.equal(scale.ms(scale.x(4_321)), 4_321);
});

test("zooming keeps the time under the pointer where it is", () => {
  const scale = scaleOf(20_000);
  scale.show(4_000, 6_000);
  scale.zoom(0.5, scale.x(5_500));
  assert.equal(Math.round(scale.toMs - scale.fromMs), 1_000);
  assert.equal(Math.round(scale.x(5_500)), LEFT_PX + 750);
});

const outside = [
  { name: "before the start", from: -90_000, to: -80_000 },
  { name: "behind the end", from: 80_000, to: 90_000 },
  { name: "more than there is", from: -90_000, to: 90_000 },
  { name: "nothing", from: 5_000, to: 5_000 },
];

for (const { name, from, to } of outside) {
  test(`asked for ${name}, it shows something of the run`, () => {
    const scale = scaleOf(20_000);
    scale.show(from, to);
    assert.ok(scale.toMs > scale.fromMs);
    assert.ok(
      scale.fromMs >= -0.021 * 20_000 && scale.toMs <= 1.021 * 20_000,
      `${scale.fromMs} ${scale.toMs}`,
    );
  });
}

test("ticks are round times, no closer than asked for", () => {
  const scale = scaleOf(20_000);
  scale.show(3_990, 6_010);
  const ticks = scale.ticks(110);
  assert.deepEqual(ticks, [4_000, 4_500, 5_000, 5_500, 6_000]);
  assert.ok(scale.x(ticks[1]!) - scale.x(ticks[0]!) >= 110);
});
