import assert from "node:assert/strict";
import test from "node:test";
import { type Disk, readFile } from "@quorate/storage/seams/disk";
import { SimulatedDisk, type SimulatedDiskOptions } from "@quorate/storage/seams/simulated-disk";
import { SnapTimes } from "@quorate/storage/snap/snap-times";
import { ManualClock } from "@quorate/testkit/clock";
import { receivedDatabasePath, removeOrphans, saveReceivedDatabase } from "./received-database.ts";

const TIMES = new SnapTimes(new ManualClock());
const DIRECTORY = "data/member/snap";
const PATH = receivedDatabasePath(DIRECTORY, 0x2a);

async function newDisk(options: Omit<SimulatedDiskOptions, "random"> = {}) {
  const simulated = new SimulatedDisk({ random: { below: () => 0 }, ...options });
  const disk = simulated.mount();
  await disk.makeDirectory(DIRECTORY);
  return { simulated, disk };
}

const content = Buffer.from(Array.from({ length: 3 * 2 ** 20 + 17 }, (_, i) => (i * 7 + (i >> 9)) & 255));

function save(
  disk: Disk,
  directory: string,
  index: number,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  return saveReceivedDatabase(disk, directory, index, chunks, async () => undefined, TIMES);
}

async function* chunksOf(bytes: Uint8Array, size: number, failure?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  if (failure !== undefined) throw failure;
}

test("the name is the index in 16 hex digits", () => {
  assert.equal(PATH, `${DIRECTORY}/000000000000002a.snap.db`);
});

for (const size of [1_000, 65_536, 5 * 2 ** 20]) {
  test(`a database in chunks of ${size} bytes is saved, and survives a loss of power`, async () => {
    const { simulated, disk } = await newDisk();
    for (const directory of [".", "data", "data/member"]) await disk.syncDirectory(directory);
    await save(disk, DIRECTORY, 0x2a, chunksOf(content, size));
    simulated.crash();
    assert.deepEqual(Buffer.from(await readFile(simulated.mount(), PATH, 2 ** 30)), content);
  });
}

test("a second database of the same index takes the place of the first, which may be damaged", async () => {
  const { disk } = await newDisk();
  await save(disk, DIRECTORY, 0x2a, chunksOf(content.subarray(0, 100), 10));
  await save(disk, DIRECTORY, 0x2a, chunksOf(content, 65_536));
  assert.deepEqual(Buffer.from(await readFile(disk, PATH, 2 ** 30)), content);
  assert.equal((await disk.list(DIRECTORY)).length, 1);
});

test("one that is not sound is refused with what is wrong, before it has its name", async () => {
  const { disk } = await newDisk();
  await save(disk, DIRECTORY, 0x2a, chunksOf(content, 65_536));
  const asked: [bytes: number, index: number][] = [];
  const findFault = async (path: string, index: number) => {
    asked.push([(await readFile(disk, path, 2 ** 30)).length, index]);
    return "page 5 is torn";
  };
  const damaged = chunksOf(content.subarray(1), 65_536);
  await assert.rejects(
    saveReceivedDatabase(disk, DIRECTORY, 0x2a, damaged, findFault, TIMES),
    /page 5 is torn/,
  );
  assert.deepEqual(asked, [[content.length - 1, 0x2a]]);
  // What was there before is still there, and nothing else.
  assert.deepEqual(Buffer.from(await readFile(disk, PATH, 2 ** 30)), content);
  assert.equal((await disk.list(DIRECTORY)).length, 1);
});

test("a stream that breaks off leaves nothing, and says why", async () => {
  const { disk } = await newDisk();
  const broken = chunksOf(content, 65_536, new Error("unexpected EOF"));
  await assert.rejects(save(disk, DIRECTORY, 0x2a, broken), /unexpected EOF/);
  assert.deepEqual(await disk.list(DIRECTORY), []);
});

test("a full disk leaves nothing", async () => {
  const { disk } = await newDisk({ capacityBytes: 2 * 2 ** 20 });
  await assert.rejects(save(disk, DIRECTORY, 0x2a, chunksOf(content, 65_536)), {
    code: "FULL",
  });
  assert.deepEqual(await disk.list(DIRECTORY), []);
});

for (const operation of ["open", "write", "sync", "rename", "syncDirectory"] as const) {
  test(`a failure to ${operation} is reported, and no temporary file is left`, async () => {
    let fails = false;
    const { disk } = await newDisk({
      fault: (asked) => (fails && asked === operation ? "IO" : undefined),
    });
    fails = true;
    await assert.rejects(save(disk, DIRECTORY, 0x2a, chunksOf(content, 65_536)), {
      code: "IO",
    });
    fails = false;
    assert.deepEqual(
      (await disk.list(DIRECTORY)).filter((name) => name.startsWith("tmp")),
      [],
    );
  });
}

test("databases received for older snapshots are removed, others stay", async () => {
  const { disk } = await newDisk();
  for (const index of [1, 0x29, 0x2a, 0x2b]) {
    await save(disk, DIRECTORY, index, chunksOf(content.subarray(0, 5), 5));
  }
  for (const name of ["tmp123", "db", "0000000000000001-0000000000000005.snap", "x.snap.db"]) {
    await (await disk.open(`${DIRECTORY}/${name}`, "write")).close();
  }
  assert.deepEqual(await removeOrphans(disk, DIRECTORY, 0x2a), [
    "0000000000000001.snap.db",
    "0000000000000029.snap.db",
  ]);
  assert.deepEqual(await disk.list(DIRECTORY), [
    "0000000000000001-0000000000000005.snap",
    "000000000000002a.snap.db",
    "000000000000002b.snap.db",
    "db",
    "tmp123",
    "x.snap.db",
  ]);
});
