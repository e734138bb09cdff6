import {
  COUNT_ELSEWHERE,
  PAGE_FREELIST,
  PAGE_HEADER_BYTES,
  readNumber,
  writeNumber,
  writePageHeader,
} from "./page.ts";

const PAGE_NUMBER_BYTES = 8;

/** What a list of so many free pages takes, header included. */
export function freelistBytes(count: number): number {
  const numbers = count >= COUNT_ELSEWHERE ? count + 1 : count;
  return PAGE_HEADER_BYTES + numbers * PAGE_NUMBER_BYTES;
}

/** Writes the list, which ascends, over `length` bytes at `at`: whole pages. */
export function writeFreelist(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  length: number,
  page: number,
  slots: number,
  free: readonly number[],
): void {
  bytes.fill(0, at, at + length);
  const isLong = free.length >= COUNT_ELSEWHERE;
  writePageHeader(view, at, page, PAGE_FREELIST, isLong ? COUNT_ELSEWHERE : free.length, slots - 1);
  let position = at + PAGE_HEADER_BYTES;
  if (isLong) {
    writeNumber(view, position, free.length);
    position += PAGE_NUMBER_BYTES;
  }
  for (const each of free) {
    writeNumber(view, position, each);
    position += PAGE_NUMBER_BYTES;
  }
}

/** The pages in the list of `length` bytes at `at`, or what is wrong with it. */
export function readFreelist(view: DataView, at: number, length: number, page: number): number[] | string {
  if (readNumber(view, at) !== page) return `has the number ${readNumber(view, at)}`;
  const flags = view.getUint16(at + 8, true);
  if (flags !== PAGE_FREELIST) return `not a list of free pages (flags ${flags})`;
  let count = view.getUint16(at + 10, true);
  let position = at + PAGE_HEADER_BYTES;
  if (count === COUNT_ELSEWHERE) {
    count = readNumber(view, position);
    position += PAGE_NUMBER_BYTES;
  }
  if (!(count * PAGE_NUMBER_BYTES <= at + length - position)) return `no room for ${count} free pages`;
  const free: number[] = [];
  for (let i = 0; i < count; i++) free.push(readNumber(view, position + i * PAGE_NUMBER_BYTES));
  return free;
}
