import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { SeededRandom } from "@quorate/testkit/random";
import type { Bucket } from "../bucket/bucket.ts";
import { compact } from "../database/compact.ts";
import { Database, type DatabaseOptions } from "../database/database.ts";
import type { ReadTransaction } from "../database/read-transaction.ts";
import { SumsFile } from "../database/sums-file.ts";
import type { Transaction } from "../database/transaction.ts";
import { DatabaseError, DatabaseFileError } from "../format/errors.ts";
import { decodeMeta, META_BYTES, type Meta } from "../format/meta.ts";
import { isPageBytes } from "../format/page.ts";
import { PageSums } from "../pages/page-sums.ts";
import { applyToDatabase, assertSees, bytesOf, textOf } from "./apply.ts";
import { assertAccountsForPages } from "./crash-images.ts";
import { damaged } from "./damage.ts";
import { applyToModel, ModelBucket } from "./model.ts";
import { readPlainly } from "./plain-reader.ts";
import { drawOperation } from "./random-operations.ts";
import { SimulatedDisk } from "./simulated-disk.ts";

const PATH = "/data/db";
const SUMS_PATH = `${PATH}.sums`;
const FILES_OF_A_DATABASE = 50;
/** How deep a walk goes into buckets. Those that contain each other are found by the check, and by who opens to write. */
const DEEPEST = 5;
/** Elements that a walk meets in a small file: more of them, and it goes in circles. */
const MOST_STEPS = 200_000;
/** One in so many is read in mapped memory: of each map the collector thinks that it costs much. */
const MAPPED_EVERY = 100;
const pause = (): Promise<void> => Promise.resolve();

/** What has become of damaged files. */
export interface FuzzCounts {
  files: number;
  /** Something was found to be wrong, by an open, a walk or the check. */
  refused: number;
  /** Nothing was: the damage was where nothing is, or is another right file. */
  sound: number;
  /** Read with faults that change nothing in what is read. */
  readWithFaults: number;
  /** With the checksums of the sound file: all of it was still what it had been. */
  unchangedWithSums: number;
}

/** A sound file, its checksums, and what is in it. */
interface SoundFile {
  readonly bytes: Uint8Array;
  readonly sums: Uint8Array;
  readonly pageBytes: number;
  readonly model: ModelBucket;
  readonly txId: number;
}

/**
 * Damages `files` small databases, and does with each all that can be done: it ends in `DatabaseFileError`, or in what the bytes
 * say, and nothing goes on for ever. `mappedPath` names a file for those that are read in mapped memory.
 */
export async function fuzzFiles(
  random: SeededRandom,
  files: number,
  mappedPath?: string,
): Promise<FuzzCounts> {
  const counts = { files: 0, refused: 0, sound: 0, readWithFaults: 0, unchangedWithSums: 0 };
  while (counts.files < files) {
    const sound = await drawFile(random);
    for (let i = 0; i < FILES_OF_A_DATABASE && counts.files < files; i++) {
      const number = counts.files++;
      const { bytes, how } = damaged(sound.bytes, sound.pageBytes, random);
      try {
        await useFile(bytes, random, counts);
        await useWithSums(bytes, how, sound, random, counts);
        if (mappedPath !== undefined && number % MAPPED_EVERY === 0) await useMapped(bytes, mappedPath);
      } catch (error) {
        const what = `file ${number}, pages of ${sound.pageBytes} bytes, ${how.join(", ")}`;
        throw new Error(`${what}: ${error instanceof Error ? error.stack : String(error)}`, { cause: error });
      }
    }
  }
  return counts;
}

async function drawFile(random: SeededRandom): Promise<SoundFile> {
  const disk = new SimulatedDisk();
  const pageBytes = random.weighted<number>([
    [5, 1024],
    [2, 2048],
    [3, 4096],
    [1, 8192],
    [0.5, 16_384],
    [0.3, 32_768],
    [0.3, 65_536],
  ]);
  const storeFreelist = random.chance(0.5);
  const database = await Database.open(PATH, { disk, pageBytes, pause, storeFreelist, checksums: true });
  const model = new ModelBucket();
  const shape = { longestKey: 400, longestValue: 4 * pageBytes, keys: 100, deepest: 3 };
  for (let t = random.between(1, 6); t > 0; t--) {
    const tx = database.beginWrite();
    for (let i = random.pick([5, 30, 200]); i > 0; i--) {
      const operation = drawOperation(random, model, shape);
      applyToModel(model, operation);
      applyToDatabase(tx, operation);
    }
    await tx.commit();
  }
  const { txId } = database;
  await database.close();
  return { bytes: disk.bytesOf(PATH)!, sums: disk.bytesOf(SUMS_PATH)!, pageBytes, model, txId };
}

