import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import type { File } from "../disk/disk.ts";
import { RealDisk } from "../disk/real-disk.ts";
import { MappedPages } from "./mapped-pages.ts";
import { PageCache } from "./page-cache.ts";
import type { PageSource, Place } from "./page-source.ts";

const PAGE_BYTES = 4096;
const PAGES = 40;

async function openFile(t: TestContext): Promise<File> {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-pages-"));
  const name = path.join(directory, "pages");
  const bytes = new Uint8Array(PAGES * PAGE_BYTES);
  for (let i = 0; i < PAGES; i++) bytes.fill(i + 1, i * PAGE_BYTES, (i + 1) * PAGE_BYTES);
  writeFileSync(name, bytes);
  const file = await new RealDisk().open(name, "write");
  t.after(async () => {
    await file.close();
    rmSync(directory, { recursive: true });
  });
  return file;
}

const newPlace = (): Place => ({ bytes: new Uint8Array(0), view: new DataView(new ArrayBuffer(0)), at: 0 });

const sources: { name: string; open: (file: File) => PageSource | undefined }[] = [
  { name: "mapped memory", open: (file) => MappedPages.open(file, PAGE_BYTES) },
  { name: "a cache", open: (file) => new PageCache(file, PAGE_BYTES, 8 * PAGE_BYTES) },
  { name: "a cache without room", open: (file) => new PageCache(file, PAGE_BYTES, 0) },
];

for (const { name, open } of sources) {
  test(`${name}: pages and runs are found where they are, and read again when they were written`, async (t) => {
    const file = await openFile(t);
    const source = open(file);
    if (source === undefined) {
      t.skip("files cannot be mapped here");
      return;
    }
    const place = newPlace();
    for (const [page, slots] of [
      [0, 1],
      [7, 1],
      [7, 5],
      [39, 1],
      [30, 10],
    ] as const) {
      source.locate(page, slots, place);
      for (let i = 0; i < slots; i++) {
        assert.equal(place.bytes[place.at + i * PAGE_BYTES], page + i + 1);
        assert.equal(place.view.getUint8(place.at + (i + 1) * PAGE_BYTES - 1), page + i + 1);
      }
    }
    source.locate(7, 1, place);
    source.markChecked(7);
    assert.equal(source.isChecked(7), true);
    assert.equal(source.isChecked(8), false);
    await file.write(
      [new Uint8Array(PAGE_BYTES).fill(200), new Uint8Array(PAGE_BYTES).fill(201)],
      7 * PAGE_BYTES,
    );
    source.forget(7, 2);
    assert.equal(source.isChecked(7), false);
    source.locate(7, 2, place);
    assert.deepEqual([place.bytes[place.at], place.bytes[place.at + PAGE_BYTES]], [200, 201]);
    source.close();
    source.close();
  });
}

test("views on mapped memory are empty when it is closed", async (t) => {
  const source = MappedPages.open(await openFile(t), PAGE_BYTES);
  if (source === undefined) {
    t.skip("files cannot be mapped here");
    return;
  }
  const place = newPlace();
  source.locate(3, 1, place);
  const borrowed = place.bytes.subarray(place.at, place.at + PAGE_BYTES);
  assert.equal(borrowed.length, PAGE_BYTES);
  source.close();
  assert.equal(borrowed.length, 0);
});

test("mapped memory shows pages that a file has grown by", async (t) => {
  const file = await openFile(t);
  const source = MappedPages.open(file, PAGE_BYTES);
  if (source === undefined) {
    t.skip("files cannot be mapped here");
    return;
  }
  const far = 40_000;
  writeSync(file.descriptor!, new Uint8Array(PAGE_BYTES).fill(77), 0, PAGE_BYTES, far * PAGE_BYTES);
  const place = newPlace();
  source.locate(far, 1, place);
  assert.equal(place.bytes[place.at], 77);
  source.close();
});

test("a cache keeps within its bounds what is asked for again, and what went out of it does not change", async (t) => {
  const file = await openFile(t);
  const cache = new PageCache(file, PAGE_BYTES, 8 * PAGE_BYTES);
  const place = newPlace();
  const first = newPlace();
  cache.locate(1, 1, first);
  for (let round = 0; round < 20; round++) {
    cache.locate(5, 1, place);
    cache.locate(10 + round, 1, place);
  }
  assert.equal(cache.misses, 22);
  await file.write([new Uint8Array(PAGE_BYTES)], PAGE_BYTES);
  assert.equal(first.bytes[0], 2);
  cache.locate(1, 1, place);
  assert.equal(place.bytes[0], 0);
});

test("mapped memory: what a growing file was read from before is let go, and found again as it is by then", async (t) => {
  const file = await openFile(t);
  truncateSync(file.path, 2 * MAPPED_BYTES);
  const source = MappedPages.open(file, PAGE_BYTES);
  if (source === undefined) {
    t.skip("files cannot be mapped here");
    return;
  }
  const place = newPlace();
  const byteOf = (page: number): number => {
    source.locate(page, 1, place);
    return place.bytes[place.at]!;
  };
  assert.deepEqual([byteOf(3), byteOf(39)], [4, 40]);
  assert.notEqual(residentKiB(file.path), 0);
  // Not touched yet: all that is counted would be of the part before.
  source.locate(MAPPED_BYTES / PAGE_BYTES, 1, place);
  assert.equal(residentKiB(file.path), 0);
  await file.write([new Uint8Array(PAGE_BYTES).fill(200)], 39 * PAGE_BYTES);
  assert.deepEqual([byteOf(3), byteOf(39)], [4, 200]);
  source.close();
});

/** As much of a file is mapped at once. */
const MAPPED_BYTES = 64 << 20;

/** What this process has of a file in its mapped memory, all mappings together. */
function residentKiB(name: string): number {
  const mappings = readFileSync("/proc/self/smaps", "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const ofFile = mappings.filter((mapping) => mapping.split("\n", 1)[0]!.endsWith(name));
  assert.notEqual(ofFile.length, 0);
  return ofFile.reduce((sum, mapping) => sum + Number(/^Rss:\s+(\d+)/m.exec(mapping)![1]), 0);
}
