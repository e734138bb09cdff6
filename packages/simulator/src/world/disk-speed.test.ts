import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { DiskSpeed } from "./disk-speed.ts";

const times = (speed: DiskSpeed) => Array.from({ length: 300 }, () => [speed.syncMs(), speed.flushMs()]);

test("uneven disks differ from machine to machine, now and then take long, and follow from the seed", () => {
  const slowest: number[] = [];
  for (let seed = 1; seed <= 40; seed++) {
    const all = times(new DiskSpeed(new SeededRandom(seed), "uneven"));
    assert.deepEqual(times(new DiskSpeed(new SeededRandom(seed), "uneven")), all);
    slowest.push(Math.max(...all.map(([syncMs]) => syncMs!)));
  }
  assert.ok(Math.min(...slowest) < 5, `the fastest one takes ${Math.min(...slowest)} ms`);
  assert.ok(Math.max(...slowest) > 100, `the slowest one takes ${Math.max(...slowest)} ms`);
});

test("no sync takes longer than the longest one", () => {
  for (const profile of ["alike", "uneven"] as const) {
    const speed = new DiskSpeed(new SeededRandom(11), profile);
    for (const [syncMs] of times(speed))
      assert.ok(syncMs! <= speed.longestSyncMs, `${profile}: ${syncMs} ms`);
  }
});

test("flushes change their pace and keep to the longest time", () => {
  const speed = new DiskSpeed(new SeededRandom(7), "uneven");
  const flushes = times(speed).map(([, flushMs]) => flushMs!);
  assert.ok(new Set(flushes).size > 10);
  assert.ok(Math.max(...flushes) <= speed.longestFlushMs);
});

test("a disk that has recovered is as fast as any", () => {
  const speed = new DiskSpeed(new SeededRandom(3), "uneven");
  speed.recover();
  for (const [syncMs, flushMs] of times(speed)) assert.ok(syncMs! < 6 && flushMs === 2);
});
