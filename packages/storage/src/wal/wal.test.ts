import assert from "node:assert/strict";
import test from "node:test";
import { encodeWalMetadata } from "@quorate/wire/hot";
import { crc32c } from "./crc32c.ts";
import { WalError } from "./errors.ts";
import { readWal } from "./recovery.ts";
import { findStart } from "./snapshot-records.ts";
import {
  diskWith,
  entry,
  FIRST_SEGMENT,
  METADATA,
  segmentOf,
  simulatedDisk,
  snapshotAt,
  validSnapshots,
} from "./testing.ts";
import { type Entry, type HardState, RecordType } from "./types.ts";
import { Wal } from "./wal.ts";

const START = { index: 0, term: 0 };
const STATE: HardState = { term: 1, vote: 0x10n, commit: 1 };

function hex(bytes: Uint8Array | undefined, start = 0, end?: number): string {
  return Buffer.from(bytes!.subarray(start, end)).toString("hex");
}

function withoutViews(entries: readonly Entry[]): Entry[] {
  return entries.map((e) => ({ ...e, data: e.data.slice() }));
}

test("crc32c has its check value, however it is computed", () => {
  const digits = new TextEncoder().encode("123456789");
  assert.equal(crc32c(digits), 0xe3069283);
  const long = new Uint8Array(1000).map((_, i) => i * 7);
  for (let cut = 0; cut <= 1000; cut += 37) {
    assert.equal(crc32c(long.subarray(cut), crc32c(long.subarray(0, cut))), crc32c(long), `cut at ${cut}`);
  }
});

test("a log has the bytes of the format, and so has the segment after a cut", async () => {
  const simulated = simulatedDisk();
  const wal = await Wal.create(simulated.mount(), "wal", METADATA, { segmentBytes: 120 });
  const explicit: Entry = { ...entry(1, 1, "hi"), typeIsExplicit: true };
  wal.save(STATE, [explicit]);
  await wal.sync();
  await wal.close();
  assert.equal(
    hex(simulated.contents(FIRST_SEGMENT)),
    "04000000000000840804100000000000" +
      "0e00000000000082080110f4d5e48f0d1a04081010200000" +
      "0e00000000000082080510f8b7b583041a04080010000000" +
      "1400000000000084080210c39ae297021a0a0800100118012202686900000000" +
      "1000000000000000080310c5a18082011a06080110101801",
    "the full segment ends with its last record",
  );
  assert.equal(
    hex(simulated.contents("wal/0000000000000001-0000000000000002.wal"), 0, 72),
    "0800000000000000080410c5a1808201" +
      "0e0000000000008208011086b7cd8b011a04081010200000" +
      "1000000000000000080310d2f4c5a10a1a06080110101801" +
      "0000000000000000",
  );
});

test("the head that etcd 3.4.23 wrote is ours", async () => {
  const simulated = simulatedDisk();
  const metadata = { nodeId: 0x426febcb6b35facdn, clusterId: 0xc63a13ba3ce23b4fn };
  await (await Wal.create(simulated.mount(), "wal", metadata)).close();
  assert.equal(
    hex(simulated.contents(FIRST_SEGMENT), 16, 80),
    "1f00000000000081080110e7e1b89c0c1a1508cdf5d7d9b6f9fab74210cff688e7a3f7849dc60100" +
      "0e00000000000082080510e4b19bc70f1a04080010000000",
  );
  assert.equal(simulated.contents(FIRST_SEGMENT)!.length, 64_000_000);
});

test("a normal entry is written without its type, an empty one without data, as etcd 3.7 does", () => {
  const bytes = segmentOf((encoder) => encoder.entry(entry(2, 2, "")));
  assert.equal(hex(bytes, 64 + 8, 64 + 8 + 14).slice(-8), "10021802");
});

