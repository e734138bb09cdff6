import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { DatabaseError } from "../format/errors.ts";
import { applyToDatabase, assertSees, bytesOf } from "../testing/apply.ts";
import { assertRecovers, CrashHistory } from "../testing/crash-images.ts";
import { applyToModel, ModelBucket } from "../testing/model.ts";
import { drawOperation } from "../testing/random-operations.ts";
import { ProcessKilled, SimulatedDisk } from "../testing/simulated-disk.ts";
import { Database } from "./database.ts";

const PATH = "/data/db";
const pause = (): Promise<void> => Promise.resolve();

testWithSeed(
  "a loss of power at any moment of several lives leaves the state after one transaction, and no old one",
  async (seed) => {
    const random = new SeededRandom(seed);
    const wanted = searchRuns(250, 5000);
    for (let images = 0; images < wanted; ) {
      const history = new CrashHistory(random.fork());
      await history.run(6);
      for (const image of history.images) await assertRecovers(image, random);
      images += history.images.length;
    }
  },
);

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

test("what a killed process had not synced is durable before anything is written over the state before", async () => {
  const disk = new SimulatedDisk();
  const first = await Database.open(PATH, { disk, pause });
  await putOne(first, "before");
  let syncs = 0;
  disk.onEvent = (event) => {
    // The pages' sync passes; that of the meta, which is written by then, does not.
    if (event === "sync" && ++syncs > 1) throw new ProcessKilled(0);
  };
  await assert.rejects(putOne(first, "killed"), ProcessKilled);
  const second = disk.afterKill();
  const database = await Database.open(PATH, { disk: second, pause });
  assert.equal(readOne(database), "killed");
  const left = second.crashed({ chance: () => false });
  const image = await Database.open(PATH, { disk: left, pause });
  assert.equal(readOne(image), "killed");
  await image.close();
  await database.close();
});

async function putOne(database: Database, value: string): Promise<void> {
  const tx = database.beginWrite();
  tx.createBucketIfAbsent("b").put(bytesOf("k"), bytesOf(value));
  await tx.commit();
}

function readOne(database: Database): string {
  using tx = database.beginRead();
  return Buffer.from(tx.bucket("b")!.get(bytesOf("k"))!).toString();
}

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
