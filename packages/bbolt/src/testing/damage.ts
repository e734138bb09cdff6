import assert from "node:assert/strict";
import type { SeededRandom } from "@quorate/testkit/random";
import type { Bucket } from "../bucket/bucket.ts";
import { Database } from "../database/database.ts";
import type { Transaction } from "../database/transaction.ts";
import { DatabaseError, DatabaseFileError } from "../format/errors.ts";
import { decodeMeta, encodeMeta, META_BYTES } from "../format/meta.ts";
import { applyToDatabase, bytesOf } from "./apply.ts";
import { applyToModel, ModelBucket } from "./model.ts";
import { drawOperation } from "./random-operations.ts";
import { SimulatedDisk } from "./simulated-disk.ts";

const PATH = "/data/db";
const FILES_OF_A_DATABASE = 50;
/** Steps of a walk over a small file: more of them, and it would be walking in circles. */
const MOST_STEPS = 1_000_000;
/** How deep a walk goes into buckets. Those that contain each other are found by the check, and by who opens to write. */
const SOUND_DEPTH = 50;
const DAMAGED_DEPTH = 4;
const pause = (): Promise<void> => Promise.resolve();

/**
 * Damages `files` small databases, and does with each all that can be done: whatever is wrong ends in `DatabaseFileError`, and
 * nothing goes on for ever. Where a file passes the check, all ways of reading it agree, and it can be written to.
 */
export async function damageFiles(random: SeededRandom, files: number): Promise<{ refused: number }> {
  let refused = 0;
  for (let done = 0; done < files; done += FILES_OF_A_DATABASE) {
    const sound = await drawFile(random);
    for (let i = done; i < Math.min(files, done + FILES_OF_A_DATABASE); i++) {
      const bytes = damaged(random, sound.bytes, sound.pageBytes);
      if (await useFile(bytes, random)) refused++;
    }
  }
  return { refused };
}

async function drawFile(random: SeededRandom): Promise<{ bytes: Uint8Array; pageBytes: number }> {
  const disk = new SimulatedDisk();
  const pageBytes = random.pick([1024, 1024, 4096]);
  const database = await Database.open(PATH, { disk, pageBytes, pause, storeFreelist: random.chance(0.5) });
  const model = new ModelBucket();
  const shape = { longestKey: 400, longestValue: 4000, keys: 100, deepest: 3 };
  for (let t = random.between(1, 6); t > 0; t--) {
    const tx = database.beginWrite();
    for (let i = random.pick([5, 30, 200]); i > 0; i--) {
      const operation = drawOperation(random, model, shape);
      applyToModel(model, operation);
      applyToDatabase(tx, operation);
    }
    await tx.commit();
  }
  await database.close();
  return { bytes: disk.bytesOf(PATH)!, pageBytes };
}

/** A copy with one to three damages of different kinds. */
function damaged(random: SeededRandom, sound: Uint8Array, pageBytes: number): Uint8Array {
  let bytes = sound.slice();
  for (let i = random.between(1, 3); i > 0; i--) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const pages = Math.floor(bytes.length / pageBytes);
    const randomPage = () => random.below(pages) * pageBytes;
    const at = randomPage();
    switch (random.below(8)) {
      case 0: // A bit anywhere.
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
        break;
      case 1: // Numbers in a page's header.
        if (at + 16 <= bytes.length)
          view.setUint16(at + random.pick([8, 10, 12, 14]), oddNumber(random), true);
        break;
      case 2: {
        // Numbers in an element: lengths, positions, flags, children.
        const element = at + 16 + random.below(8) * 16 + random.below(4) * 4;
        if (element + 4 <= bytes.length) view.setUint32(element, oddNumber(random), true);
        break;
      }
      case 3: // A page number that leads to another page: circles, pages in use twice.
        view.setUint32(at + 16 + random.below(8) * 16 + 8, random.below(pages + 1), true);
        break;
      case 4: {
        // One page over another, perhaps with the right number.
        const other = randomPage();
        bytes.copyWithin(at, other, other + pageBytes);
        if (random.chance(0.7)) view.setUint32(at, at / pageBytes, true);
        break;
      }
      case 5: // Cut short.
        if (random.chance(0.3)) bytes = bytes.slice(0, random.below(bytes.length));
        break;
      case 6: // A piece of noise.
        bytes.set(random.bytes(random.between(1, 40)), Math.max(0, random.below(bytes.length) - 40));
        break;
      case 7:
        lieInMeta(random, bytes, pageBytes);
        break;
    }
    if (bytes.length < 4 * pageBytes) break;
  }
  return bytes;
}

