import assert from "node:assert/strict";
import { test } from "node:test";
import { DatabaseError, type DatabaseFailure } from "../format/errors.ts";
import { bytesOf, textOf } from "../testing/apply.ts";
import { SimulatedDisk } from "../testing/simulated-disk.ts";
import { Database } from "./database.ts";

const PATH = "/data/db";
const pause = (): Promise<void> => Promise.resolve();

const code = (wanted: DatabaseFailure) => (error: unknown) => {
  assert.ok(error instanceof DatabaseError, String(error));
  assert.equal(error.code, wanted);
  return true;
};

async function open(disk = new SimulatedDisk()): Promise<Database> {
  return await Database.open(PATH, { disk, pause });
}

/** With a bucket of so many values, in one transaction. */
async function filled(database: Database, count: number): Promise<void> {
  const tx = database.beginWrite();
  const bucket = tx.createBucketIfAbsent("b");
  for (let i = 0; i < count; i++)
    bucket.put(bytesOf(`key ${String(i).padStart(6, "0")}`), bytesOf(`value ${i}`));
  await tx.commit();
}

test("there is one write transaction until its commit is durable", async () => {
  const database = await open();
  const tx = database.beginWrite();
  assert.throws(() => database.beginWrite(), code("WRITE_IN_PROGRESS"));
  tx.createBucket("b");
  const committed = tx.commit();
  assert.throws(() => database.beginWrite(), code("WRITE_IN_PROGRESS"));
  {
    using before = database.beginRead();
    assert.equal(before.bucket("b"), undefined, "what is not durable is not seen");
  }
  await database.idle();
  await committed;
  {
    using after = database.beginRead();
    assert.ok(after.bucket("b"));
  }
  database.beginWrite().end();
  database.beginWrite().end();
  await database.close();
});

test("calls out of order are refused", async () => {
  const database = await open();
  await filled(database, 3);
  const tx = database.beginWrite();
  const bucket = tx.bucket("b")!;
  const key = bytesOf("k");
  assert.throws(() => tx.root.put(key, key), code("INCOMPATIBLE_VALUE"));
  assert.throws(() => bucket.put(new Uint8Array(0), key), code("KEY_REQUIRED"));
  assert.throws(() => bucket.put(new Uint8Array(32_769), key), code("KEY_TOO_LARGE"));
  assert.throws(() => tx.createBucket(""), code("KEY_REQUIRED"));
  assert.throws(() => tx.createBucket("b"), code("BUCKET_EXISTS"));
  assert.throws(() => tx.deleteBucket("c"), code("BUCKET_NOT_FOUND"));
  bucket.createBucket("inner");
  assert.throws(() => bucket.put(bytesOf("inner"), key), code("INCOMPATIBLE_VALUE"));
  assert.throws(() => bucket.delete(bytesOf("inner")), code("INCOMPATIBLE_VALUE"));
  assert.throws(() => bucket.createBucket("key 000001"), code("INCOMPATIBLE_VALUE"));
  assert.throws(() => bucket.deleteBucket("key 000001"), code("INCOMPATIBLE_VALUE"));
  tx.deleteBucket("b");
  assert.throws(() => bucket.get(key), code("BUCKET_NOT_FOUND"));
  tx.end();
  assert.throws(() => bucket.get(key), code("TRANSACTION_ENDED"));
  assert.throws(() => tx.commit(), code("TRANSACTION_ENDED"));
  const reading = database.beginRead();
  assert.throws(() => reading.bucket("b")!.put(key, key), code("NOT_WRITABLE"));
  const cursor = reading.bucket("b")!.cursor();
  cursor.first();
  await database.close();
  assert.throws(() => cursor.next(), code("CLOSED"));
  assert.throws(() => database.beginRead(), code("CLOSED"));
});

test("buckets lie in each other up to a bound", async () => {
  const database = await open();
  const tx = database.beginWrite();
  let bucket = tx.root;
  for (let level = 0; level < 256; level++) bucket = bucket.createBucket("b");
  assert.throws(() => bucket.createBucket("b"), code("BUCKETS_TOO_DEEP"));
  await tx.commit();
  const { faults, buckets } = await database.check();
  assert.deepEqual(faults, []);
  assert.equal(buckets, 256);
  await database.close();
});

test("a file that is only read is not written, and not made", async () => {
  const disk = new SimulatedDisk();
  await assert.rejects(Database.open(PATH, { disk, readOnly: true }), /no such file/);
  const database = await open(disk);
  await filled(database, 1000);
  await database.close();
  disk.onEvent = (event) => assert.equal(event, "open");
  const reading = await Database.open(PATH, { disk, readOnly: true });
  assert.throws(() => reading.beginWrite(), code("NOT_WRITABLE"));
  using tx = reading.beginRead();
  assert.equal(textOf(tx.bucket("b")!.get(bytesOf("key 000999"))!), "value 999");
  await reading.close();
});

