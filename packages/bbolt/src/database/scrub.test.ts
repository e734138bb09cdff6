import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { DatabaseError, DatabaseFileError } from "../format/errors.ts";
import { bytesOf } from "../testing/apply.ts";
import { SimulatedDisk } from "../testing/simulated-disk.ts";
import { Database } from "./database.ts";

const PATH = "/data/db";
const PAGE_BYTES = 1024;
const pause = (): Promise<void> => Promise.resolve();
const open = (disk: SimulatedDisk, checksums = true) =>
  Database.open(PATH, { disk, pause, checksums, pageBytes: PAGE_BYTES });

/** Overwrites and deletes some of 400 values, of which some take many pages. */
async function write(database: Database, random: SeededRandom): Promise<void> {
  const tx = database.beginWrite();
  const bucket = tx.createBucketIfAbsent("b");
  for (let i = 0; i < 30; i++) {
    const key = bytesOf(`key ${random.below(400)}`);
    const length = random.chance(0.2) ? random.below(20_000) : random.below(300);
    if (random.chance(0.3)) bucket.delete(key);
    else bucket.put(key, new Uint8Array(length).fill(random.below(256)));
  }
  await tx.commit();
}

/** One time over the file: how many slots were looked at. */
async function pass(database: Database, mostBytes: number): Promise<number> {
  let pages = 0;
  for (;;) {
    const step = await database.scrub(mostBytes);
    pages += step.pages;
    if (step.isEnd) return pages;
  }
}

for (const mostBytes of [1, 4 * PAGE_BYTES, 1 << 20]) {
  testWithSeed(`each page in use is looked at once, ${mostBytes} bytes at a time`, async (seed) => {
    const random = new SeededRandom(seed);
    const database = await open(new SimulatedDisk());
    for (let i = 0; i < 30; i++) await write(database, random);
    const { slots } = await database.check();
    for (let i = 0; i < 2; i++) assert.equal(await pass(database, mostBytes), slots - 2, "all but the metas");
    await database.close();
  });
}

testWithSeed("what is written meanwhile is no damage, wherever it comes to lie", async (seed) => {
  const random = new SeededRandom(seed);
  const disk = new SimulatedDisk();
  let database = await open(disk);
  let passes = 0;
  for (let round = 0; round < 300; round++) {
    // Commits and steps begin and end in any order.
    const written = write(database, random);
    for (let i = random.below(6); i > 0; i--) {
      if ((await database.scrub(1 + random.below(8 * PAGE_BYTES))).isEnd) passes++;
    }
    await written;
    if (random.chance(0.02)) {
      await database.beginWrite().commit({ storeFreelist: true });
      await database.close();
      database = await open(disk);
    }
  }
  assert.ok(passes > 2, `${passes} passes`);
  assert.deepEqual((await database.check()).faults, []);
  await database.close();
});

testWithSeed("a flipped bit of a page in use is found, though the page was read before", async (seed) => {
  const random = new SeededRandom(seed);
  const disk = new SimulatedDisk();
  const first = await open(disk);
  for (let i = 0; i < 30; i++) await write(first, random);
  await first.beginWrite().commit({ storeFreelist: true });
  await first.close();
  const sound = disk.bytesOf(PATH)!;
  const sums = disk.bytesOf(`${PATH}.sums`)!;
  const outcomes = { found: 0, unused: 0 };
  for (let i = 0; i < 80; i++) {
    const left = SimulatedDisk.with({ [PATH]: sound.slice(), [`${PATH}.sums`]: sums });
    const database = await open(left);
    const { slots } = await database.check();
    const at = 2 * PAGE_BYTES + random.below(sound.length - 2 * PAGE_BYTES);
    const flipped = Uint8Array.of(sound[at]! ^ (1 << random.below(8)));
    await (await left.open(PATH, "write")).write([flipped], at);
    const outcome = await pass(database, 3 * PAGE_BYTES).catch((error: unknown) => error);
    if (outcome instanceof DatabaseFileError) {
      outcomes.found++;
      assert.ok(outcome.page <= at / PAGE_BYTES && outcome.offset === outcome.page * PAGE_BYTES);
      await assert.rejects(database.scrub(3 * PAGE_BYTES), outcome, "and found again");
    } else {
      outcomes.unused++;
      assert.equal(outcome, slots - 2);
    }
    // What the scrub passed over nobody is missing.
    assert.equal((await database.check()).faults.length > 0, outcome instanceof DatabaseFileError);
    await database.close();
  }
  assert.ok(outcomes.found > 20, JSON.stringify(outcomes));
});

/** Off the loop nothing is read from it any more: somebody has cut the file short. */
class ShortDisk extends SimulatedDisk {
  isShort = false;

  override async open(path: string, mode: "read" | "write" | "create") {
    const file = await super.open(path, mode);
    const read = file.read.bind(file);
    file.read = async (target, position) => (this.isShort ? 0 : read(target, position));
    return file;
  }
}

test("a file that somebody has cut short is told of", async () => {
  const disk = new ShortDisk();
  const database = await open(disk);
  await write(database, new SeededRandom(1));
  disk.isShort = true;
  await assert.rejects(
    database.scrub(PAGE_BYTES),
    (error) => error instanceof DatabaseFileError && /the file ends before it/.test(error.message),
  );
  await database.close();
});

test("without checksums there is nothing to compare with, and a closed database is not read", async () => {
  const bare = await open(new SimulatedDisk(), false);
  await assert.rejects(
    bare.scrub(1),
    (error) => error instanceof DatabaseError && error.code === "NO_CHECKSUMS",
  );
  await bare.close();
  const database = await open(new SimulatedDisk());
  await database.close();
  await assert.rejects(
    database.scrub(1),
    (error) => error instanceof DatabaseError && error.code === "CLOSED",
  );
});
