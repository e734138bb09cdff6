import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { DatabaseFileError } from "../format/errors.ts";
import { bytesOf } from "../testing/apply.ts";
import { fuzzFiles } from "../testing/fuzz-files.ts";
import { SimulatedDisk } from "../testing/simulated-disk.ts";
import { Database } from "./database.ts";

const PATH = "/data/db";

testWithSeed("a damaged file is told as such, or read as its bytes say", async (seed) => {
  await fuzzFiles(new SeededRandom(seed), searchRuns(200, 5000));
});

test("a transaction that has met a damaged page is not committed, and the next one may be", async () => {
  const disk = new SimulatedDisk();
  const pause = (): Promise<void> => Promise.resolve();
  const database = await Database.open(PATH, { disk, pause, cacheBytes: 0 });
  const key = (i: number) => bytesOf(String(i).padStart(4, "0"));
  const filling = database.beginWrite();
  const filled = filling.createBucket("b");
  for (let i = 0; i < 1000; i++) filled.put(key(i), new Uint8Array(100));
  await filling.commit();
  // Somebody writes over the page of the last key, which nobody has in memory.
  const page = (() => {
    using tx = database.beginRead();
    const cursor = tx.bucket("b")!.cursor();
    cursor.last();
    return cursor.page;
  })();
  const file = await disk.open(PATH, "write");
  await file.write([new Uint8Array(32).fill(0xee)], page * database.pageBytes);

  const tx = database.beginWrite();
  tx.bucket("b")!.put(key(0), bytesOf("changed"));
  const isOfPage = (error: unknown) => error instanceof DatabaseFileError && error.page === page;
  assert.throws(() => tx.bucket("b")!.put(key(999), bytesOf("changed")), isOfPage);
  assert.throws(() => tx.commit(), isOfPage);
  const next = database.beginWrite();
  assert.equal(next.bucket("b")!.get(key(0))!.length, 100, "nothing of it has happened");
  next.bucket("b")!.put(key(1), bytesOf("changed"));
  await next.commit();
  assert.equal(Buffer.from(database.latest.bucket("b")!.get(key(1))!).toString(), "changed");
  await database.close();
});
