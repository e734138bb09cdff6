import assert from "node:assert/strict";
import test from "node:test";
import type { File } from "../disk/disk.ts";
import { PAGE_BRANCH, PAGE_LEAF, writePageHeader } from "../format/page.ts";
import { SimulatedDisk } from "../testing/simulated-disk.ts";
import { PageCache } from "./page-cache.ts";
import type { Place } from "./page-source.ts";
import { ReadAheadPages } from "./read-ahead.ts";

const PAGE_BYTES = 4096;
const PAGES = 400;
/** Pages that are branches. */
const BRANCHES = new Set([130, 131]);

interface Read {
  readonly page: number;
  readonly pages: number;
}

async function openPages(): Promise<{ file: File; reads: Read[] }> {
  const file = await new SimulatedDisk().open("pages", "create");
  for (let page = 0; page < PAGES; page++) {
    const bytes = new Uint8Array(PAGE_BYTES).fill(page);
    writePageHeader(new DataView(bytes.buffer), 0, page, BRANCHES.has(page) ? PAGE_BRANCH : PAGE_LEAF, 0, 0);
    await file.write([bytes], page * PAGE_BYTES);
  }
  const reads: Read[] = [];
  const readSync = file.readSync.bind(file);
  file.readSync = (target, position) => {
    reads.push({ page: position / PAGE_BYTES, pages: target.length / PAGE_BYTES });
    return readSync(target, position);
  };
  return { file, reads };
}

const newPlace = (): Place => ({ bytes: new Uint8Array(0), view: new DataView(new ArrayBuffer(0)), at: 0 });

function assertPage(place: Place, page: number, slots = 1): void {
  assert.equal(place.view.getUint32(place.at, true), page);
  for (let i = 0; i < slots; i++)
    assert.equal(place.bytes[place.at + i * PAGE_BYTES + 100], (page + i) & 255);
}

test("pages in order are read in pieces that become larger, to the end of the file", async () => {
  const { file, reads } = await openPages();
  const source = new ReadAheadPages(file, PAGE_BYTES);
  const place = newPlace();
  for (let page = 10; page < PAGES; page++) {
    source.locate(page, 1, place);
    assertPage(place, page);
  }
  assert.deepEqual(
    reads.map(({ pages }) => pages),
    [1, 4, 8, 16, 32, 64, 64, 64, 64, 64, 64],
  );
});

test("pages out of order are read one by one, and runs as they are", async () => {
  const { file, reads } = await openPages();
  const source = new ReadAheadPages(file, PAGE_BYTES);
  const place = newPlace();
  for (const page of [300, 20, 200, 22]) {
    source.locate(page, 1, place);
    assertPage(place, page);
  }
  source.locate(40, 100, place);
  assertPage(place, 40, 100);
  assert.deepEqual(reads, [
    { page: 300, pages: 1 },
    { page: 20, pages: 1 },
    { page: 200, pages: 1 },
    { page: 22, pages: 1 },
    { page: 40, pages: 100 },
  ]);
});

test("a branch stays what it is while the leaves below it are found", async () => {
  const { file } = await openPages();
  const source = new ReadAheadPages(file, PAGE_BYTES);
  const places = [...BRANCHES].map(newPlace);
  const place = newPlace();
  for (let page = 120; page < PAGES; page++) {
    const branch = [...BRANCHES].indexOf(page);
    source.locate(page, 1, places[branch] ?? place);
  }
  for (const [i, page] of [...BRANCHES].entries()) assertPage(places[i]!, page);
});

test("which pages are checked is what another source of the same bytes says, or none", async () => {
  const { file } = await openPages();
  const others = new PageCache(file, PAGE_BYTES, 1 << 20);
  others.locate(20, 1, newPlace());
  for (const [source, isKnown] of [
    [new ReadAheadPages(file, PAGE_BYTES), false],
    [new ReadAheadPages(file, PAGE_BYTES, others), true],
  ] as const) {
    source.markChecked(20);
    assert.equal(source.isChecked(20), isKnown);
    assert.equal(source.isChecked(21), false);
  }
});
