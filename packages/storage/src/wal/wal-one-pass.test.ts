import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import type { Disk } from "../seams/disk.ts";
import type { Random } from "../seams/random.ts";
import { realClock } from "../seams/real-clock.ts";
import type { SimulatedDisk } from "../seams/simulated-disk.ts";
import { crc32c } from "./crc32c.ts";
import { RecordEncoder } from "./encoder.ts";
import { WalError } from "./errors.ts";
import { readWal, type WalStart } from "./recovery.ts";
import { segmentName } from "./segment-name.ts";
import type { SegmentSurvey } from "./segment-survey.ts";
import { findStart } from "./snapshot-records.ts";
import {
  CountingDisk,
  diskWith,
  entry,
  METADATA,
  segmentOf,
  simulatedDisk,
  snapshotAt,
  validSnapshots,
} from "./testing.ts";
import type { Entry } from "./types.ts";
import { Wal } from "./wal.ts";

const RUNS = searchRuns(24, 60);

/** A log of some segments of up to 2 MB, with snapshots that lag behind the entries. */
async function writeLog(simulated: SimulatedDisk, random: Random): Promise<void> {
  const segmentBytes = 400_000 + random.below(1_600_000);
  const wal = await Wal.create(simulated.mount(), "wal", METADATA, { segmentBytes });
  const bytesOf = [() => random.below(400), () => random.below(9000), () => random.below(400_000)];
  const dataBytes = bytesOf[random.below(bytesOf.length)]!;
  let lastIndex = 0;
  let commit = 0;
  let term = 1;
  for (let written = 0; written < 3_000_000; ) {
    if (random.below(40) === 0 && lastIndex > commit) {
      term++;
      lastIndex = commit + random.below(lastIndex - commit + 1);
    }
    const entries: Entry[] = [];
    for (let count = random.below(30); count > 0; count--) {
      const data = new Uint8Array(dataBytes()).fill(random.below(256));
      written += data.length + 40;
      entries.push(entry(++lastIndex, term, data));
    }
    if (random.below(3) > 0) commit += random.below(lastIndex - commit + 1);
    wal.save({ term, vote: 7n, commit }, entries);
    if (random.below(4) === 0) await wal.sync();
    if (commit > 0 && random.below(60) === 0) {
      await wal.saveSnapshot(snapshotAt(commit - random.below(Math.min(commit, 20)), term));
    }
  }
  await wal.close();
}

/** All that reading gave, short enough for a comparison that fails. */
async function outcome(disk: Disk, start: WalStart, surveys: readonly SegmentSurvey[] = []): Promise<object> {
  try {
    const { content, tail } = await readWal(disk, "wal", start, { surveys });
    const entries = content.entries.map(({ type, term, index, data }) => [type, term, index, crc32c(data)]);
    const { length } = entries;
    const crc = crc32c(new TextEncoder().encode(JSON.stringify(entries)));
    return { ...content, torn: content.torn?.message, entries: { length, crc }, tail };
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    return { refused: error.message };
  }
}

/** Damages some byte of the last two segments: mostly noticed, and sometimes of no meaning. */
async function damage(simulated: SimulatedDisk, disk: Disk, random: Random): Promise<void> {
  const names = (await disk.list("wal")).filter((name) => name.endsWith(".wal"));
  const path = `wal/${names.at(-1 - random.below(Math.min(2, names.length)))!}`;
  const bytes = simulated.contents(path)!;
  if (random.below(2) === 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
  else {
    const sector = 512 * random.below(Math.floor(bytes.length / 512));
    bytes.fill(0, sector, sector + 512);
  }
  simulated.setContents(path, bytes);
}

type AddedRecord = "foreign type" | "foreign metadata" | "torn";

/** Adds a record of a type that no log has, or metadata of another member, or a record whose end is missing. */
async function addRecord(simulated: SimulatedDisk, disk: Disk, kind: AddedRecord): Promise<void> {
  const { tail } = await readWal(disk, "wal", { index: 0, term: 0 });
  const encoder = new RecordEncoder(tail.crc);
  if (kind === "foreign type") encoder.message(7 as 1, new Uint8Array(3));
  else if (kind === "foreign metadata") encoder.message(1, Uint8Array.of(8, 1, 16, 1));
  else encoder.entry(entry(1, 1, new Uint8Array(5000).fill(1)));
  const { bytes, length } = encoder.take();
  const path = `wal/${tail.segments.at(-1)!.name}`;
  const written = kind === "torn" ? length - 2000 : length;
  const contents = new Uint8Array(tail.offset + written);
  contents.set(simulated.contents(path)!.subarray(0, tail.offset));
  contents.set(bytes.subarray(0, written), tail.offset);
  simulated.setContents(path, contents);
}

/** To which of twelve logs what is added. */
const ADDED = new Map<number, AddedRecord>([
  [0, "foreign type"],
  [2, "foreign metadata"],
  [4, "torn"],
]);

testWithSeed(
  "a log that is opened with what was read to find its start says what the whole log says, damaged or not",
  async (seed) => {
    const seen = { once: 0, again: 0, refused: 0, torn: 0 };
    for (let run = 0; run < RUNS; run++) {
      const random = new SeededRandom(seed + run);
      const simulated = simulatedDisk();
      await writeLog(simulated, random);
      const counting = new CountingDisk(simulated.mount());
      const { disk } = counting;
      const added = ADDED.get(run % 12);
      if (run % 2 === 1) await damage(simulated, disk, random);
      else if (added !== undefined) await addRecord(simulated, disk, added);
      const found = await findStart(disk, "wal").catch((error) => {
        assert.ok(error instanceof WalError && run % 2 === 1, `seed ${seed + run}: ${error}`);
        return undefined;
      });
      if (found === undefined) {
        seen.refused++;
        continue;
      }
      const { snapshot, surveys } = found;
      if (surveys[0]!.end.torn !== undefined) seen.torn++;
      if (run % 2 === 0) {
        const last = (await validSnapshots(disk, "wal")).at(-1);
        assert.deepEqual(snapshot, last, `seed ${seed + run}`);
      }
      const whole = await outcome(disk, snapshot);
      const before = counting.bytesRead;
      assert.deepEqual(await outcome(disk, snapshot, surveys), whole, `seed ${seed + run}`);
      if (counting.bytesRead === before) seen.once++;
      else seen.again++;
    }
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `${what} never`);
  },
);