test("what was saved is read back by a restart, which goes on where the log ends", async () => {
  const simulated = simulatedDisk();
  const disk = simulated.mount();
  const wal = await Wal.create(disk, "wal", METADATA);
  const conf: Entry = { type: 1, term: 1, index: 1, data: new Uint8Array([1, 2, 3]) };
  wal.save(undefined, [conf, entry(2), entry(3, 1, new Uint8Array(3_000_000).fill(7))]);
  wal.save(STATE, []);
  await wal.sync();
  await wal.close();
  const again = await Wal.open(disk, "wal", START);
  assert.deepEqual(again.content.metadata, METADATA);
  assert.deepEqual(again.content.hardState, STATE);
  assert.equal(again.content.entries.length, 3);
  assert.deepEqual(withoutViews(again.content.entries)[0], conf);
  assert.equal(again.content.entries[2]!.data.length, 3_000_000);
  assert.equal(again.repair, undefined);
  again.wal.save({ ...STATE, commit: 4 }, [entry(4)]);
  await again.wal.close();
  const { content } = await readWal(disk, "wal", START);
  assert.deepEqual(
    content.entries.map((e) => e.index),
    [1, 2, 3, 4],
  );
  assert.equal(content.hardState.commit, 4);
});

test("an empty save writes nothing, and an empty state is left out", async () => {
  const simulated = simulatedDisk();
  const wal = await Wal.create(simulated.mount(), "wal", METADATA);
  const before = hex(simulated.contents(FIRST_SEGMENT), 0, 4096);
  wal.save(undefined, []);
  wal.save({ term: 0, vote: 0n, commit: 0 }, []);
  await wal.sync();
  assert.equal(hex(simulated.contents(FIRST_SEGMENT), 0, 4096), before);
});

const entryOrder: { name: string; indexes: [index: number, term: number][]; want: string }[] = [
  {
    name: "a new leader's entry replaces the rest of the old one's",
    indexes: [
      [1, 1],
      [2, 1],
      [3, 1],
      [2, 2],
    ],
    want: "1@1 2@2",
  },
  {
    name: "a gap is refused",
    indexes: [
      [1, 1],
      [2, 1],
      [4, 1],
    ],
    want: "wal: slice bounds out of range",
  },
];
for (const { name, indexes, want } of entryOrder) {
  test(`entries: ${name}`, async () => {
    const simulated = await diskWith(
      segmentOf((e) => indexes.forEach(([index, term]) => void e.entry(entry(index, term)))),
    );
    const read = readWal(simulated.mount(), "wal", START).then(
      ({ content }) => content.entries.map((e) => `${e.index}@${e.term}`).join(" "),
      (error) => error.text,
    );
    assert.equal(await read, want);
  });
}

const refused: {
  name: string;
  segment: Uint8Array;
  start?: { index: number; term: number };
  code: string;
  offset?: number;
}[] = [
  {
    name: "another member's metadata",
    segment: segmentOf((e) =>
      e.message(RecordType.metadata, encodeWalMetadata({ nodeId: 1n, clusterId: 1n })),
    ),
    code: "CONFLICTING_METADATA",
    offset: 64,
  },
  {
    name: "a snapshot of another term at the start",
    segment: segmentOf((e) => e.message(RecordType.snapshot, Uint8Array.of(8, 5, 16, 1))),
    start: { index: 5, term: 2 },
    code: "SNAPSHOT_MISMATCH",
    offset: 64,
  },
  {
    name: "no snapshot record at the start",
    segment: segmentOf(() => {}),
    start: { index: 5, term: 2 },
    code: "SNAPSHOT_NOT_FOUND",
  },
  {
    name: "a record of unknown type",
    segment: segmentOf((e) => e.message(7 as 1, new Uint8Array(3))),
    code: "UNEXPECTED_BLOCK_TYPE",
    offset: 64,
  },
  {
    name: "an entry that is no protobuf, with the right CRC",
    segment: segmentOf((e) => e.message(RecordType.entry as 1 | 5, Uint8Array.of(255, 255))),
    code: "MALFORMED_RECORD",
    offset: 64,
  },
  {
    name: "an index beyond 2^53",
    segment: segmentOf((e) =>
      e.message(RecordType.entry as 1 | 5, Uint8Array.of(0x18, 255, 255, 255, 255, 255, 255, 255, 127)),
    ),
    code: "MALFORMED_RECORD",
    offset: 64,
  },
];
for (const { name, segment, start = START, code, offset } of refused) {
  test(`${name} is refused`, async () => {
    const simulated = await diskWith(segment);
    await assert.rejects(
      Wal.open(simulated.mount(), "wal", start),
      (error: { code: string; offset?: number }) => {
        assert.equal(error.code, code);
        assert.equal(error.offset, offset);
        return true;
      },
    );
  });
}

