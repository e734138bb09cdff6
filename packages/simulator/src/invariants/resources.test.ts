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
  longestSyncMs: 5,
};
const MiB = 2 ** 20;

/** It is seen so often. */
function ticks(fromMs: number, toMs: number) {
  return Array.from({ length: (toMs - fromMs) / 200 + 1 }, (_, i) => ({ nowMs: fromMs + i * 200 }));
}

const cases: { name: string; usages: Partial<Usage>[]; broken: RegExp | undefined }[] = [
  {
    name: "snapshots are made one after another",
    usages: ticks(0, 12_000).map((usage) => ({
      ...usage,
      appliedIndex: usage.nowMs / 10,
      snapshotIndex: Math.floor(usage.nowMs / 2_000) * 200,
    })),
    broken: undefined,
  },
  {
    name: "none is due",
    usages: ticks(0, 12_000).map((usage) => ({ ...usage, appliedIndex: 100 })),
    broken: undefined,
  },
  {
    name: "one that is due waits for a stalled disk",
    usages: [...ticks(0, 1_800), { nowMs: 2_000, isHindered: true }, ...ticks(2_200, 4_000)],
    broken: undefined,
  },
  {
    name: "one that is due waits for slow flushes",
    usages: ticks(0, 6_400).map((usage) => ({ ...usage, longestFlushMs: 2_000, longestSyncMs: 300 })),
    broken: undefined,
  },
  {
    name: "one that is due waits for a process that is paused",
    usages: [...ticks(0, 1_800), ...ticks(6_000, 7_800)],
    broken: undefined,
  },
  {
    name: "one that is due is never made",
    usages: ticks(0, 5_000),
    broken: /^log-kept: m: a snapshot has been due for 2200 ms: applied 200, the log on disk begins at 0/,
  },
  {
    name: "one batch makes much wait for the database, again and again",
    usages: [10, 100, 100, 20, 110, 0].map((size) => ({
      backlogBytes: size * MiB,
      appliedIndex: size === 100 ? 210 : 300,
    })),
    broken: undefined,
  },
  {
    name: "much waits for the database, and a compaction that is at its end says so there, too",
    usages: [50, 70, 80].map((size) => ({ backlogBytes: size * MiB })),
    broken: undefined,
  },
  {
    name: "more and more waits for the database",
    usages: [50, 70, 90].map((size) => ({ backlogBytes: size * MiB, appliedIndex: 200 + size })),
    broken:
      /^bounded-memory: m: 70 MiB at entry 270 waited .* more was applied all the same: 90 MiB at entry 290/,
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
