import { strict as assert } from "node:assert";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { temporaryDir } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { realClock } from "../seams/real-clock.ts";
import { applyEntry, EntryModel } from "./entry-model.testing.ts";
import { writeUntilKilled } from "./killed-writer.testing.ts";
import { LmdbBackend } from "./lmdb-backend.ts";
import { FLUSHED_META_OFFSET, newestMeta, PAGE_BYTES } from "./lmdb-format.ts";
import { openTested } from "./tested-backend.testing.ts";

// One life each; the suite backend-crash kills many more, and at every failpoint.
const root = temporaryDir("crash");

testWithSeed(
  "a killed process leaves the state after some entry, and loses nothing durable",
  async (seed) => {
    const file = path.join(root, "killed", "db");
    const durable = await writeUntilKilled(file, seed, "durable");
    const backend = await openTested(file);
    assert.ok(durable > 0);
    assert.ok(
      backend.consistentIndex >= durable,
      `index ${backend.consistentIndex} after durable ${durable}`,
    );
    const model = new EntryModel();
    model.advance(backend.consistentIndex);
    model.check(backend);
    await backend.close();
  },
);

const newestTxnId = (bytes: Buffer): number =>
  newestMeta(new DataView(bytes.buffer, bytes.byteOffset, bytes.length)).txnId;

const open = (file: string): Promise<LmdbBackend> =>
  LmdbBackend.open({
    path: file,
    clock: realClock,
    onFatal: (error) => {
      throw error;
    },
  });

// Of the other one the package bbolt tests it.
testWithSeed("a machine crash that tears unflushed writes leaves the last flushed state", async (seed) => {
  const directory = path.join(root, "torn");
  const file = path.join(directory, "db");
  const random = new SeededRandom(seed);
  const model = new EntryModel();
  const backend = await open(file);
  let index = 0;
  let torn = 0;
  for (let round = 0; round < 100 && torn < 8; round++) {
    const flushed = readFileSync(file);
    const flushedIndex = backend.consistentIndex;
    for (let i = 1 + random.below(600); i > 0; i--) {
      index++;
      backend.setConsistentIndex(index, 1);
      applyEntry(index, backend);
      backend.entryApplied();
    }
    backend.commit();
    await backend.flushed();
    const written = readFileSync(file);
    // A second transaction begins after the flush of the first.
    if (newestTxnId(written) !== newestTxnId(flushed) + 1) continue;
    torn++;
    const crashed = path.join(directory, `crash${torn}`);
    mkdirSync(crashed);
    writeFileSync(path.join(crashed, "db"), tear(flushed, written, random));
    const after = await open(path.join(crashed, "db"));
    assert.equal(after.consistentIndex, flushedIndex);
    model.advance(flushedIndex);
    model.check(after);
    await after.close();
  }
  await backend.close();
  assert.equal(torn, 8, "rounds with one transaction");
});

/**
 * A file of which every sector that differs is the old one or the new one. The meta that says what was flushed is the
 * old one: it is written when the flush is over.
 */
function tear(flushed: Buffer, written: Buffer, random: SeededRandom): Buffer {
  const image = Buffer.from(written);
  for (let at = 0; at < image.length; at += 512) {
    const isFlushedMeta = at >= FLUSHED_META_OFFSET && at < PAGE_BYTES;
    if (!isFlushedMeta && random.below(2) === 0) continue;
    const end = Math.min(at + 512, image.length);
    image.fill(0, at, end);
    if (at < flushed.length) flushed.copy(image, at, at, end);
  }
  return image;
}
