import assert from "node:assert/strict";
import { test } from "node:test";
import { DatabaseError, DatabaseFileError } from "../format/errors.ts";
import { bytesOf } from "../testing/apply.ts";
import { SimulatedDisk } from "../testing/simulated-disk.ts";
import { Database } from "./database.ts";
import type { Snapshot } from "./snapshot.ts";

const PATH = "/data/db";
const pause = (): Promise<void> => Promise.resolve();
const CHUNK_BYTES = 8192;

async function put(database: Database, keys: readonly number[], value: string): Promise<void> {
  const tx = database.beginWrite();
  const bucket = tx.createBucketIfAbsent("b");
  for (const key of keys)
    bucket.put(bytesOf(`${key}`.padStart(6, "0")), bytesOf(value.repeat(key % 100 === 0 ? 3000 : 20)));
  await tx.commit();
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

async function bytesRead(
  snapshot: Snapshot,
  onChunk: () => Promise<void> = async () => {},
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of snapshot.read(CHUNK_BYTES)) {
    chunks.push(chunk);
    await onChunk();
  }
  return Buffer.concat(chunks);
}

function contentOf(database: Database): string[] {
  using tx = database.beginRead();
  const found: string[] = [];
  const cursor = tx.bucket("b")!.cursor();
  while (cursor.next()) found.push(`${Buffer.from(cursor.key)}=${Buffer.from(cursor.value!)}`);
  return found;
}

test("a snapshot is the state at its beginning as a file, whatever is written while it is read", async () => {
  for (const isCommitting of [false, true]) {
    const database = await Database.open(PATH, { disk: new SimulatedDisk(), pause, checksums: true });
    await put(database, numbers(0, 1000), "first");
    await put(database, numbers(300, 600), "again");
    const content = contentOf(database);
    const onItsWay = isCommitting ? put(database, numbers(100, 1200), "on its way") : undefined;
    const snapshot = database.beginSnapshot();
    let round = 0;
    const file = await bytesRead(snapshot, async () => {
      await onItsWay;
      await put(
        database,
        numbers(round % 7, 1100).filter((key) => key % 7 === round % 7),
        `${round++}`,
      );
    });
    assert.equal(file.length, snapshot.sizeBytes);
    assert.ok(round > 10);
    assert.deepEqual(await bytesRead(snapshot), file, "the same when it is read again");
    snapshot.release();
    const copy = await Database.open(PATH, { disk: SimulatedDisk.with({ [PATH]: file }), pause });
    assert.deepEqual((await copy.check()).faults, []);
    assert.deepEqual(contentOf(copy), content);
    const again = copy.beginSnapshot();
    assert.deepEqual(await bytesRead(again), file, "of the same state, the same bytes");
    again.release();
    await put(copy, [5], "goes on");
    assert.deepEqual((await copy.check()).faults, []);
    await copy.close();
    await put(database, [1], "last");
    await put(database, [1], "last");
    assert.equal(database.pendingBytes < 20 * 4096, true, "its pages are free when it is released");
    await database.close();
  }
});

test("a damaged page ends a snapshot, wherever in the page the damage is", async () => {
  const disk = new SimulatedDisk();
  const database = await Database.open(PATH, { disk, pause, checksums: true, map: false });
  await put(database, numbers(0, 1000), "first");
  const file = await disk.open(PATH, "write");
  const size = disk.bytesOf(PATH)!.length;
  const before = new Uint8Array(1);
  for (const at of [2 * 4096, size - 4096 + 12, size - 1]) {
    file.readSync(before, at);
    await file.write([Uint8Array.of(before[0]! ^ 16)], at);
    const snapshot = database.beginSnapshot();
    await assert.rejects(bytesRead(snapshot), (error) => error instanceof DatabaseFileError);
    snapshot.release();
    await file.write([before], at);
  }
  const snapshot = database.beginSnapshot();
  await bytesRead(snapshot);
  snapshot.release();
  await assert.rejects(
    bytesRead(snapshot),
    (error) => error instanceof DatabaseError && error.code === "TRANSACTION_ENDED",
  );
  await database.close();
});
