import type { ByteSource } from "./byte-source.ts";
import { DatabaseFile } from "./database-file.ts";
import { PAGE_FREELIST, PAGE_HEADER_BYTES, readNumber } from "./format.ts";
import type { PageReader } from "./page-reader.ts";

const COUNT_ELSEWHERE = 0xffff;
const STEP = 10_000;

/**
 * Reads the whole file. Throws `DatabaseFileError` at the first page that is referred to twice, out of place or of the
 * wrong kind, at keys out of order, and, when the file stores a list of free pages, at every page that is not exactly
 * one of in use and free.
 */
export function checkIntegrity(source: ByteSource): void {
  const file = new DatabaseFile(source);
  const reader = file.newReader();
  for (const { scan } of file.buckets(reader)) while (scan.visit(STEP, () => {}) === STEP);
  if (file.meta.freelist !== undefined) checkFreelist(reader, file.meta.freelist);
}

function checkFreelist(reader: PageReader, page: number): void {
  const { highWater } = reader.meta;
  const run = reader.read(page, 0);
  if (run.flags !== PAGE_FREELIST) reader.invalid(page, `not a list of free pages (flags ${run.flags})`);
  let count = run.count;
  let at = PAGE_HEADER_BYTES;
  if (count === COUNT_ELSEWHERE) {
    count = readNumber(run.view, at);
    at += 8;
  }
  if (!(at + count * 8 <= run.bytes.length)) reader.invalid(page, `no room for ${count} free pages`);
  const free = new Uint8Array((highWater >>> 3) + 1);
  for (let i = 0; i < count; i++) {
    const id = readNumber(run.view, at + i * 8);
    if (!(id >= 2 && id < highWater)) reader.invalid(page, `free page ${id} of ${highWater}`);
    if ((free[id >>> 3]! & (1 << (id & 7))) !== 0) reader.invalid(page, `page ${id} is free twice`);
    if (reader.hasMet(id)) reader.invalid(id, "reachable freed");
    free[id >>> 3]! |= 1 << (id & 7);
  }
  for (let id = 2; id < highWater; id++) {
    if (!reader.hasMet(id) && (free[id >>> 3]! & (1 << (id & 7))) === 0)
      reader.invalid(id, "unreachable unfreed");
  }
}
