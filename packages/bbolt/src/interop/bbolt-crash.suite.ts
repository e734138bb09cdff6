/**
 * Losses of power: images of a simulated disk at any moment of many histories are opened by us, and some of them by Go's bbolt, which
 * writes to them before we go on.
 * Arguments: `-- --images N --sample N`. Where Go is absent, bbolt's part is skipped.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after } from "node:test";
import { parseArgs } from "node:util";
import { temporaryDir } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { Database } from "../database/database.ts";
import {
  assertAccountsForPages,
  assertRecovers,
  CRASH_PATH,
  CrashHistory,
  type CrashImage,
  seenIn,
} from "../testing/crash-images.ts";
import { applyToModel } from "../testing/model.ts";
import { drawOperation } from "../testing/random-operations.ts";
import { SimulatedDisk } from "../testing/simulated-disk.ts";
import { digestOf } from "./digest.testing.ts";
import { GoTwin } from "./go-twin.testing.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: { images: { type: "string", default: "20000" }, sample: { type: "string", default: "200" } },
});
const IMAGES = Number(values.images);
const SAMPLE = Number(values.sample);
const LIVES = 6;
const SUMS_PATH = `${CRASH_PATH}.sums`;
const SHAPE = { longestKey: 60, longestValue: 2000, keys: 200, deepest: 2 };

const directory = temporaryDir("bbolt-crash");
const twin = GoTwin.start();
after(async () => {
  if (twin instanceof GoTwin) await twin.stop();
});

testWithSeed("every image is the state before or after the transaction on its way", async (seed, t) => {
  const random = new SeededRandom(seed);
  const counts = { images: 0, histories: 0, betweenTwoStates: 0, withoutFile: 0, seenByBbolt: 0 };
  let samplesDue = 0;
  while (counts.images < IMAGES) {
    const history = new CrashHistory(random.fork());
    await history.run(LIVES);
    counts.histories++;
    for (const image of history.images) {
      counts.images++;
      if (image.next !== undefined) counts.betweenTwoStates++;
      const bytes = image.disk.bytesOf(CRASH_PATH);
      const isFile = bytes !== undefined && bytes.length > 0;
      if (!isFile) counts.withoutFile++;
      samplesDue += SAMPLE / IMAGES;
      if (samplesDue >= 1 && isFile && twin instanceof GoTwin) {
        samplesDue -= 1;
        counts.seenByBbolt++;
        await useInBbolt(twin, image, bytes, random).catch((error: Error) =>
          assert.fail(`${image.moment}: ${error.message}`),
        );
      }
      await assertRecovers(image, random);
    }
  }
  t.diagnostic(JSON.stringify(counts));
  if (twin instanceof GoTwin) assert.ok(counts.seenByBbolt >= Math.floor(SAMPLE * 0.9), "a sample for bbolt");
  else t.diagnostic(`without bbolt: ${twin}`);
});

/** bbolt's check is content, it finds what we find, and we go on with what it has written. */
async function useInBbolt(
  bbolt: GoTwin,
  image: CrashImage,
  bytes: Uint8Array,
  random: SeededRandom,
): Promise<void> {
  const file = path.join(directory, "image.db");
  writeFileSync(file, bytes);
  const digest = await bbolt.check(file);
  const database = await Database.open(CRASH_PATH, { disk: image.disk, readOnly: true });
  assert.equal(digestOf(database.latest), digest, "digests");
  const model = seenIn(database, image.durable, image.next).copy();
  await database.close();

  await bbolt.open(file, database.pageBytes, random.chance(0.3), random.chance(0.5));
  for (let t = random.between(1, 2); t > 0; t--) {
    const operations = Array.from({ length: random.pick([0, 1, 20]) }, () => {
      const operation = drawOperation(random, model, SHAPE);
      applyToModel(model, operation);
      return operation;
    });
    await bbolt.transaction(operations, true);
  }
  await bbolt.close();
  const sums = image.disk.bytesOf(SUMS_PATH);
  const disk = SimulatedDisk.with({
    [CRASH_PATH]: readFileSync(file),
    ...(sums === undefined ? {} : { [SUMS_PATH]: sums }),
  });
  const again = await Database.open(CRASH_PATH, { disk, checksums: true });
  assert.equal(again.opening?.checksums, "made", "checksums are of before");
  seenIn(again, model, undefined);
  await assertAccountsForPages(again);
  await again.close();
}
