import assert from "node:assert/strict";
import test from "node:test";
import { ResourceLimits, type Usage } from "./resources.ts";

const USAGE: Usage = {
  nowMs: 0,
  appliedIndex: 200,
  snapshotIndex: 0,
  snapshotCount: 100,
  backlogBytes: 0,
  isHindered: false,
  longestFlushMs: 10,
};
const MiB = 2 ** 20;

const cases: { name: string; usages: Partial<Usage>[]; broken: RegExp | undefined }[] = [
  {
    name: "snapshots are made one after another",
    usages: [{ nowMs: 0 }, { nowMs: 4_000, snapshotIndex: 90 }, { nowMs: 8_000, snapshotIndex: 180 }],
    broken: undefined,
  },
  {
    name: "none is due",
    usages: [{ appliedIndex: 100 }, { nowMs: 60_000, appliedIndex: 100 }],
    broken: undefined,
  },
  {
    name: "one that is due waits for a stalled disk",
    usages: [{ nowMs: 0 }, { nowMs: 4_000, isHindered: true }, { nowMs: 8_000 }],
    broken: undefined,
  },
  {
    name: "one that is due waits for slow flushes",
    usages: [
      { nowMs: 0, longestFlushMs: 2_000 },
      { nowMs: 9_000, longestFlushMs: 2_000 },
    ],
    broken: undefined,
  },
  {
    name: "one that is due is never made",
    usages: [{ nowMs: 0 }, { nowMs: 4_500 }],
    broken: /^log-kept: m: a snapshot has been due for 4500 ms: applied 200, the log on disk begins at 0/,
  },
  { name: "some waits for the database", usages: [{ backlogBytes: 50 * MiB }], broken: undefined },
  {
    name: "too much waits for the database",
    usages: [{ backlogBytes: 100 * MiB }],
    broken: /^bounded-memory: m: 100 MiB wait/,
  },
];

for (const { name, usages, broken } of cases) {
  test(name, () => {
    const reports: string[] = [];
    const limits = new ResourceLimits("m", (invariant, text) => reports.push(`${invariant}: ${text}`));
    for (const usage of usages) limits.observe({ ...USAGE, ...usage });
    if (broken === undefined) assert.deepEqual(reports, []);
    else assert.match(reports.join("\n"), broken);
  });
}
