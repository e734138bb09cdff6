import assert from "node:assert/strict";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { SimulatedDisk } from "../testing/simulated-disk.ts";
import { Database } from "./database.ts";

const PATH = "/data/db";
const NAME = Buffer.from("b");
const COUNT = 420;
const pause = (): Promise<void> => Promise.resolve();
const keyOf = (i: number): Uint8Array => Buffer.from(String(i).padStart(8, "0"));

/** Without pages that are free, or will be when nobody reads them any more. */
const usedBytes = ({ sizeBytes, freeBytes, pendingBytes }: Database): number =>
  sizeBytes - freeBytes - pendingBytes;

/** Puts of the same length, in the order of keys; the pages of the file that they need. */
async function filled(database: Database, bytes: number, inTransaction: number): Promise<number> {
  const before = usedBytes(database);
  for (let i = 0; i < COUNT; i += inTransaction) {
    const tx = database.beginWrite();
    const bucket = tx.root.createBucketIfAbsent(NAME);
    for (let j = i; j < i + inTransaction; j++) bucket.put(keyOf(j), new Uint8Array(bytes).fill(j));
    await tx.commit();
  }
  return usedBytes(database) - before;
}

for (const [bytes, inTransaction, most] of [
  [4_096, COUNT, 1.25],
  [4_096, 1, 1.5],
  [2_100, COUNT, 1.25],
  [2_100, 1, 1.5],
  [1_100, COUNT, 1.25],
  [1_100, 1, 1.5],
] as const) {
  testWithSeed(
    `values of ${bytes} bytes, ${inTransaction} in a transaction, take at most ${most} times their length`,
    async (seed) => {
      const random = new SeededRandom(seed);
      const disk = new SimulatedDisk();
      await using database = await Database.open(PATH, { disk, pageBytes: 4096, pause });
      const used = await filled(database, bytes, inTransaction);
      assert.ok(used <= most * bytes * COUNT, `${(used / (bytes * COUNT)).toFixed(2)} times`);
      assert.deepEqual((await database.check()).faults, []);

      // They go in order, as by a compaction, or anywhere, or change their length.
      const left = new Map<number, number>(Array.from({ length: COUNT }, (_, i) => [i, bytes]));
      for (let round = 0; round < searchRuns(2, 20); round++) {
        const tx = database.beginWrite();
        const bucket = tx.root.bucket(NAME)!;
        const from = random.below(COUNT);
        for (let i = from; i < Math.min(COUNT, from + 40); i++) {
          assert.equal(bucket.delete(keyOf(i)), left.delete(i));
        }
        for (let n = random.below(30); n > 0; n--) {
          const i = random.below(COUNT);
          const length = random.pick([0, 100, bytes, 3 * bytes]);
          bucket.put(keyOf(i), new Uint8Array(length).fill(i));
          left.set(i, length);
        }
        await tx.commit();
        assert.deepEqual((await database.check()).faults, []);
        using read = database.beginRead();
        const cursor = read.root.bucket(NAME)!.cursor();
        const found: [number, number][] = [];
        while (cursor.next()) {
          assert.ok(cursor.value!.every((byte) => byte === Number(Buffer.from(cursor.key).toString()) % 256));
          found.push([Number(Buffer.from(cursor.key).toString()), cursor.value!.length]);
        }
        assert.deepEqual(
          found,
          [...left].sort(([a], [b]) => a - b),
        );
      }
    },
  );
}