async function useFile(bytes: Uint8Array, random: SeededRandom, counts: FuzzCounts): Promise<void> {
  const disk = () => SimulatedDisk.with({ [PATH]: bytes });
  const reading = await openOrRefused({ disk: disk(), readOnly: true, cacheBytes: random.pick([0, 30_000]) });
  if (reading === undefined) {
    counts.refused++;
    assert.equal(await openOrRefused({ disk: disk() }), undefined, "who reads and who writes agree");
    return;
  }
  const { faults } = await reading.check();
  for (const fault of faults) assertNamesPlace(fault);
  const tx = reading.beginRead();
  assertNewest(tx.meta, bytes);
  const wasRead = assertReadsPlainly(tx, bytes, random);
  if (random.chance(0.2)) await assertCompacts(tx, wasRead && faults.length === 0);
  tx.end();
  await reading.close();
  const isSound = faults.length === 0;
  assert.ok(wasRead || !isSound, "what is sound can be read");
  if (isSound) counts.sound++;
  else if (wasRead) counts.readWithFaults++;
  else counts.refused++;
  await writeTo({ disk: disk() }, bytes, random, isSound);
}

/** A compacted copy of what is sound has all of it; of what is not there is one, or an error. */
async function assertCompacts(source: ReadTransaction, isSound: boolean): Promise<void> {
  await using copy = await Database.open(PATH, { disk: new SimulatedDisk(), pause });
  try {
    await compact(source, copy);
  } catch (error) {
    if (isSound || !isRefusal(error)) throw error;
    return;
  }
  await assertAccountsForPages(copy);
  if (isSound) assert.deepEqual(walk(copy.latest, true), walk(source, true), "the compacted copy");
}

/** Whether a transaction could be read, and then what it sees is what the bytes say; backwards and by key, too. */
function assertReadsPlainly(tx: Transaction, bytes: Uint8Array, random: SeededRandom): boolean {
  const forwards = orRefused(() => walk(tx, true));
  const backwards = orRefused(() => walk(tx, false));
  if (forwards !== undefined && backwards !== undefined) {
    const { pageBytes, root, sequence } = tx.meta;
    const plain = readPlainly(bytes, pageBytes, root, sequence, DEEPEST);
    const lines: string[] = [];
    addLines(plain, 0, lines);
    assert.deepEqual(forwards, lines, "what is read is what is there");
    assert.deepEqual(backwards, lines, "what is read backwards is what is there");
  }
  for (let i = 0; i < 5; i++) {
    orRefused(() => {
      const cursor = (tx.bucket(`bucket ${random.below(6)}`) ?? tx.root).cursor();
      const key = random.bytes(random.between(1, 12));
      if (cursor.seek(key)) assert.ok(Buffer.compare(cursor.key, key) >= 0);
    });
  }
  return forwards !== undefined && backwards !== undefined;
}

/** Changes a file at random, and a model of what its bytes say; both then hold the same. */
async function writeTo(
  options: DatabaseOptions,
  bytes: Uint8Array,
  random: SeededRandom,
  isSound: boolean,
): Promise<void> {
  const database = await openOrRefused({ ...options, storeFreelist: random.chance(0.3) });
  if (database === undefined) {
    assert.ok(!isSound, "what is sound can be written to");
    return;
  }
  try {
    const { pageBytes, root, sequence } = database.latest.meta;
    // Who opens to write has looked at all pages, so there are no circles.
    const model = readPlainly(bytes, pageBytes, root, sequence, 1000);
    const shape = { longestKey: 100, longestValue: 2 * pageBytes, keys: 100, deepest: 3 };
    for (let t = 0; t < 2; t++) {
      const tx = database.beginWrite();
      for (let i = random.pick([3, 40]); i > 0; i--) {
        const operation = drawOperation(random, model, shape);
        assert.equal(applyToDatabase(tx, operation), applyToModel(model, operation), operation.kind);
      }
      if (random.chance(0.5)) removeSome(tx.root, model, random);
      await tx.commit();
      using latest = database.beginRead();
      assertSees(latest, model, `after transaction ${t}`);
    }
    if (isSound) {
      await assertAccountsForPages(database);
      if (random.chance(0.2)) await assertSnapshot(database, model);
    }
  } catch (error) {
    if (isSound || !isRefusal(error)) throw error;
  } finally {
    await database.close();
  }
}