/** A meta whose checksum is right, and what it says is not; the other one may be gone. */
function lieInMeta(random: SeededRandom, bytes: Uint8Array, pageBytes: number): void {
  for (const slot of [0, 1]) {
    const meta = decodeMeta(bytes.subarray(slot * pageBytes, slot * pageBytes + META_BYTES));
    if (typeof meta === "string") continue;
    const lie = random.pick([
      { root: random.below(meta.highWater + 2) },
      { highWater: random.pick([3, meta.highWater - 1, meta.highWater + 1, 2 ** 40]) },
      { freelist: random.below(meta.highWater + 2) },
      { freelist: undefined },
      { pageBytes: random.pick([512, 1024, 2048, 4096, 131_072, 3000]) },
      { txId: random.pick([0, 2 ** 52]) },
    ]);
    const encoded = encodeMeta({ ...meta, ...lie });
    // Its slot follows from the transaction, but here it stays.
    bytes.set(encoded.subarray(16), slot * pageBytes + 16);
    if (random.chance(0.3)) bytes.fill(0, (1 - slot) * pageBytes, (1 - slot) * pageBytes + META_BYTES);
  }
}

function oddNumber(random: SeededRandom): number {
  return random.pick([0, 1, 2, 16, 255, 4095, 65_535, 2 ** 31, 2 ** 32 - 1, random.below(200)]);
}

/** Whether something was found to be wrong. Throws when it is handled otherwise than it should be. */
async function useFile(bytes: Uint8Array, random: SeededRandom): Promise<boolean> {
  const disk = () => SimulatedDisk.with({ [PATH]: bytes });
  let isSound: boolean;
  try {
    const reading = await Database.open(PATH, { disk: disk(), pause, readOnly: true, cacheBytes: 30_000 });
    isSound = (await reading.check()).faults.length === 0;
    using tx = reading.beginRead();
    const deepest = isSound ? SOUND_DEPTH : DAMAGED_DEPTH;
    const forwards = orRefused(() => walk(tx, deepest, true));
    const backwards = orRefused(() => walk(tx, deepest, false));
    if (isSound) assert.deepEqual(backwards, forwards, "both ways lead to the same");
    if (isSound) assert.notEqual(forwards, undefined, "what is sound can be read");
    await reading.close();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    isSound = false;
  }
  try {
    await using writing = await Database.open(PATH, { disk: disk(), pause });
    const tx = writing.beginWrite();
    orRefused(() => change(tx.root, random, { left: 300 }));
    if (!isSound) orRefused(() => walk(tx, DAMAGED_DEPTH, true));
    try {
      await tx.commit();
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
    if (isSound) assert.deepEqual((await writing.check()).faults, []);
  } catch (error) {
    if (!isRefusal(error) || isSound) throw error;
  }
  return !isSound;
}

function isRefusal(error: unknown): boolean {
  return error instanceof DatabaseFileError;
}

function orRefused<Result>(use: () => Result): Result | undefined {
  try {
    return use();
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

/** All that a transaction sees, in the order of the keys. */
function walk(tx: Transaction, deepest: number, isForwards: boolean): string[] {
  const found: string[] = [];
  const budget = { left: MOST_STEPS };
  const go = (bucket: Bucket, depth: number): void => {
    const cursor = bucket.cursor();
    const keys: string[] = [];
    while (isForwards ? cursor.next() : cursor.previous()) {
      assert.ok(budget.left-- > 0, "walks in circles");
      const { key, value } = cursor;
      keys.push(`${Buffer.from(key).toString("latin1")} ${value?.length ?? "bucket"}`);
      if (value === undefined) {
        const below = bucket.bucket(key.slice());
        assert.ok(below !== undefined);
      } else if (value !== undefined) assert.equal(bucket.get(key.slice())?.length, value.length);
    }
    if (!isForwards) keys.reverse();
    found.push(...keys);
    for (const each of keys) {
      if (!each.endsWith(" bucket") || depth === deepest) continue;
      go(bucket.bucket(bytesOf(each.slice(0, -" bucket".length)))!, depth + 1);
    }
  };
  go(tx.root, 0);
  return found;
}

/** Puts, deletes and removes buckets, anywhere. */
function change(bucket: Bucket, random: SeededRandom, budget: { left: number }, depth = 0): void {
  const cursor = bucket.cursor();
  const names: Uint8Array[] = [];
  while (cursor.next() && budget.left-- > 0) {
    if (cursor.isBucket) names.push(cursor.key.slice());
    else if (random.chance(0.3)) cursor.delete();
    else if (random.chance(0.2)) bucket.put(cursor.key.slice(), random.bytes(random.pick([3, 50, 3000])));
  }
  for (const name of names) {
    try {
      if (random.chance(0.2)) bucket.deleteBucket(name);
      else if (depth < SOUND_DEPTH) change(bucket.bucket(name)!, random, budget, depth + 1);
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      assert.equal(error.code, "BUCKETS_TOO_DEEP");
    }
  }
}