test("a directory without segments, or without one for the start, is refused in etcd's words", async () => {
  const simulated = simulatedDisk();
  const disk = simulated.mount();
  await disk.makeDirectory("wal");
  await assert.rejects(readWal(disk, "wal", START), { text: "wal: file not found" });
  simulated.setContents(
    "wal/0000000000000003-0000000000000020.wal",
    segmentOf(() => {}),
  );
  await assert.rejects(readWal(disk, "wal", { index: 16, term: 1 }), {
    text: "wal: file not found which matches the snapshot index '16'",
  });
  simulated.setContents(
    "wal/0000000000000005-0000000000000030.wal",
    segmentOf(() => {}),
  );
  await assert.rejects(readWal(disk, "wal", { index: 50, term: 1 }), { code: "SNAPSHOT_NOT_FOUND" });
  await assert.rejects(readWal(disk, "wal", { index: 33, term: 1 }), { code: "SEGMENTS_NOT_CONSECUTIVE" });
});

test("a flipped bit anywhere in a log is refused with file and offset, or changes nothing", async () => {
  const data = new Uint8Array(700).map((_, i) => 1 + (i % 250));
  const entries = [1, 2, 3, 4].map((index) => entry(index, 1, data));
  const whole = segmentOf((e) => {
    for (const each of entries) e.entry(each);
    e.state({ ...STATE, commit: 4 });
  }, 2048);
  const end = whole.length - 2048;
  let accepted = 0;
  for (let bit = 0; bit < end * 8; bit += bit < 8 * 128 ? 1 : 7) {
    const at = bit >> 3;
    const segment = whole.slice();
    segment[at]! ^= 1 << (bit & 7);
    const simulated = await diskWith(segment);
    const outcome = await Wal.open(simulated.mount(), "wal", START).catch((error) => error);
    if (outcome instanceof WalError) {
      assert.equal(outcome.file, FIRST_SEGMENT, `byte ${at}: ${outcome.message}`);
      // The first CRC of a log is taken on trust; damage there shows in the next record.
      assert.ok(outcome.offset! <= Math.max(at, 16), `byte ${at}: ${outcome.message}`);
      continue;
    }
    // Padding is read by nobody, and the CRC that starts a log is 0 with or without its field.
    accepted++;
    assert.equal(outcome.repair, undefined, `byte ${at}`);
    assert.deepEqual(withoutViews(outcome.content.entries), entries, `byte ${at}`);
    assert.deepEqual(outcome.content.hardState, { ...STATE, commit: 4 }, `byte ${at}`);
  }
  assert.ok(accepted < 120, `${accepted}`);
});

function tornSegment(): { segment: Uint8Array; lastFrame: number } {
  const data = new Uint8Array(900).fill(5);
  let lastFrame = 0;
  const segment = segmentOf((e) => {
    e.entry(entry(1, 1, data));
    e.state(STATE);
    lastFrame = e.length;
    e.entry(entry(2, 1, data));
  });
  return { segment, lastFrame };
}

test("a write torn at a sector is cut off, once, and the segment is kept as .broken", async () => {
  const { segment, lastFrame } = tornSegment();
  const sector = Math.ceil((lastFrame + 8) / 512) * 512;
  segment.fill(0, sector, sector + 512);
  const simulated = await diskWith(segment);
  const disk = simulated.mount();
  const { wal, content, repair } = await Wal.open(disk, "wal", START);
  assert.deepEqual(repair, { file: FIRST_SEGMENT, brokenFile: `${FIRST_SEGMENT}.broken`, offset: lastFrame });
  assert.deepEqual(simulated.contents(`${FIRST_SEGMENT}.broken`), segment);
  assert.deepEqual(
    content.entries.map((e) => e.index),
    [1],
  );
  wal.save(undefined, [entry(2, 2)]);
  await wal.close();
  const again = await readWal(disk, "wal", START);
  assert.deepEqual(
    again.content.entries.map((e) => `${e.index}@${e.term}`),
    ["1@1", "2@2"],
  );
});