test("a database is made with pages of a size that bbolt has, and an empty file becomes one", async () => {
  for (const pageBytes of [512, 5000, 131_072]) {
    await assert.rejects(Database.open(PATH, { disk: new SimulatedDisk(), pageBytes }), RangeError);
  }
  const empty = SimulatedDisk.with({ [PATH]: new Uint8Array(0) });
  const database = await Database.open(PATH, { disk: empty, pause, pageBytes: 1024 });
  assert.deepEqual([database.pageBytes, database.sizeBytes, database.txId], [1024, 4096, 1]);
  await database.close();
});

test("sequences are kept, that of the root too", async () => {
  const disk = new SimulatedDisk();
  const database = await open(disk);
  const tx = database.beginWrite();
  const bucket = tx.createBucket("b");
  assert.equal(bucket.nextSequence(), 1n);
  bucket.sequence = 2n ** 64n - 1n;
  tx.root.sequence = 7n;
  await tx.commit();
  await database.close();
  const again = await open(disk);
  using reading = again.beginRead();
  assert.deepEqual([reading.root.sequence, reading.bucket("b")!.sequence], [7n, 2n ** 64n - 1n]);
  await again.close();
});

test("a database that is changed again and again does not grow", async () => {
  for (const storeFreelist of [false, true]) {
    const database = await Database.open(PATH, { disk: new SimulatedDisk(), pause, storeFreelist });
    await filled(database, 5000);
    for (let i = 0; i < 4; i++) await filled(database, 5000);
    const size = database.sizeBytes;
    for (let i = 0; i < 30; i++) await filled(database, 5000);
    assert.equal(database.sizeBytes, size);
    assert.deepEqual((await database.check()).faults, []);
    await database.close();
  }
});

test("a value that is put again may be one that was read", async () => {
  const database = await open();
  await filled(database, 60);
  const tx = database.beginWrite();
  const bucket = tx.bucket("b")!;
  bucket.put(bytesOf("key 000000"), new Uint8Array(700).fill(1));
  for (let i = 1; i < 60; i++) {
    const before = bucket.get(bytesOf(`key ${String(i - 1).padStart(6, "0")}`))!;
    bucket.put(bytesOf(`key ${String(i).padStart(6, "0")}`), before.subarray(i % 7));
  }
  await tx.commit();
  using latest = database.beginRead();
  let length = 700;
  for (let i = 0; i < 60; i++) {
    if (i > 0) length -= i % 7;
    const value = latest.bucket("b")!.get(bytesOf(`key ${String(i).padStart(6, "0")}`))!;
    assert.equal(value.length, length);
    assert.ok(value.every((byte) => byte === 1));
  }
  await database.close();
});

test("a cursor goes on from its key, whatever has changed meanwhile", async () => {
  const database = await open();
  await filled(database, 2000);
  const tx = database.beginWrite();
  const bucket = tx.bucket("b")!;
  const cursor = bucket.cursor();
  const seen: string[] = [];
  while (cursor.next()) {
    seen.push(textOf(cursor.key));
    cursor.delete();
    assert.throws(() => cursor.key, code("KEY_REQUIRED"));
    if (seen.length % 3 === 0) bucket.put(bytesOf(`${seen.at(-1)} and more`), bytesOf("x"));
  }
  const [own, added] = [seen.filter((key) => key.length === 10), seen.filter((key) => key.length > 10)];
  assert.equal(own.length, 2000);
  assert.equal(new Set(seen).size, seen.length);
  assert.ok(added.length > 600);
  assert.equal(bucket.cursor().first(), false);
  await tx.commit();
  assert.deepEqual((await database.check()).faults, []);
  await database.close();
});

test("a branch refers to each page by its first key, as bbolt wants it", async () => {
  const database = await open();
  await filled(database, 3000);
  // The first keys of leaves go, and shorter and longer ones become the first.
  const tx = database.beginWrite();
  const bucket = tx.bucket("b")!;
  for (let i = 0; i < 3000; i += 2) bucket.delete(bytesOf(`key ${String(i).padStart(6, "0")}`));
  for (let i = 0; i < 200; i++)
    bucket.put(bytesOf(`key ${String(i * 15).padStart(6, "0")}${"long".repeat(i)}`), bytesOf("v"));
  bucket.put(bytesOf("a"), bytesOf("the first"));
  await tx.commit();
  assert.deepEqual((await database.check()).faults, []);
  await database.close();
});

test("pages follow each other in few writes when records are appended", async () => {
  const disk = new SimulatedDisk();
  const database = await open(disk);
  let writes = 0;
  disk.onEvent = (event) => {
    if (event === "write") writes++;
  };
  await filled(database, 20_000);
  // The page that was free from the beginning, all others, and the meta.
  assert.equal(writes, 3);
  await database.close();
});
