/*
 * The layout of a bbolt database file, version 2, little endian. An array of pages: two metas, then trees of branch and
 * leaf pages. A page that is longer than one slot has `overflow` more slots behind it, without headers.
 *   header   u64 id | u16 flags | u16 count | u32 overflow
 *   branch   count × (u32 pos | u32 key length | u64 child), then keys
 *   leaf     count × (u32 flags | u32 pos | u32 key length | u32 value length), then each key followed by its value
 * `pos` counts from the start of its own element.
 */
export const PAGE_HEADER_BYTES = 16;
export const ELEMENT_BYTES = 16;
export const PAGE_BRANCH = 0x01;
export const PAGE_LEAF = 0x02;
const PAGE_META = 0x04;
export const PAGE_FREELIST = 0x10;
/** Flag of a leaf element whose value is a bucket. */
export const ELEMENT_BUCKET = 1;
/** In the value of a bucket: root page (0: a leaf page's image follows), sequence. */
export const BUCKET_HEADER_BYTES = 16;

export const DEFAULT_PAGE_BYTES = 4096;
const LEAST_PAGE_BYTES = 1024;
const MOST_PAGE_BYTES = 1024 << 14;
export const LONGEST_KEY_BYTES = 32_768;
export const LONGEST_VALUE_BYTES = 2 ** 31 - 2;

const MAGIC = 0xed0c_daed;
const VERSION = 2;
/** Header and body of a meta page. */
export const META_BYTES = PAGE_HEADER_BYTES + 64;
const CHECKSUM_AT = PAGE_HEADER_BYTES + 56;
const NOT_STORED = 0xffff_ffff_ffff_ffffn;

/** What a meta page says. */
export interface Meta {
  readonly pageBytes: number;
  /** Page of the tree of buckets. */
  readonly root: number;
  /** Page of the list of free pages; undefined when it is not stored. */
  readonly freelist: number | undefined;
  /** Slots in use: every page is below. */
  readonly highWater: number;
  readonly txId: number;
}

/** Writes page 0 or 1 into zeroed bytes. */
export function writeMeta(view: DataView, slot: 0 | 1, meta: Meta): void {
  view.setUint32(0, slot, true);
  view.setUint16(8, PAGE_META, true);
  view.setUint32(16, MAGIC, true);
  view.setUint32(20, VERSION, true);
  view.setUint32(24, meta.pageBytes, true);
  view.setBigUint64(32, BigInt(meta.root), true);
  view.setBigUint64(48, meta.freelist === undefined ? NOT_STORED : BigInt(meta.freelist), true);
  view.setBigUint64(56, BigInt(meta.highWater), true);
  view.setBigUint64(64, BigInt(meta.txId), true);
  view.setBigUint64(CHECKSUM_AT, fnv1a64(view, PAGE_HEADER_BYTES, CHECKSUM_AT), true);
}

/** The meta in the first `META_BYTES` of a page, or what is wrong with it, in bbolt's words. */
export function readMeta(view: DataView): Meta | string {
  if (view.byteLength < META_BYTES) return "invalid database";
  if (view.getUint32(16, true) !== MAGIC) return "invalid database";
  if (view.getUint32(20, true) !== VERSION) return "version mismatch";
  if (view.getBigUint64(CHECKSUM_AT, true) !== fnv1a64(view, PAGE_HEADER_BYTES, CHECKSUM_AT))
    return "checksum error";
  const pageBytes = view.getUint32(24, true);
  if (pageBytes < LEAST_PAGE_BYTES || pageBytes > MOST_PAGE_BYTES || (pageBytes & (pageBytes - 1)) !== 0) {
    return `pages of ${pageBytes} bytes`;
  }
  const freelist = view.getBigUint64(48, true);
  return {
    pageBytes,
    root: readNumber(view, 32),
    freelist: freelist === NOT_STORED ? undefined : readNumber(view, 48),
    highWater: readNumber(view, 56),
    txId: readNumber(view, 64),
  };
}

/** Where the second meta may lie when the first one cannot tell the page size. */
export function* metaOffsets(): Iterable<number> {
  for (let bytes = LEAST_PAGE_BYTES; bytes <= MOST_PAGE_BYTES; bytes *= 2) yield bytes;
}

export function writePageHeader(
  view: DataView,
  at: number,
  id: number,
  flags: number,
  count: number,
  overflow: number,
): void {
  writeNumber(view, at, id);
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

/** FNV-1a, 64 bits. */
export function fnv1a64(view: DataView, start: number, end: number): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (let at = start; at < end; at++) {
    hash = ((hash ^ BigInt(view.getUint8(at))) * 0x100_0000_01b3n) & 0xffff_ffff_ffff_ffffn;
  }
  return hash;
}
