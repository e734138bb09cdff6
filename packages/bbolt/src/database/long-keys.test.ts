import assert from "node:assert/strict";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { bytesOf } from "../testing/apply.ts";
import { SimulatedDisk } from "../testing/simulated-disk.ts";
import { Database } from "./database.ts";

const PATH = "/data/db";
const pause = (): Promise<void> => Promise.resolve();

testWithSeed(
  "branches whose keys are longer than a page keep two children, whatever is removed",
  async (seed) => {
    const random = new SeededRandom(seed);
    for (let run = searchRuns(10, 200); run > 0; run--) {
      const disk = new SimulatedDisk();
      await using database = await Database.open(PATH, { disk, pageBytes: 1024, pause });
      const keys = new Set<string>();
      {
        const tx = database.beginWrite();
        tx.root.createBucket(bytesOf("b"));
        await tx.commit();
      }
      for (let t = 0; t < 8; t++) {
        const tx = database.beginWrite();
        const bucket = tx.root.bucket(bytesOf("b"))!;
        for (let i = random.pick([3, 20, 60]); i > 0; i--) {
          const known = [...keys];
          if (known.length > 0 && random.chance(t < 4 ? 0.3 : 0.7)) {
            const key = random.pick(known);
            keys.delete(key);
            assert.ok(bucket.delete(bytesOf(key)));
          } else {
            const length = random.pick([3, 40, 300, 3000]);
            const key = `${random.below(1000)}`.padStart(3, "0") + "k".repeat(length);
            keys.add(key);
            bucket.put(bytesOf(key), bytesOf("v"));
          }
        }
        await tx.commit();
        assert.deepEqual((await database.check()).faults, []);
        using read = database.beginRead();
        const cursor = read.root.bucket(bytesOf("b"))!.cursor();
        const found: string[] = [];
        while (cursor.next()) found.push(Buffer.from(cursor.key).toString("latin1"));
        assert.deepEqual(found, [...keys].sort());
      }
    }
  },
);