/** A segment of two thousand entries of 1000 bytes, `more` in the middle, and a snapshot at 1990. */
function longSegment(more?: (encoder: Encoder) => void): Uint8Array {
  return segmentOf((encoder) => {
    for (let index = 1; index <= 2000; index++) {
      if (index === 1000) more?.(encoder);
      encoder.entry(entry(index, 1, new Uint8Array(1000)));
    }
    encoder.state({ term: 1, vote: 1n, commit: 1995 });
    encoder.message(5, Uint8Array.of(0x08, 0xc6, 0x0f, 0x10, 0x01));
    encoder.entry(entry(2001));
  });
}

type Encoder = Parameters<Parameters<typeof segmentOf>[0]>[0];

test("a restart reads each segment that it needs once, and keeps only what may come after its snapshot", async () => {
  const simulated = simulatedDisk();
  const written = await Wal.create(simulated.mount(), "wal", METADATA, { segmentBytes: 1_000_000 });
  for (let index = 1; index <= 6000; index++) {
    const snapshotIndex = index - 10;
    written.save({ term: 1, vote: 1n, commit: snapshotIndex }, [entry(index, 1, new Uint8Array(1000))]);
    if (index % 1000 === 500) await written.saveSnapshot(snapshotAt(snapshotIndex));
    if (index % 50 === 0) await written.sync();
  }
  await written.close();
  const counting = new CountingDisk(simulated.mount());
  const { disk } = counting;
  const { snapshot, surveys } = await findStart(disk, "wal");
  assert.deepEqual(snapshot, snapshotAt(5490));
  assert.equal(surveys.length, 2);
  let records = 0;
  for (const survey of surveys) await survey.replay(() => records++);
  assert.ok(records > 2 * (6000 - 5490), "each entry after the snapshot, with the state saved beside it");
  assert.ok(records < 2 * (6000 - 5490) + 600, `${records}: with them only what was read at the same time`);

  let turns = 0;
  const soon = (callback: () => void) => {
    turns++;
    queueMicrotask(callback);
  };
  const { wal, content, repair } = await Wal.open(disk, "wal", snapshot, {
    surveys,
    clock: { ...realClock, soon },
  });
  assert.ok(turns > 0, "others have their turns between pieces of 256 KiB");
  assert.equal(repair, undefined);
  assert.deepEqual(
    content.entries.map(({ index }) => index),
    Array.from({ length: 510 }, (_, i) => 5491 + i),
  );
  assert.deepEqual(content.metadata, METADATA);
  await wal.close();
  const needed = surveys.map(({ segment }) => simulated.contents(`wal/${segment}`)!.length);
  const bytes = needed.reduce((sum, each) => sum + each);
  assert.ok(counting.bytesRead <= bytes * 1.05, `${counting.bytesRead} bytes read of ${bytes}`);
});

test("the state before what is kept counts when none follows", async () => {
  const state = { term: 1, vote: 1n, commit: 5 };
  const bytes = segmentOf((encoder) => {
    encoder.state(state);
    for (let index = 1; index <= 5; index++) encoder.entry(entry(index, 1, new Uint8Array(100_000)));
    encoder.message(5, Uint8Array.of(0x08, 5, 0x10, 1));
  });
  const counting = new CountingDisk((await diskWith(bytes)).mount());
  const { snapshot, surveys } = await findStart(counting.disk, "wal");
  const before = counting.bytesRead;
  const { content } = await readWal(counting.disk, "wal", snapshot, { surveys });
  assert.equal(counting.bytesRead, before);
  assert.deepEqual(content.hardState, state);
});