test("a file that ends within a record is cut back to the record's beginning", async () => {
  const { segment, lastFrame } = tornSegment();
  for (const length of [lastFrame + 3, lastFrame + 8, lastFrame + 20, lastFrame + 500]) {
    const simulated = await diskWith(segment.slice(0, length));
    const { content, repair } = await Wal.open(simulated.mount(), "wal", START);
    assert.equal(repair?.offset, lastFrame, `cut at ${length}`);
    assert.equal(content.entries.length, 1);
  }
});

test("the same faults in a segment that is not the last are refused", async () => {
  const { segment, lastFrame } = tornSegment();
  segment.fill(0, Math.ceil((lastFrame + 8) / 512) * 512, segment.length);
  const simulated = await diskWith(segment);
  simulated.setContents(
    "wal/0000000000000001-0000000000000003.wal",
    segmentOf(() => {}),
  );
  await assert.rejects(Wal.open(simulated.mount(), "wal", START), {
    code: "MALFORMED_RECORD",
    offset: lastFrame,
  });
});

test("garbage behind the end is ignored, and gone before anything is appended", async () => {
  const segment = segmentOf((e) => e.entry(entry(1)));
  segment.fill(0xaa, segment.length - 1000);
  const simulated = await diskWith(segment);
  const { wal, content } = await Wal.open(simulated.mount(), "wal", START);
  assert.equal(content.entries.length, 1);
  const bytes = simulated.contents(FIRST_SEGMENT)!;
  assert.equal(bytes.length, 64_000_000);
  assert.ok(bytes.subarray(segment.length - 1000, segment.length).every((byte) => byte === 0));
  await wal.close();
});

test("segments are cut, and a restart reads over them from any snapshot", async () => {
  const simulated = simulatedDisk();
  const disk = simulated.mount();
  const wal = await Wal.create(disk, "wal", METADATA, { segmentBytes: 2000 });
  for (let index = 1; index <= 60; index++) {
    wal.save({ ...STATE, commit: index - 1 }, [entry(index, 1, new Uint8Array(100))]);
    await wal.sync();
    if (index % 20 === 10) await wal.saveSnapshot(snapshotAt(index - 1));
  }
  await wal.close();
  const names = (await disk.list("wal")).filter((name) => name.endsWith(".wal"));
  assert.ok(names.length > 4);
  assert.deepEqual((await findStart(disk, "wal")).snapshot, snapshotAt(49));
  assert.deepEqual(
    (await validSnapshots(disk, "wal")).map((s) => s.index),
    [0, 9, 29, 49],
  );
  for (const index of [0, 9, 29, 49]) {
    const { content } = await readWal(disk, "wal", { index, term: index === 0 ? 0 : 1 });
    assert.equal(content.entries.length, 60 - index);
    assert.equal(content.entries[0]!.index, index + 1);
  }
});

test("a snapshot record that no commit covers is not used", async () => {
  const simulated = simulatedDisk();
  const disk = simulated.mount();
  const wal = await Wal.create(disk, "wal", METADATA);
  wal.save({ ...STATE, commit: 1 }, [entry(1), entry(2)]);
  await wal.saveSnapshot(snapshotAt(1));
  await wal.saveSnapshot(snapshotAt(2));
  assert.deepEqual((await findStart(disk, "wal")).snapshot, snapshotAt(1));
  wal.save({ ...STATE, commit: 2 }, []);
  await wal.close();
  assert.deepEqual((await findStart(disk, "wal")).snapshot, snapshotAt(2));
});