/** The state as a file is a sound file, and has it. */
async function assertSnapshot(database: Database, model: ModelBucket): Promise<void> {
  const snapshot = database.beginSnapshot();
  const chunks: Uint8Array[] = [];
  for await (const chunk of snapshot.read(4 * database.pageBytes)) chunks.push(chunk);
  snapshot.release();
  const disk = SimulatedDisk.with({ [PATH]: Buffer.concat(chunks) });
  await using copy = await Database.open(PATH, { disk, pause });
  assertSees(copy.latest, model, "the snapshot");
  await assertAccountsForPages(copy);
}

/** By cursors, which drawn operations do not use, and whatever names a damaged file has. */
function removeSome(bucket: Bucket, model: ModelBucket, random: SeededRandom): void {
  const cursor = bucket.cursor();
  const buckets: Uint8Array[] = [];
  while (cursor.next()) {
    if (cursor.isBucket) buckets.push(cursor.key.slice());
    else if (random.chance(0.3)) {
      model.elements.delete(textOf(cursor.key));
      cursor.delete();
    }
  }
  for (const name of buckets) {
    if (random.chance(0.2)) {
      bucket.deleteBucket(name);
      model.elements.delete(textOf(name));
    } else {
      removeSome(bucket.bucket(name)!, model.elements.get(textOf(name)) as ModelBucket, random);
    }
  }
}

/** With the checksums of the sound file nothing else than what that had can be read; with forged ones nothing goes on for ever. */
async function useWithSums(
  bytes: Uint8Array,
  how: readonly string[],
  { sums, model, txId }: SoundFile,
  random: SeededRandom,
  counts: FuzzCounts,
): Promise<void> {
  const disk = SimulatedDisk.with({ [PATH]: bytes, [SUMS_PATH]: sums });
  const isForged = random.chance(0.3);
  if (isForged && !(await forgeSums(disk, bytes))) return;
  const database = await openOrRefused({ disk, checksums: true });
  if (database === undefined) return;
  try {
    const areOwn = !isForged && database.opening!.checksums === "stored";
    // Who lies in a meta of the newest transaction may make that the older one, and what is read is then what was written before.
    const isNewest = database.txId === txId;
    assert.ok(isNewest || !areOwn || how.some((each) => each.endsWith(" lies")), "the newest state");
    using tx = database.beginRead();
    const lines = orRefused(() => walk(tx, random.chance(0.5)));
    if (lines !== undefined && areOwn && isNewest) {
      const wanted: string[] = [];
      addLines(model, 0, wanted);
      assert.deepEqual(lines, wanted, "what is read with checksums is what was written");
      counts.unchangedWithSums++;
    }
    await database.check();
    if (!isForged) return;
    const write = database.beginWrite();
    orRefused(() => {
      for (let i = 0; i < 6; i++) {
        const name = bytesOf(`bucket ${i}`);
        if (write.bucket(name) === undefined) continue;
        if (random.chance(0.5)) write.deleteBucket(name);
        else write.bucket(name)!.put(bytesOf("key"), random.bytes(30));
      }
    });
    await orRefusedLater(write.commit());
  } catch (error) {
    if (!isRefusal(error)) throw error;
  } finally {
    await database.close();
  }
}

/** As somebody would who knows how they are made; whether there is a meta at all. */
async function forgeSums(disk: SimulatedDisk, bytes: Uint8Array): Promise<boolean> {
  const database = await openOrRefused({ disk, readOnly: true });
  if (database === undefined) return false;
  const { meta } = database.latest;
  await database.close();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const sums = new PageSums(meta.highWater);
  for (let page = 0; page < meta.highWater; page++) {
    const at = page * meta.pageBytes;
    const length = (view.getUint32(at + 12, true) + 1) * meta.pageBytes;
    sums.set(page, bytes, at, Math.min(length, bytes.length - at));
  }
  const file = await disk.open(PATH, "read");
  const forged = await SumsFile.create(disk, SUMS_PATH, file, meta, sums);
  await forged.close();
  return true;
}

