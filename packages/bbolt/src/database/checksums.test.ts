import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { DatabaseFileError } from "../format/errors.ts";
import { bytesOf } from "../testing/apply.ts";
import { ProcessKilled, SimulatedDisk } from "../testing/simulated-disk.ts";
import { Database } from "./database.ts";

const PATH = "/data/db";
const SUMS_PATH = `${PATH}.sums`;
const PAGE_BYTES = 4096;
const pause = (): Promise<void> => Promise.resolve();
const open = (disk: SimulatedDisk, checksums = true) => Database.open(PATH, { disk, pause, checksums });

/** Overwrites some of 2,000 values, some of which have pages of their own. */
async function write(database: Database, random: SeededRandom): Promise<void> {
  const tx = database.beginWrite();
  const bucket = tx.createBucketIfAbsent("b");
  for (let i = 0; i < 300; i++) {
    const length = random.chance(0.02) ? 9000 : random.below(300);
    bucket.put(bytesOf(`key ${random.below(2000)}`), new Uint8Array(length).fill(random.below(256)));
  }
  await tx.commit();
}

async function readAll(database: Database): Promise<string[]> {
  using tx = database.beginRead();
  const found: string[] = [];
  const cursor = tx.bucket("b")!.cursor();
  while (cursor.next())
    found.push(`${Buffer.from(cursor.key)}=${Buffer.from(cursor.value!).toString("base64")}`);
  return found;
}

async function sound(random: SeededRandom, storeFreelist: boolean): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const database = await open(disk);
  for (let i = 0; i < 10; i++) await write(database, random);
  if (storeFreelist) await database.beginWrite().commit({ storeFreelist });
  await database.close();
  return disk;
}

const copyOf = (disk: SimulatedDisk, change: (file: Uint8Array) => void = () => {}): SimulatedDisk => {
  const file = disk.bytesOf(PATH)!;
  change(file);
  return SimulatedDisk.with({ [PATH]: file, [SUMS_PATH]: disk.bytesOf(SUMS_PATH)! });
};

for (const storeFreelist of [false, true]) {
  testWithSeed(
    `a flipped bit of a page in use is reported with its page${storeFreelist ? ", though pages were not looked at" : ""}`,
    async (seed) => {
      const random = new SeededRandom(seed);
      const disk = await sound(random, storeFreelist);
      const before = await open(copyOf(disk));
      assert.deepEqual(before.opening, { freelist: storeFreelist ? "stored" : "made", checksums: "stored" });
      const content = await readAll(before);
      await before.close();
      const length = disk.bytesOf(PATH)!.length;
      const outcomes = { reported: 0, harmless: 0 };
      for (let i = 0; i < 60; i++) {
        // Every third one in the first bytes of a page, where the structure is.
        const page = random.below(length / PAGE_BYTES);
        const at = page * PAGE_BYTES + random.below(i % 3 === 0 ? 80 : PAGE_BYTES);
        let database: Database | undefined;
        try {
          database = await open(
            copyOf(disk, (file) => {
              file[at]! ^= 1 << random.below(8);
            }),
          );
          assert.deepEqual(await readAll(database), content, `a bit flipped at ${at}`);
          await write(database, random);
          outcomes.harmless++;
        } catch (error) {
          if (!(error instanceof DatabaseFileError)) throw error;
          assert.ok(error.page <= page && error.offset === error.page * PAGE_BYTES);
          outcomes.reported++;
        } finally {
          await database?.close();
        }
      }
      assert.ok(outcomes.reported > 15, JSON.stringify(outcomes));
    },
  );
}

test("sums are made anew when they are missing, cut short, or another program has written", async () => {
  const random = new SeededRandom(1);
  const disk = await sound(random, true);
  const sums = disk.bytesOf(SUMS_PATH)!;
  const elsewhere = copyOf(disk);
  const other = await open(elsewhere, false);
  await write(other, random);
  await other.close();
  const cases: [name: string, disk: SimulatedDisk][] = [
    ["missing", SimulatedDisk.with({ [PATH]: disk.bytesOf(PATH)! })],
    ["cut short", SimulatedDisk.with({ [PATH]: disk.bytesOf(PATH)!, [SUMS_PATH]: sums.subarray(0, 600) })],
    ["of an older transaction", elsewhere],
    [
      "of another form",
      SimulatedDisk.with({ [PATH]: disk.bytesOf(PATH)!, [SUMS_PATH]: sums.slice().fill(7) }),
    ],
  ];
  for (const [name, each] of cases) {
    const database = await open(each);
    assert.deepEqual(database.opening, { freelist: "made", checksums: "made" }, name);
    const content = await readAll(database);
    await write(database, random);
    await database.close();
    const again = await open(each);
    assert.equal(again.opening?.checksums, "stored", name);
    assert.notDeepEqual(await readAll(again), content);
    await again.close();
  }
});

test("sums of a transaction that never became durable are not those of another one with its number", async () => {
  const disk = new SimulatedDisk();
  const put = async (database: Database, value: string): Promise<void> => {
    const tx = database.beginWrite();
    tx.createBucketIfAbsent("b").put(bytesOf("key"), bytesOf(value.padEnd(2000)));
    await tx.commit();
  };
  const first = await open(disk);
  await put(first, "first");
  await first.close();
  // Both that come now find the same pages free, and take the same ones.
  const killed = await open(disk);
  let writes = 0;
  disk.onEvent = (event, path) => {
    // Pages, which follow each other, and then the meta.
    if (event === "write" && path === PATH && ++writes > 1) throw new ProcessKilled(0);
  };
  await assert.rejects(put(killed, "never durable"), ProcessKilled);
  const rest = disk.afterKill();
  const other = await open(rest, false);
  await put(other, "of another program");
  await other.close();
  const again = await open(rest);
  assert.equal(again.opening?.checksums, "made");
  assert.match(
    (await readAll(again)).join(),
    new RegExp(Buffer.from("of another").toString("base64").slice(0, 12)),
  );
  await again.close();
});

test("sums are found again when the last page of the file is a run of several", async () => {
  const disk = new SimulatedDisk();
  const database = await open(disk);
  const tx = database.beginWrite();
  tx.createBucketIfAbsent("b").put(bytesOf("key"), new Uint8Array(9000));
  await tx.commit();
  await database.close();
  const again = await open(disk);
  assert.equal(again.opening?.checksums, "stored");
  await again.close();
});

test("a list of free pages that was stored at a stop is used, and loses no page", async () => {
  const random = new SeededRandom(2);
  const disk = await sound(random, true);
  for (let round = 0; round < 5; round++) {
    const database = await open(disk);
    assert.equal(database.opening?.freelist, "stored");
    await write(database, random);
    await write(database, random);
    await database.beginWrite().commit({ storeFreelist: true });
    assert.deepEqual((await database.check()).faults, []);
    await database.close();
  }
});
