import assert from "node:assert/strict";
import test from "node:test";
import type { FaultSpan, Timeline } from "../timeline.ts";
import { layOut, packFaults } from "./lanes.ts";

const fault = (startMs: number, endMs: number): FaultSpan => ({
  number: 1,
  kind: "kill",
  member: 0,
  startMs,
  endMs,
  effects: [],
});

const packings = [
  {
    name: "one after another need one row",
    spans: [
      [0, 1],
      [1, 2],
      [5, 9],
    ],
    rows: [0, 0, 0],
  },
  {
    name: "at the same time need a row each",
    spans: [
      [0, 9],
      [1, 8],
      [2, 7],
    ],
    rows: [0, 1, 2],
  },
  {
    name: "take a row that is free again",
    spans: [
      [0, 2],
      [1, 9],
      [3, 5],
    ],
    rows: [0, 1, 0],
  },
] as const;

for (const { name, spans, rows } of packings) {
  test(`faults ${name}`, () => {
    assert.deepEqual(packFaults(spans.map(([start, end]) => fault(start, end))), rows);
  });
}

test("many faults at once share rows, that of the one that ends first", () => {
  const rows = packFaults(Array.from({ length: 12 }, (_, i) => fault(i, 100 + i)));
  assert.equal(Math.max(...rows), 7);
  assert.deepEqual(rows.slice(8), [0, 1, 2, 3]);
});

const timeline = {
  faults: [fault(0, 1)],
  links: [],
  members: ["m1", "m2"],
  clients: [
    { name: "w0", isWatcher: false },
    { name: "all of m1", isWatcher: true },
  ],
} as unknown as Timeline;

test("lanes follow each other without gaps, and those that are not wanted are not there", () => {
  const lanes = layOut(timeline, [0], { clients: true, watchers: false, progress: true }, 0);
  assert.deepEqual(
    lanes.map(({ label }) => label),
    ["faults", "m1", "m2", "w0"],
  );
  lanes.reduce((before, lane) => {
    assert.equal(lane.topPx, before.topPx + before.heightPx);
    return lane;
  });
});

test("members take the room that is left", () => {
  const choice = { clients: true, watchers: true, progress: false };
  const heightOf = (heightPx: number) => {
    const last = layOut(timeline, [0], choice, heightPx).at(-1)!;
    return last.topPx + last.heightPx;
  };
  const least = heightOf(0);
  assert.equal(heightOf(least + 40), least + 40 - 4);
  assert.ok(heightOf(5_000) < 5_000);
});
