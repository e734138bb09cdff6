import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import type { Disk } from "../seams/disk.ts";
import type { Random } from "../seams/random.ts";
import type { SimulatedDisk } from "../seams/simulated-disk.ts";
import { crc32c } from "./crc32c.ts";
import { WalError } from "./errors.ts";
import { type ResumePoint, readWal, type WalStart } from "./recovery.ts";
import { segmentName } from "./segment-name.ts";
import { findStart, validSnapshots } from "./snapshot-records.ts";
import { diskWith, entry, METADATA, segmentOf, simulatedDisk, snapshotAt } from "./testing.ts";
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
async function outcome(disk: Disk, start: WalStart, resume?: ResumePoint): Promise<object> {
  try {
    const { content, tail } = await readWal(disk, "wal", start, resume);
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

testWithSeed(
  "a log read on from a resume point says what the whole log says, damaged or not",
  async (seed) => {
    const seen = { resumed: 0, whole: 0, refused: 0 };
    for (let run = 0; run < RUNS; run++) {
      const random = new SeededRandom(seed + run);
      const simulated = simulatedDisk();
      await writeLog(simulated, random);
      const disk = simulated.mount();
      if (run % 2 === 1) await damage(simulated, disk, random);
      const found = await findStart(disk, "wal").catch((error) => {
        assert.ok(error instanceof WalError && run % 2 === 1, `seed ${seed + run}: ${error}`);
        return undefined;
      });
      if (found === undefined) {
        seen.refused++;
        continue;
      }
      const { snapshot, resume } = found;
      if (run % 2 === 0) {
        const last = (await validSnapshots(disk, "wal")).at(-1);
        assert.deepEqual(snapshot, last, `seed ${seed + run}`);
      }
      if (resume === undefined) seen.whole++;
      else seen.resumed++;
      assert.deepEqual(
        await outcome(disk, snapshot, resume),
        await outcome(disk, snapshot),
        `seed ${seed + run}`,
      );
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

test("a restart reads again only what may hold entries after its snapshot", async () => {
  const simulated = await diskWith(longSegment());
  const disk = simulated.mount();
  const { snapshot, resume } = await findStart(disk, "wal");
  assert.deepEqual(snapshot, { index: 1990, term: 1, confState: undefined });
  const offset = resume!.offset;
  assert.ok(offset > 1_700_000, `resumes at ${offset}`);
  const { wal, content, repair } = await Wal.open(disk, "wal", snapshot, { resume });
  assert.equal(repair, undefined);
  assert.deepEqual(
    content.entries.map(({ index }) => index),
    Array.from({ length: 11 }, (_, i) => 1991 + i),
  );
  assert.deepEqual(content.metadata, METADATA);
  await wal.close();
});

test("the state before a resume point counts when none follows", async () => {
  const state = { term: 1, vote: 1n, commit: 5 };
  const bytes = segmentOf((encoder) => {
    encoder.state(state);
    for (let index = 1; index <= 5; index++) encoder.entry(entry(index, 1, new Uint8Array(100_000)));
    encoder.message(5, Uint8Array.of(0x08, 5, 0x10, 1));
  });
  const disk = (await diskWith(bytes)).mount();
  const { snapshot, resume } = await findStart(disk, "wal");
  assert.notEqual(resume, undefined);
  const { content } = await readWal(disk, "wal", snapshot, resume);
  assert.deepEqual(content.hardState, state);
});

test("a torn end is repaired as well when the log is read on from a resume point", async () => {
  const bytes = longSegment();
  const torn = bytes.length - 4096 - 16;
  const simulated = await diskWith(bytes.slice(0, torn));
  const disk = simulated.mount();
  const { snapshot, resume } = await findStart(disk, "wal");
  assert.notEqual(resume, undefined);
  const { wal, content, repair } = await Wal.open(disk, "wal", snapshot, { resume });
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
    const { snapshot, resume } = await findStart(disk, "wal");
    assert.equal(snapshot.index, 1990);
    await assert.rejects(Wal.open(disk, "wal", snapshot, { resume }), (error: WalError) => {
      assert.equal(error.code, code);
      assert.ok(error.offset! > 900_000 && error.offset! < 1_100_000, `${error.offset}`);
      return true;
    });
  });
}

test("a resume point does not count when entries after the snapshot may lie in the segment before", async () => {
  const disk = simulatedDisk().mount();
  const wal = await Wal.create(disk, "wal", METADATA, { segmentBytes: 1_500_000 });
  const entries = Array.from({ length: 1995 }, (_, i) => entry(i + 1, 1, new Uint8Array(1000)));
  wal.save({ term: 1, vote: 1n, commit: 1 }, entries);
  await wal.sync();
  for (let count = 0; count < 20_000; count++) wal.save({ term: 1, vote: 1n, commit: 1995 }, []);
  await wal.saveSnapshot(snapshotAt(1990));
  wal.save(undefined, [entry(1996)]);
  await wal.close();
  const { snapshot, resume } = await findStart(disk, "wal");
  assert.deepEqual(snapshot, snapshotAt(1990));
  assert.equal(resume?.segment, segmentName(1, 1996));
  const { content } = await readWal(disk, "wal", snapshot, resume);
  assert.deepEqual(
    content.entries.map(({ index }) => index),
    [1991, 1992, 1993, 1994, 1995, 1996],
  );
});
