import { strict as assert } from "node:assert";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { temporaryDir } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { applyEntry, EntryModel } from "../backend/entry-model.testing.ts";
import { writeUntilKilled } from "./killed-writer.testing.ts";
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

testWithSeed("a machine crash that tears unsynced writes leaves the state before them", async (seed) => {
  const directory = path.join(root, "torn");
  const file = path.join(directory, "db");
  const random = new SeededRandom(seed);
  const model = new EntryModel();
  // Nothing is committed before it is asked for, so that each round is one transaction.
  const backend = await openTested(file, {
    batchLimit: 1e9,
    batchIntervalMs: 1e9,
    batchBytes: 1e9,
  });
  let index = 0;
  for (let round = 1; round <= 8; round++) {
    const before = read(directory);
    const durableIndex = index;
    for (let i = 1 + random.below(600); i > 0; i--) {
      index++;
      backend.setConsistentIndex(index, 1);
      applyEntry(index, backend);
      backend.entryApplied();
    }
    backend.commit();
    await backend.flushed();
    const after = read(directory);
    const crashed = path.join(directory, `crash${round}`);
    mkdirSync(crashed);
    for (const name of PARTS) {
      // The meta is written when everything else is durable.
      const meta = name === "db" ? META_PAGES_BYTES : 0;
      writeFileSync(path.join(crashed, name), tear(before[name]!, after[name]!, meta, random));
    }
    const left = await openTested(path.join(crashed, "db"));
    assert.equal(left.consistentIndex, durableIndex);
    model.advance(durableIndex);
    model.check(left);
    await left.close();
  }
  await backend.close();
});

const PARTS = ["db", "db.sums"] as const;
const META_PAGES_BYTES = 2 * 4096;
const SECTOR_BYTES = 512;

function read(directory: string): Record<string, Buffer> {
  return Object.fromEntries(PARTS.map((name) => [name, readFileSync(path.join(directory, name))]));
}

/** A file of which every sector that differs is the old one or the new one; the first `kept` bytes are the old ones. */
function tear(before: Buffer, after: Buffer, kept: number, random: SeededRandom): Buffer {
  const image = Buffer.from(after);
  for (let at = 0; at < image.length; at += SECTOR_BYTES) {
    if (at >= kept && random.below(2) === 0) continue;
    const end = Math.min(at + SECTOR_BYTES, image.length);
    image.fill(0, at, end);
    if (at < before.length) before.copy(image, at, at, end);
  }
  return image;
}