/** In mapped memory pages are found in another way, and judged in the same. */
async function useMapped(bytes: Uint8Array, path: string): Promise<void> {
  writeFileSync(path, bytes);
  const results = [true, false].map(async (map) => {
    let database: Database;
    try {
      database = await Database.open(path, { map, readOnly: true, pause });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return (error as Error).message;
    }
    using tx = database.beginRead();
    const lines = orRefused(() => walk(tx, true));
    const faults = (await database.check()).faults.map(({ message }) => message);
    await database.close();
    return { lines, faults };
  });
  const [mapped, cached] = await Promise.all(results);
  assert.deepEqual(mapped, cached, "mapped and cached");
}

async function openOrRefused(options: DatabaseOptions): Promise<Database | undefined> {
  return await orRefusedLater(Database.open(PATH, { pause, ...options }));
}

function orRefused<Result>(use: () => Result): Result | undefined {
  try {
    return use();
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

async function orRefusedLater<Result>(result: Promise<Result>): Promise<Result | undefined> {
  try {
    return await result;
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

function isRefusal(error: unknown): boolean {
  if (error instanceof DatabaseError) return error.code === "BUCKETS_TOO_DEEP";
  if (!(error instanceof DatabaseFileError)) return false;
  assertNamesPlace(error);
  return true;
}

/** File, page, and where that begins. */
function assertNamesPlace({ path, page, offset, message }: DatabaseFileError): void {
  assert.ok(Number.isSafeInteger(page) && page >= 0, message);
  assert.ok(page === 0 ? offset === 0 : isPageBytes(offset / page), message);
  assert.ok(message.includes(path) && message.includes(`page ${page} (offset ${offset}): `), message);
}

/** Of the metas that can be believed, the newest one was taken. */
function assertNewest(meta: Meta, bytes: Uint8Array): void {
  const metas = [0, meta.pageBytes].map((at) => decodeMeta(bytes.subarray(at, at + META_BYTES)));
  for (const other of metas) {
    if (typeof other === "string" || other.pageBytes !== meta.pageBytes) continue;
    assert.ok(other.txId <= meta.txId, `${other.txId} is newer than ${meta.txId}`);
  }
}

/** All that a transaction sees, in the order of the keys, a bucket's before those of the buckets in it. */
function walk(tx: Transaction, isForwards: boolean): string[] {
  const found: string[] = [];
  let left = MOST_STEPS;
  const go = (bucket: Bucket, depth: number): void => {
    const lines: string[] = [];
    const names: Uint8Array[] = [];
    const cursor = bucket.cursor();
    while (isForwards ? cursor.next() : cursor.previous()) {
      assert.ok(left-- > 0, "walks in circles");
      const { key, value } = cursor;
      if (value === undefined) {
        names.push(key.slice());
        const below = bucket.bucket(key);
        assert.ok(below !== undefined, "a bucket that a cursor finds is found by its name");
        lines.push(lineOfBucket(textOf(key), below.sequence));
      } else {
        assert.deepEqual(bucket.get(key), value, "a key that a cursor finds is found by itself");
        lines.push(lineOf(textOf(key), value));
      }
    }
    found.push(...(isForwards ? lines : lines.reverse()));
    if (depth >= DEEPEST) return;
    for (const name of isForwards ? names : names.reverse()) go(bucket.bucket(name)!, depth + 1);
  };
  go(tx.root, 0);
  return found;
}

/** The same of a model. */
function addLines(bucket: ModelBucket, depth: number, lines: string[]): void {
  const elements = [...bucket.elements].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [key, element] of elements) {
    lines.push(element instanceof ModelBucket ? lineOfBucket(key, element.sequence) : lineOf(key, element));
  }
  if (depth >= DEEPEST) return;
  for (const [, element] of elements) if (element instanceof ModelBucket) addLines(element, depth + 1, lines);
}

function lineOf(key: string, value: Uint8Array): string {
  return `${key} = ${textOf(value)}`;
}

function lineOfBucket(name: string, sequence: bigint): string {
  return `${name} at ${sequence}`;
}
