import assert from "node:assert/strict";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { applyToDatabase, assertSees } from "../testing/apply.ts";
import { applyToModel, ModelBucket } from "../testing/model.ts";
import { drawDeletions, drawOperation, type OperationShape } from "../testing/random-operations.ts";
import { SimulatedDisk } from "../testing/simulated-disk.ts";
import { compact } from "./compact.ts";
import { Database, type DatabaseOptions } from "./database.ts";
import type { ReadTransaction } from "./read-transaction.ts";

const PATH = "/data/db";
const TRANSACTIONS = 40;
const pause = (): Promise<void> => Promise.resolve();

for (const pageBytes of [1024, 4096, 65_536]) {
  testWithSeed(`a database of pages of ${pageBytes} bytes holds what a model holds`, async (seed) => {
    const random = new SeededRandom(seed);
    for (let run = 0; run < searchRuns(2, 40); run++) await compareWithModel(random.fork(), pageBytes);
  });
}

async function compareWithModel(random: SeededRandom, pageBytes: number): Promise<void> {
  const shape: OperationShape = {
    longestKey: random.pick([100, 3000, 32_000]),
    longestValue: random.pick([400, 5000, 300_000]),
    keys: random.pick([20, 300, 5000]),
    deepest: random.between(1, 4),
  };
  const disk = new SimulatedDisk();
  const options = (): DatabaseOptions => ({
    disk,
    pageBytes,
    pause,
    storeFreelist: random.chance(0.5),
    cacheBytes: random.pick([0, 20_000, 1 << 20]),
  });
  let database = await Database.open(PATH, options());
  let model = new ModelBucket();
  const readers: [ReadTransaction, ModelBucket][] = [];
  for (let t = 0; t < TRANSACTIONS; t++) {
    const tx = database.beginWrite();
    const next = model.copy();
    const operations = random.pick([1, 5, 40, 400]);
    for (let i = 0; i < operations; i++) {
      const run = random.chance(0.02) ? drawDeletions(random, next, shape) : [];
      for (const operation of [...run, drawOperation(random, next, shape)]) {
        const want = applyToModel(next, operation);
        assert.equal(applyToDatabase(tx, operation), want, `${operation.kind} of transaction ${t}`);
      }
    }
    if (random.chance(0.2)) assertSees(tx, next, `within transaction ${t}`);
    if (random.chance(0.15)) tx.end();
    else {
      await tx.commit();
      model = next;
    }
    if (random.chance(0.3)) readers.push([database.beginRead(), model]);
    if (readers.length > 0 && random.chance(0.3)) {
      const [[reader, seen]] = readers.splice(random.below(readers.length), 1) as [
        [ReadTransaction, ModelBucket],
      ];
      assertSees(reader, seen, "an older state");
      reader.end();
    }
    if (random.chance(0.1)) {
      for (const [reader] of readers.splice(0)) reader.end();
      await database.close();
      database = await Database.open(PATH, options());
    }
    using latest = database.beginRead();
    if (random.chance(0.3) || t === TRANSACTIONS - 1) {
      assertSees(latest, model, `after transaction ${t}`);
      assert.deepEqual((await database.check()).faults, [], `after transaction ${t}`);
    }
  }
  for (const [reader] of readers) reader.end();
  await assertCompacts(database, model, pageBytes);
  await database.close();
}

async function assertCompacts(database: Database, model: ModelBucket, pageBytes: number): Promise<void> {
  const copy = await Database.open(PATH, { disk: new SimulatedDisk(), pageBytes, pause });
  using source = database.beginRead();
  await compact(source, copy, 10_000);
  using tx = copy.beginRead();
  assertSees(tx, model, "the compacted copy");
  assert.deepEqual((await copy.check()).faults, []);
  await copy.close();
}
