import assert from "node:assert/strict";
import { test } from "node:test";
import { faultsOf, LIMITS } from "./judgement.ts";
import type { Measurement } from "./measurement.ts";
import { RANGES } from "./shapes/range.ts";

const shape = RANGES[0]!;
const quiet: Measurement = {
  shape,
  way: { protocol: "gRPC", pace: "fast", times: 1 },
  putMs: 3,
  readMs: 2,
  delayMs: 2,
  turnMs: 2,
  turnBytes: 2 ** 20,
  waitMs: 2,
  lateMs: 2,
  syncMs: 2,
  tookMs: 100,
  meanwhileMs: 50,
  bytes: 100,
  faults: [],
};

const cases: { name: string; measured: Partial<Measurement>; faults: number }[] = [
  { name: "nothing is long", measured: {}, faults: 0 },
  { name: "a put waits too long", measured: { putMs: 101 }, faults: 1 },
  { name: "a put waits for the disk", measured: { putMs: 101, syncMs: 40 }, faults: 0 },
  {
    name: "a put waits for an entry that is applied",
    measured: { putMs: 190, tookMs: 100, shape: { ...shape, isEntry: true } },
    faults: 0,
  },
  {
    name: "a put waits longer than for an entry",
    measured: { putMs: 210, tookMs: 100, shape: { ...shape, isEntry: true } },
    faults: 1,
  },
  {
    name: "a put waits for an entry beside the calls",
    measured: { putMs: 140, shape: { ...shape, isOneEntryMeanwhile: true } },
    faults: 0,
  },
  {
    name: "a put waits longer than for that",
    measured: { putMs: 160, shape: { ...shape, isOneEntryMeanwhile: true } },
    faults: 1,
  },
  { name: "a put waits as long as what is several entries", measured: { putMs: 140 }, faults: 1 },
  { name: "a read waits too long", measured: { readMs: 101 }, faults: 1 },
  { name: "no read waits for the disk", measured: { readMs: 101, syncMs: 40 }, faults: 1 },
  { name: "a read waits, as others do", measured: { readMs: 101, lateMs: 40 }, faults: 0 },
  {
    name: "a read waits, as the member does for a processor",
    measured: { readMs: 101, waitMs: 40 },
    faults: 0,
  },
  { name: "a read waits far longer", measured: { readMs: 130, lateMs: 40, waitMs: 40 }, faults: 1 },
  { name: "a turn takes long", measured: { turnMs: 51 }, faults: 1 },
  { name: "noise explains no long turn", measured: { turnMs: 51, lateMs: 100, waitMs: 100 }, faults: 1 },
  { name: "too much in one turn", measured: { turnBytes: LIMITS.turnBytes + 1 }, faults: 1 },
  { name: "noise explains no work", measured: { turnBytes: 2 ** 24, lateMs: 100 }, faults: 1 },
  {
    name: "a known turn",
    measured: { turnMs: 70, shape: { ...shape, known: { turnMs: 80, why: "" } } },
    faults: 0,
  },
  {
    name: "more than a known turn",
    measured: { turnMs: 81, shape: { ...shape, known: { turnMs: 80, why: "" } } },
    faults: 1,
  },
  { name: "a call failed", measured: { faults: ["2 it failed"] }, faults: 1 },
];
for (const { name, measured, faults } of cases) {
  test(name, () => assert.equal(faultsOf({ ...quiet, ...measured }).length, faults));
}
