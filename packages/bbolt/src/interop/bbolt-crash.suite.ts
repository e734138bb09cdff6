/**
 * Losses of power: images of a simulated disk at any moment of many histories are opened by us, and some of them by Go's bbolt.
 * Arguments: `-- --images N --sample N`. Where Go is absent, bbolt's part is skipped.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after } from "node:test";
import { parseArgs } from "node:util";
import { temporaryDir } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { Database } from "../database/database.ts";
import { assertRecovers, CRASH_PATH, CrashHistory, type CrashImage } from "../testing/crash-images.ts";
import { digestOf } from "./digest.testing.ts";
import { GoTwin } from "./go-twin.testing.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: { images: { type: "string", default: "20000" }, sample: { type: "string", default: "200" } },
});
const IMAGES = Number(values.images);
const SAMPLE = Number(values.sample);
const LIVES = 6;

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
        await assertBboltAccepts(twin, image, bytes);
      }
      await assertRecovers(image, random);
    }
  }
  t.diagnostic(JSON.stringify(counts));
  if (twin instanceof GoTwin) assert.ok(counts.seenByBbolt >= Math.floor(SAMPLE * 0.9), "a sample for bbolt");
  else t.diagnostic(`without bbolt: ${twin}`);
});

/** bbolt's check is content, and it finds what we find. */
async function assertBboltAccepts(
  bbolt: GoTwin,
  { disk, moment }: CrashImage,
  bytes: Uint8Array,
): Promise<void> {
  const file = path.join(directory, "image.db");
  writeFileSync(file, bytes);
  const digest = await bbolt.check(file).catch((error: Error) => assert.fail(`${moment}: ${error.message}`));
  await using database = await Database.open(CRASH_PATH, { disk, readOnly: true });
  using tx = database.beginRead();
  assert.equal(digestOf(tx), digest, `${moment}: digests`);
}
