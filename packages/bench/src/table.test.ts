import assert from "node:assert/strict";
import test from "node:test";
import { parseMeasurement } from "./measurement.ts";
import type { Row } from "./rows.ts";
import { heldLines } from "./table.ts";

const held = (heldKib: number) =>
  parseMeasurement(JSON.stringify({ requests: 1_000, perSecond: 1, heldKib }));

test("what idle connections hold is the median of the rounds, as a whole and for each", () => {
  const shape = { connections: 1_000, streams: 1, atLeast: 0 };
  const row: Row = { ...shape, operation: "idle", generator: "native", transport: "mtls" };
  const lines = heldLines([
    {
      row,
      etcd: [held(40_960), held(30_720), held(51_200)],
      quorate: [held(-1_024), held(20_480), held(10_240)],
      elections: { etcd: 0, quorate: 0 },
    },
  ]);
  assert.deepEqual(lines, [["native idle 1000x1 mtls", "40.0 MiB", "10.0 MiB", "41.0 KiB 10.2 KiB"]]);
});
