import assert from "node:assert/strict";
import test from "node:test";
import type { Disk } from "../seams/disk.ts";
import { entry, METADATA, simulatedDisk } from "./testing.ts";
import { Wal } from "./wal.ts";
import { WalLock } from "./wal-lock.ts";

const STATE = { term: 1, vote: 0n, commit: 0 };

/** Names of the segments in the directory, and which of them nobody holds. */
async function freeSegments(disk: Disk): Promise<{ segments: string[]; free: string[] }> {
  const segments = (await disk.list("wal")).filter((name) => name.endsWith(".wal"));
  const free: string[] = [];
  for (const name of segments) {
    try {
      await (await disk.lockExisting(`wal/${name}`)).release();
      free.push(name);
    } catch (error) {
      assert.equal((error as { code: string }).code, "LOCKED");
    }
  }
  return { segments, free };
}

test("a directory is one member's, whether there is a log in it or not", async () => {
  const disk = simulatedDisk().mount();
  const lock = await WalLock.take(disk, "wal");
  await assert.rejects(WalLock.take(disk, "wal"), { code: "LOCKED" });
  const wal = await Wal.create(disk, "wal", METADATA, { locks: lock.segments });
  await assert.rejects(WalLock.take(disk, "wal"), { code: "LOCKED" });
  await wal.close();
  await lock.release();
  await lock.release();
  await (await WalLock.take(disk, "wal")).release();
});

test("a log whose segment another program holds is refused, and nothing stays held", async () => {
  const disk = simulatedDisk().mount();
  await (await Wal.create(disk, "wal", METADATA)).close();
  const [name] = (await disk.list("wal")) as [string];
  const theirs = await disk.lockExisting(`wal/${name}`);
  await assert.rejects(WalLock.take(disk, "wal"), { code: "LOCKED", path: `wal/${name}` });
  await theirs.release();
  await (await WalLock.take(disk, "wal")).release();
});

test("each segment is held from before it has its name until nothing in it is needed", async () => {
  const disk = simulatedDisk().mount();
  let lock = await WalLock.take(disk, "wal");
  const options = () => ({ segmentBytes: 4000, locks: lock.segments });
  let wal = await Wal.create(disk, "wal", METADATA, options());
  for (let index = 1; index <= 40; index++) {
    wal.save({ ...STATE, commit: index - 1 }, [entry(index, 1, "x".repeat(500))]);
    await wal.sync();
  }
  const before = await freeSegments(disk);
  assert.ok(before.segments.length >= 4, before.segments.join(" "));
  assert.deepEqual(before.free, []);
  await assert.rejects(disk.lockExisting("wal/0.tmp"), { code: /LOCKED|NOT_FOUND/ });

  wal.releaseTo(20);
  await wal.purge(0);
  const released = await freeSegments(disk);
  assert.ok(released.free.length > 0);
  assert.deepEqual(released.free, released.segments.slice(0, released.free.length));
  const firstHeld = released.segments[released.free.length]!;
  assert.ok(Number.parseInt(firstHeld.slice(17, 33), 16) <= 20, "what is behind the snapshot is still held");
  await wal.close();
  await lock.release();
  const closed = await freeSegments(disk);
  assert.deepEqual(closed.free, closed.segments);

  // A restart holds what it has opened, and what it opens later.
  lock = await WalLock.take(disk, "wal");
  ({ wal } = await Wal.open(disk, "wal", { index: 0, term: 0 }, options()));
  for (let index = 41; index <= 50; index++) {
    wal.save({ ...STATE, commit: index - 1 }, [entry(index, 1, "x".repeat(500))]);
    await wal.sync();
  }
  const again = await freeSegments(disk);
  assert.ok(again.segments.length > before.segments.length);
  assert.deepEqual(again.free, []);
  await wal.close();
  await lock.release();
  const ended = await freeSegments(disk);
  assert.deepEqual(ended.free, ended.segments);
});

test("no log is made beside files that are not its own", async () => {
  const disk = simulatedDisk().mount();
  await disk.makeDirectory("wal");
  await (await disk.open("wal/0000000000000000-0000000000000000.wal.broken", "write")).close();
  await assert.rejects(Wal.create(disk, "wal", METADATA), { code: "EXISTS", message: /move them away/ });
});
