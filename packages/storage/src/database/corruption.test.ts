import { strict as assert } from "node:assert";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { DatabaseFileError } from "@quorate/bbolt";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { applyEntry, EntryModel } from "../backend/entry-model.testing.ts";
import type { BboltBackend } from "./bbolt-backend.ts";
import { openTested as open } from "./tested-backend.testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-corrupt-"));
after(() => rmSync(root, { recursive: true, force: true }));
const FLIPS = searchRuns(40, 120);
const ENTRIES = 1200;
/** The files that make up a database: its own, and what is believed of it. */
const PARTS: readonly string[] = ["db", "db.sums"];

function write(backend: BboltBackend, from: number, to: number): void {
  for (let index = from; index <= to; index++) {
    backend.setConsistentIndex(index, 1);
    applyEntry(index, backend);
    backend.entryApplied();
  }
}

/** A database with branch pages, overflow pages and free pages. */
async function sound(): Promise<ReadonlyMap<string, Buffer>> {
  const file = path.join(root, "sound", "db");
  rmSync(path.dirname(file), { recursive: true, force: true });
  const backend = await open(file);
  for (let index = 1; index <= ENTRIES; index += 100) {
    write(backend, index, index + 99);
    backend.commit();
    await backend.flushed();
  }
  await backend.close();
  return new Map(PARTS.map((name) => [name, readFileSync(path.join(path.dirname(file), name))]));
}

/** Writes all parts, one of them damaged; returns where the database is. */
function writeDamaged(
  directory: string,
  image: ReadonlyMap<string, Buffer>,
  part: string,
  damaged: Buffer,
): string {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  for (const [name, bytes] of image)
    writeFileSync(path.join(directory, name), name === part ? damaged : bytes);
  return path.join(directory, "db");
}

/** Opens the file, reads everything, writes on; how it went. */
async function use(file: string, model: EntryModel): Promise<"reported" | "harmless"> {
  let backend: BboltBackend | undefined;
  try {
    backend = await open(file);
    assert.equal(backend.consistentIndex, model.index);
    model.check(backend);
    for (let at = 0; at < model.state.mains.length; at += 7) {
      const main = model.state.mains[at]!;
      const sub = model.state.subs[at]!;
      const found: Uint8Array | undefined = model.state.tombstones[at]
        ? backend.getTombstone(main, sub)
        : backend.getRevision(main, sub);
      assert.equal(Buffer.compare(found!, model.state.records[at]!), 0);
    }
    write(backend, model.index + 1, model.index + 20);
    backend.commit();
    await backend.flushed();
    const later = new EntryModel();
    later.advance(model.index + 20);
    later.check(backend);
    return "harmless";
  } catch (error) {
    if (!(error instanceof DatabaseFileError)) throw error;
    assert.equal(error.path, file);
    assert.ok(error.offset >= 0 && error.message.includes(file) && error.message.includes(`${error.offset}`));
    return "reported";
  } finally {
    await backend?.close();
  }
}

testWithSeed("flipped bits are reported with file and offset, or change nothing", async (seed) => {
  const image = await sound();
  const model = new EntryModel();
  model.advance(ENTRIES);
  const random = new SeededRandom(seed);
  const outcomes = { reported: 0, harmless: 0 };
  const directory = path.join(root, "flipped");
  for (let i = 0; i < FLIPS; i++) {
    const part = PARTS[i % 8 === 7 ? PARTS.length - 1 : 0]!;
    const damaged = Buffer.from(image.get(part)!);
    // Every third one in the first bytes of a page, where the structure is.
    const page = random.below(Math.max(1, damaged.length / 4096)) * 4096;
    const at = Math.min(damaged.length - 1, page + random.below(i % 3 === 0 ? 64 : 4096));
    damaged[at]! ^= 1 << random.below(8);
    const file = writeDamaged(directory, image, part, damaged);
    try {
      outcomes[await use(file, model)]++;
    } catch (error) {
      throw new Error(`bit flipped at ${at} of ${part}`, { cause: error });
    }
  }
  assert.ok(outcomes.reported > FLIPS / 4, JSON.stringify(outcomes));
});

testWithSeed("a file cut short or overwritten with zeros or noise is reported", async (seed) => {
  const image = await sound();
  const model = new EntryModel();
  model.advance(ENTRIES);
  const random = new SeededRandom(seed);
  const outcomes = { reported: 0, harmless: 0 };
  const directory = path.join(root, "mangled");
  for (let i = 0; i < 40; i++) {
    const part = PARTS[i % 8 === 7 ? PARTS.length - 1 : 0]!;
    let damaged = Buffer.from(image.get(part)!);
    const at = random.below(damaged.length / 512) * 512;
    if (i % 4 === 0) damaged = damaged.subarray(0, at);
    else
      for (let j = at; j < Math.min(at + 512, damaged.length); j++)
        damaged[j] = i % 4 === 1 ? 0 : random.below(256);
    if (damaged.length === 0) continue;
    const file = writeDamaged(directory, image, part, damaged);
    outcomes[await use(file, model)]++;
  }
  assert.ok(outcomes.reported > 10, JSON.stringify(outcomes));
});