test("a torn end is repaired as well when the segment is not read again", async () => {
  const bytes = longSegment();
  const torn = bytes.length - 4096 - 16;
  const simulated = await diskWith(bytes.slice(0, torn));
  const disk = simulated.mount();
  const { snapshot, surveys } = await findStart(disk, "wal");
  const { wal, content, repair } = await Wal.open(disk, "wal", snapshot, { surveys });
  assert.ok(repair!.offset < torn);
  assert.equal(content.entries.at(-1)!.index, 2000);
  await wal.close();
});

const irregular: { name: string; more: (encoder: Encoder) => void; code: string }[] = [
  {
    name: "an entry that is no protobuf",
    more: (encoder) => encoder.message(2 as 1, Uint8Array.of(255, 255)),
    code: "MALFORMED_RECORD",
  },
  {
    name: "a record of unknown type",
    more: (encoder) => encoder.message(7 as 1, new Uint8Array(3)),
    code: "UNEXPECTED_BLOCK_TYPE",
  },
  {
    name: "another member's metadata",
    more: (encoder) => encoder.message(1, Uint8Array.of(8, 1, 16, 1)),
    code: "CONFLICTING_METADATA",
  },
  {
    name: "a snapshot at the same index of another term",
    more: (encoder) => encoder.message(5, Uint8Array.of(0x08, 0xc6, 0x0f, 0x10, 0x02)),
    code: "SNAPSHOT_MISMATCH",
  },
];
for (const { name, more, code } of irregular) {
  test(`${name} is refused, however far before the snapshot`, async () => {
    const disk = (await diskWith(longSegment(more))).mount();
    const { snapshot, surveys } = await findStart(disk, "wal");
    assert.equal(snapshot.index, 1990);
    await assert.rejects(Wal.open(disk, "wal", snapshot, { surveys }), (error: WalError) => {
      assert.equal(error.code, code);
      assert.ok(error.offset! > 900_000 && error.offset! < 1_100_000, `${error.offset}`);
      return true;
    });
  });
}

test("entries after the snapshot that lie in the segment before its record are found", async () => {
  const disk = simulatedDisk().mount();
  const wal = await Wal.create(disk, "wal", METADATA, { segmentBytes: 1_500_000 });
  const entries = Array.from({ length: 1995 }, (_, i) => entry(i + 1, 1, new Uint8Array(1000)));
  wal.save({ term: 1, vote: 1n, commit: 1 }, entries);
  await wal.sync();
  for (let count = 0; count < 20_000; count++) wal.save({ term: 1, vote: 1n, commit: 1995 }, []);
  await wal.saveSnapshot(snapshotAt(1990));
  wal.save(undefined, [entry(1996)]);
  await wal.close();
  const { snapshot, surveys } = await findStart(disk, "wal");
  assert.deepEqual(snapshot, snapshotAt(1990));
  assert.deepEqual(
    surveys.map(({ segment }) => segment),
    [segmentName(1, 1996)],
  );
  const { content } = await readWal(disk, "wal", snapshot, { surveys });
  assert.deepEqual(
    content.entries.map(({ index }) => index),
    [1991, 1992, 1993, 1994, 1995, 1996],
  );
});

test("a commit that goes back behind a snapshot brings its entries back", async () => {
  const bytes = segmentOf((encoder) => {
    for (let index = 1; index <= 9; index++) encoder.entry(entry(index, 1, new Uint8Array(100_000)));
    encoder.state({ term: 1, vote: 1n, commit: 8 });
    encoder.message(5, Uint8Array.of(0x08, 3, 0x10, 1));
    encoder.message(5, Uint8Array.of(0x08, 7, 0x10, 1));
    encoder.state({ term: 1, vote: 1n, commit: 5 });
  });
  const disk = (await diskWith(bytes)).mount();
  const { snapshot, surveys } = await findStart(disk, "wal");
  assert.equal(snapshot.index, 3);
  const { content } = await readWal(disk, "wal", snapshot, { surveys });
  assert.deepEqual(
    content.entries.map(({ index }) => index),
    [4, 5, 6, 7, 8, 9],
  );
});

test("segments whose CRCs do not go on from each other are refused", async () => {
  const simulated = await diskWith(longSegment());
  const second = "wal/0000000000000001-00000000000007d2.wal";
  simulated.setContents(
    second,
    segmentOf((encoder) => encoder.entry(entry(2002))),
  );
  const disk = simulated.mount();
  const { snapshot, surveys } = await findStart(disk, "wal");
  await assert.rejects(Wal.open(disk, "wal", snapshot, { surveys }), {
    code: "CRC_MISMATCH",
    file: second,
    offset: 0,
  });
});
