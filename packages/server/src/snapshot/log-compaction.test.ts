import assert from "node:assert/strict";
import { test } from "node:test";
import { EntryType, emptyConfState, MemoryStorage } from "@quorate/raft";
import { LogCompaction, type LogCompactionOptions } from "./log-compaction.ts";

const MIB = 1024 * 1024;

/** A member whose disk snapshots never finish: what is forgotten in memory does not wait for them. */
function memberWith(options: { catchupEntries: number; entryBytes: number }) {
  const raftLog = new MemoryStorage();
  const data = new Uint8Array(options.entryBytes);
  const confState = { ...emptyConfState(), voters: [1n] };
  const consensus = { appliedIndex: 0, acknowledgedIndex: 0, appliedTerm: 1 };
  const compaction = new LogCompaction({
    clock: { nowMs: () => 0 },
    consensus,
    raftLog,
    snapshotCount: 10_000,
    catchupEntries: options.catchupEntries,
    lastIndex: 0,
    confState: () => confState,
  } as unknown as LogCompactionOptions);
  /** Raft hears of what is applied entry by entry, or not at all. */
  const apply = (entryCount: number, isAcknowledged = true) => {
    for (let i = 0; i < entryCount; i++) {
      const index = consensus.appliedIndex + 1;
      raftLog.append([{ type: EntryType.EntryNormal, term: 1, index, data }]);
      consensus.appliedIndex = index;
      if (isAcknowledged) consensus.acknowledgedIndex = index;
      compaction.check();
    }
  };
  return { raftLog, confState, apply };
}

// Entries go in steps of 500.
const cases = [
  { name: "few entries are all kept", catchupEntries: 5_000, applied: 5_400, kept: [5_400, 5_400] },
  {
    name: "of many, those to catch up with are kept",
    catchupEntries: 5_000,
    applied: 9_999,
    kept: [5_000, 5_501],
  },
  { name: "fewer on request", catchupEntries: 10, applied: 2_345, kept: [10, 511] },
];
for (const { name, catchupEntries, applied, kept } of cases) {
  test(`the log in memory: ${name}`, () => {
    const { raftLog, apply } = memberWith({ catchupEntries, entryBytes: 10 });
    apply(applied);
    const length = raftLog.lastIndex() - raftLog.firstIndex() + 1;
    assert.ok(length >= kept[0]! && length <= kept[1]!, `${length} kept`);
  });
}

test("the log in memory: what raft does not know to be applied stays, for it may look at it", () => {
  const { raftLog, apply } = memberWith({ catchupEntries: 10, entryBytes: 10 });
  apply(700);
  apply(2_000, false);
  assert.ok(raftLog.firstIndex() <= 701, `${raftLog.firstIndex()}`);
  apply(1);
  assert.ok(raftLog.firstIndex() > 701);
});

test("the log in memory: large entries are bounded by their bytes, and the last hundred stay", () => {
  const large = memberWith({ catchupEntries: 5_000, entryBytes: 128 * 1024 });
  large.apply(2_000);
  assert.ok(large.raftLog.dataBytes <= 64 * MIB);
  assert.ok(large.raftLog.dataBytes >= 55 * MIB);
  const huge = memberWith({ catchupEntries: 5_000, entryBytes: MIB });
  huge.apply(300);
  assert.equal(huge.raftLog.lastIndex() - huge.raftLog.firstIndex() + 1, 100);
});

test("the snapshot that raft offers is never older than what was forgotten, and names the voters", () => {
  const { raftLog, confState, apply } = memberWith({ catchupEntries: 100, entryBytes: 10 });
  for (let round = 0; round < 40; round++) {
    apply(97);
    const { index, confState: offered } = raftLog.snapshot().metadata;
    assert.ok(index >= raftLog.firstIndex() - 1);
    if (index > 0) assert.deepEqual(offered, confState);
  }
});

/** A member whose snapshots on disk take `tookMs` each; `applyAndCheck` says after how long more entries are applied. */
function memberWithDisk(tookMs: number) {
  const saved: number[] = [];
  const consensus = { appliedIndex: 0, acknowledgedIndex: 0, appliedTerm: 1 };
  let nowMs = 0;
  const compaction = new LogCompaction({
    clock: { nowMs: () => nowMs },
    log: { info: () => {} },
    consensus,
    raftLog: { firstIndex: () => 1, lastIndex: () => 200, dataBytes: 0 },
    backend: { commit: () => {}, flushed: async () => {} },
    writer: { saveSnapshot: async ({ index }: { index: number }) => saved.push(index) },
    wal: { releaseTo: () => {}, purge: async () => [] },
    saveSnapFile: async () => {
      nowMs += tookMs;
    },
    snapshotCount: 100,
    catchupEntries: 5_000,
    maxWalFiles: 0,
    lastIndex: 0,
    confState: emptyConfState,
    onFatal: assert.fail,
  } as unknown as LogCompactionOptions);
  const applyAndCheck = async (entries: number, afterMs: number) => {
    consensus.appliedIndex += entries;
    consensus.acknowledgedIndex = consensus.appliedIndex;
    nowMs += afterMs;
    compaction.check();
    await compaction.idle();
  };
  return { saved, compaction, applyAndCheck };
}

test("a log that is about to be closed is not shortened any more, whatever is applied or ticks meanwhile", async () => {
  const { saved, compaction, applyAndCheck } = memberWithDisk(5);
  await applyAndCheck(200, 60_000);
  assert.deepEqual(saved, [200]);
  await compaction.stop();
  await applyAndCheck(200, 60_000);
  assert.deepEqual(saved, [200]);
});

test("a member that has just started makes its first snapshot as soon as there are entries for it", async () => {
  const { saved, applyAndCheck } = memberWithDisk(5);
  await applyAndCheck(100, 0);
  assert.deepEqual(saved, []);
  await applyAndCheck(1, 0);
  assert.deepEqual(saved, [101]);
});

for (const [tookMs, pauseMs] of [
  [5, 250],
  [200, 500],
] as const) {
  test(`after a snapshot of ${tookMs} ms the next one waits ${pauseMs} ms`, async () => {
    const { saved, applyAndCheck } = memberWithDisk(tookMs);
    await applyAndCheck(101, 0);
    await applyAndCheck(101, pauseMs - 1);
    assert.deepEqual(saved, [101]);
    await applyAndCheck(0, 1);
    assert.deepEqual(saved, [101, 202]);
  });
}
