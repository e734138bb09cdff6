/*
 * A bbolt file, version 2, little endian, is an array of pages: two metas, then trees of branch and leaf pages, and perhaps
 * a list of free pages. A page that is longer than one slot has `overflow` more slots behind it, without headers.
 *   header    u64 id | u16 flags | u16 count | u32 overflow
 *   branch    count × (u32 pos | u32 key length | u64 child), then keys
 *   leaf      count × (u32 flags | u32 pos | u32 key length | u32 value length), then each key followed by its value
 *   freelist  count × u64 page; count 0xffff: the count is in the first u64
 * `pos` counts from the start of its own element.
 */
export const PAGE_HEADER_BYTES = 16;
export const ELEMENT_BYTES = 16;
export const PAGE_BRANCH = 0x01;
export const PAGE_LEAF = 0x02;
export const PAGE_META = 0x04;
export const PAGE_FREELIST = 0x10;

/** Flags of a leaf element: a key with a value, or a bucket. */
export const ELEMENT_VALUE = 0;
export const ELEMENT_BUCKET = 1;
/** In the value of a bucket: u64 root page (0: a leaf page's image follows), u64 sequence. */
export const BUCKET_HEADER_BYTES = 16;
/** Count of a list of free pages that is written elsewhere. */
export const COUNT_ELSEWHERE = 0xffff;

export const DEFAULT_PAGE_BYTES = 4096;
export const LEAST_PAGE_BYTES = 1024;
export const MOST_PAGE_BYTES = 65_536;
export const LONGEST_KEY_BYTES = 32_768;
export const LONGEST_VALUE_BYTES = 2 ** 31 - 2;
/** A run of pages is read into one piece of memory, so there is a bound that no sound file reaches. */
export const LONGEST_RUN_BYTES = 2 ** 31 + 2 ** 20;
/** More levels than a tree can have whose branches have two children: each has twice the pages of the one above. */
export const MOST_TREE_LEVELS = 64;
/** Buckets in buckets. */
export const MOST_BUCKET_LEVELS = 256;

export function isPageBytes(bytes: number): boolean {
  return bytes >= LEAST_PAGE_BYTES && bytes <= MOST_PAGE_BYTES && (bytes & (bytes - 1)) === 0;
}

export function writePageHeader(
  view: DataView,
  at: number,
  page: number,
  flags: number,
  count: number,
  overflow: number,
): void {
  writeNumber(view, at, page);
  view.setUint16(at + 8, flags, true);
  view.setUint16(at + 10, count, true);
  view.setUint32(at + 12, overflow, true);
}

/** A 64-bit number; what is beyond 2^53 comes out inexact, and so beyond every bound that is checked. */
export function readNumber(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}

export function writeNumber(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setUint32(at + 4, value / 0x1_0000_0000, true);
}
