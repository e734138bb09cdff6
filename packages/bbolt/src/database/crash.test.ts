import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { DatabaseError } from "../format/errors.ts";
import { applyToDatabase, assertSees, bytesOf } from "../testing/apply.ts";
import { applyToModel, ModelBucket } from "../testing/model.ts";
import { drawOperation } from "../testing/random-operations.ts";
import { SimulatedDisk } from "../testing/simulated-disk.ts";
import { Database, type DatabaseOptions } from "./database.ts";

const PATH = "/data/db";
const pause = (): Promise<void> => Promise.resolve();

/** What a loss of power has left at some moment, and the states that may be in it. */
interface Image {
  readonly disk: SimulatedDisk;
  /** After the last transaction whose commit had resolved. */
  readonly durable: ModelBucket;
  /** After the one on its way, if there was one. */
  readonly next: ModelBucket | undefined;
}

testWithSeed(
  "a loss of power at any moment leaves the state after one transaction, and no old one",
  async (seed) => {
    const random = new SeededRandom(seed);
    let images = 0;
    for (let run = 0; run < searchRuns(4, 200); run++) {
      for (const image of await crashing(random.fork())) {
        await assertWhole(image, random);
        images++;
      }
    }
    assert.ok(images > 20, `${images} images`);
  },
);

/** Runs transactions, and pulls the plug at operations of the disk. */
async function crashing(random: SeededRandom): Promise<Image[]> {
  const images: Image[] = [];
  const disk = new SimulatedDisk();
  // Who opens a database without its sums leaves sums of another state behind, which the next one makes anew.
  const keepsSums = random.chance(0.7);
  const options = (): DatabaseOptions => ({
    disk,
    pageBytes: random.pick([1024, 4096]),
    pause,
    storeFreelist: random.chance(0.5),
    checksums: keepsSums,
  });
  let durable = new ModelBucket();
  let next: ModelBucket | undefined;
  let isMade = false;
  disk.onEvent = () => {
    if (isMade && random.chance(0.15)) images.push({ disk: disk.crashed(random), durable, next });
  };
  let database = await Database.open(PATH, options());
  isMade = true;
  for (let t = 0; t < 40; t++) {
    const tx = database.beginWrite();
    const after = durable.copy();
    const shape = { longestKey: 60, longestValue: 5000, keys: 200, deepest: 2 };
    for (let i = random.pick([1, 10, 60]); i > 0; i--) {
      const operation = drawOperation(random, after, shape);
      assert.equal(applyToDatabase(tx, operation), applyToModel(after, operation));
    }
    next = after;
    await tx.commit();
    durable = after;
    next = undefined;
    if (random.chance(0.1)) {
      if (random.chance(0.5)) await database.beginWrite().commit({ storeFreelist: true });
      await database.close();
      database = await Database.open(PATH, options());
    }
  }
  return images;
}

async function assertWhole({ disk, durable, next }: Image, random: SeededRandom): Promise<void> {
  const database = await Database.open(PATH, { disk, pause, checksums: true });
  assert.deepEqual((await database.check()).faults, []);
  const seen = ((): ModelBucket => {
    using tx = database.beginRead();
    if (next === undefined) return durable;
    try {
      assertSees(tx, next, "the state on its way");
      return next;
    } catch {
      return durable;
    }
  })();
  {
    using tx = database.beginRead();
    assertSees(tx, seen, "the last durable state");
  }
  // And it can be gone on with.
  const tx = database.beginWrite();
  const after = seen.copy();
  for (let i = 0; i < 20; i++) {
    const operation = drawOperation(random, after, {
      longestKey: 60,
      longestValue: 500,
      keys: 200,
      deepest: 2,
    });
    assert.equal(applyToDatabase(tx, operation), applyToModel(after, operation));
  }
  await tx.commit();
  using latest = database.beginRead();
  assertSees(latest, after, "the state after the crash");
  await database.close();
}

testWithSeed(
  "a loss of power while a file is made leaves none, an empty one, or an empty database",
  async (seed) => {
    const random = new SeededRandom(seed);
    const images: SimulatedDisk[] = [];
    for (let run = 0; run < 20; run++) {
      const disk = new SimulatedDisk();
      disk.onEvent = () => images.push(disk.crashed(random));
      await (await Database.open(PATH, { disk, pause })).close();
      images.push(disk.crashed(random));
    }
    for (const disk of images) {
      const database = await Database.open(PATH, { disk, pause });
      using tx = database.beginRead();
      assert.equal(tx.cursor().first(), false);
      await database.close();
    }
  },
);

testWithSeed(
  "with either meta destroyed the database is whole, a transaction older at most",
  async (seed) => {
    const random = new SeededRandom(seed);
    const disk = new SimulatedDisk();
    const database = await Database.open(PATH, { disk, pause });
    const states = [new ModelBucket()];
    for (let t = 0; t < 30; t++) {
      const tx = database.beginWrite();
      const after = states.at(-1)!.copy();
      for (let i = 0; i < 30; i++) {
        const operation = drawOperation(random, after, {
          longestKey: 30,
          longestValue: 900,
          keys: 60,
          deepest: 2,
        });
        applyToDatabase(tx, operation);
        applyToModel(after, operation);
      }
      await tx.commit();
      states.push(after);
      if (t < 2) continue;
      for (const slot of [0, 1]) {
        const bytes = disk.bytesOf(PATH)!;
        bytes.fill(0xee, slot * 4096 + 16, slot * 4096 + 80);
        const other = await Database.open(PATH, { disk: SimulatedDisk.with({ [PATH]: bytes }), pause });
        assert.deepEqual((await other.check()).faults, []);
        using read = other.beginRead();
        const isNewest = slot !== database.txId % 2;
        assertSees(read, states.at(isNewest ? -1 : -2)!, `without meta ${slot}`);
        await other.close();
      }
    }
    await database.close();
  },
);

test("a disk that fails ends all writes, and reads go on with the last durable state", async () => {
  for (const failing of ["write", "sync"] as const) {
    for (let nth = 1; nth <= 2; nth++) {
      const disk = new SimulatedDisk();
      const database = await Database.open(PATH, { disk, pause });
      const first = database.beginWrite();
      first.createBucket("b").put(bytesOf("k"), bytesOf("before"));
      await first.commit();
      let left = nth;
      disk.onEvent = (event) => {
        if (event === failing && --left === 0) throw new Error("the disk is broken");
      };
      const second = database.beginWrite();
      second.bucket("b")!.put(bytesOf("k"), bytesOf("after"));
      await assert.rejects(second.commit(), /the disk is broken/);
      assert.throws(
        () => database.beginWrite(),
        (error) => error instanceof DatabaseError && error.code === "FAILED",
      );
      using tx = database.beginRead();
      assert.deepEqual(Buffer.from(tx.bucket("b")!.get(bytesOf("k"))!).toString(), "before");
      await database.close();
    }
  }
});