test("released segments are purged, oldest first, never those still needed", async () => {
  const simulated = simulatedDisk();
  const disk = simulated.mount();
  const wal = await Wal.create(disk, "wal", METADATA, { segmentBytes: 1000 });
  for (let index = 1; index <= 40; index++) {
    wal.save({ ...STATE, commit: index }, [entry(index, 1, new Uint8Array(100))]);
    await wal.sync();
  }
  await wal.saveSnapshot(snapshotAt(40));
  const before = (await disk.list("wal")).filter((name) => name.endsWith(".wal")).length;
  assert.deepEqual(await wal.purge(1), [], "nothing is released yet");
  wal.releaseTo(20);
  assert.deepEqual(await wal.purge(0), [], "0 keeps all");
  await wal.purge(3);
  assert.equal((await readWal(disk, "wal", { index: 40, term: 1 })).content.entries.length, 0);
  wal.releaseTo(40);
  const removed = await wal.purge(2);
  assert.ok(removed.length > 0);
  assert.equal((await disk.list("wal")).filter((name) => name.endsWith(".wal")).length, 2);
  assert.ok(before > 4);
  await wal.close();
});

test("syncs that are asked for together share one write", async () => {
  let writes = 0;
  const simulated = simulatedDisk({ fault: (operation) => void (operation === "write" && writes++) });
  const disk = simulated.mount();
  const wal = await Wal.create(disk, "wal", METADATA, { segmentBytes: 200 });
  await wal.close();
  const opened = await Wal.open(disk, "wal", START);
  await new Promise(setImmediate);
  writes = 0;
  const syncs: Promise<void>[] = [];
  for (let index = 1; index <= 10; index++) {
    opened.wal.save(undefined, [entry(index)]);
    syncs.push(opened.wal.sync());
  }
  await Promise.all(syncs);
  assert.ok(writes <= 2 + 2, `${writes} writes: one at once, one for the rest, and zeros ahead`);
  await opened.wal.close();
});

test("after a failed write every later call fails, and the log is as of the last sync", async () => {
  for (const fault of ["IO", "FULL"] as const) {
    let broken = false;
    const simulated = simulatedDisk({
      fault: (op) => (broken && (op === "write" || op === "sync") ? fault : undefined),
    });
    const disk = simulated.mount();
    const wal = await Wal.create(disk, "wal", METADATA);
    wal.save(STATE, [entry(1)]);
    await wal.sync();
    broken = true;
    wal.save(undefined, [entry(2)]);
    await assert.rejects(wal.sync(), { code: fault });
    broken = false;
    await assert.rejects(wal.sync(), { code: fault });
    assert.throws(() => wal.save(undefined, [entry(3)]), { code: fault });
    await assert.rejects(wal.close(), { code: fault });
    await assert.rejects(wal.close(), { code: fault });
    simulated.crash();
    const { content } = await Wal.open(simulated.mount(), "wal", START);
    assert.equal(content.entries[0]!.index, 1);
    assert.deepEqual(content.hardState, STATE);
  }
});

test("a closed log refuses", async () => {
  const wal = await Wal.create(simulatedDisk().mount(), "wal", METADATA);
  await wal.close();
  assert.throws(() => wal.save(undefined, [entry(1)]), { code: "CLOSED" });
  await assert.rejects(wal.sync(), { code: "CLOSED" });
  await assert.rejects(wal.saveSnapshot(snapshotAt(1)), { code: "CLOSED" });
});

test("commits that nobody syncs do not pile up in memory", async () => {
  const simulated = simulatedDisk();
  const disk = simulated.mount();
  const wal = await Wal.create(disk, "wal", METADATA);
  for (let commit = 1; commit < 60_000; commit++) wal.save({ ...STATE, commit }, []);
  await new Promise(setImmediate);
  const { content } = await readWal(disk, "wal", START);
  assert.ok(content.hardState.commit > 20_000);
  await wal.close();
});

test("a log is never made over another one", async () => {
  const disk = simulatedDisk().mount();
  await (await Wal.create(disk, "wal", METADATA)).close();
  assert.equal(await Wal.exists(disk, "wal"), true);
  assert.equal(await Wal.exists(disk, "elsewhere"), false);
  await assert.rejects(Wal.create(disk, "wal", METADATA), { code: "EXISTS" });
});
