import {
  isPageBytes,
  PAGE_HEADER_BYTES,
  PAGE_META,
  readNumber,
  writeNumber,
  writePageHeader,
} from "./page.ts";

/*
 * A meta page, behind its header: u32 magic | u32 version | u32 page size | u32 flags | u64 root page | u64 sequence |
 * u64 page of the list of free pages | u64 high-water mark | u64 transaction | u64 FNV-1a of the 56 bytes before.
 */
const MAGIC = 0xed0c_daed;
const VERSION = 2;
const CHECKSUM_AT = PAGE_HEADER_BYTES + 56;
const NOT_STORED = 0xffff_ffff_ffff_ffffn;

/** Header and body of a meta page. */
export const META_BYTES = PAGE_HEADER_BYTES + 64;
export const META_PAGES = 2;

/** What a meta page says. */
export interface Meta {
  readonly pageBytes: number;
  /** Root page of the tree of buckets. */
  readonly root: number;
  /** The root bucket's; nobody uses it, but it is kept. */
  readonly sequence: bigint;
  /** Page of the list of free pages; undefined when it is not stored. */
  readonly freelist: number | undefined;
  /** Slots in use: every page is below. */
  readonly highWater: number;
  /** Transaction t is written to slot t mod 2. */
  readonly txId: number;
}

/** The first `META_BYTES` of page `meta.txId` mod 2. */
export function encodeMeta(meta: Meta): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(META_BYTES);
  const view = new DataView(bytes.buffer);
  writePageHeader(view, 0, meta.txId % META_PAGES, PAGE_META, 0, 0);
  view.setUint32(16, MAGIC, true);
  view.setUint32(20, VERSION, true);
  view.setUint32(24, meta.pageBytes, true);
  writeNumber(view, 32, meta.root);
  view.setBigUint64(40, meta.sequence, true);
  view.setBigUint64(48, meta.freelist === undefined ? NOT_STORED : BigInt(meta.freelist), true);
  writeNumber(view, 56, meta.highWater);
  writeNumber(view, 64, meta.txId);
  view.setBigUint64(CHECKSUM_AT, fnv1a64(bytes, PAGE_HEADER_BYTES, CHECKSUM_AT), true);
  return bytes;
}

/** What the meta's checksum is, as it is stored. */
export function metaChecksum(meta: Meta): bigint {
  return new DataView(encodeMeta(meta).buffer).getBigUint64(CHECKSUM_AT, true);
}

/** The meta in the first `META_BYTES` of a page, or what is wrong with it, in bbolt's words where it has some. */
export function decodeMeta(bytes: Uint8Array): Meta | string {
  if (bytes.length < META_BYTES) return "invalid database";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(16, true) !== MAGIC) return "invalid database";
  if (view.getUint32(20, true) !== VERSION) return "version mismatch";
  if (view.getBigUint64(CHECKSUM_AT, true) !== fnv1a64(bytes, PAGE_HEADER_BYTES, CHECKSUM_AT)) {
    return "checksum error";
  }
  const pageBytes = view.getUint32(24, true);
  if (!isPageBytes(pageBytes)) return `pages of ${pageBytes} bytes`;
  const freelist = view.getBigUint64(48, true);
  const meta: Meta = {
    pageBytes,
    root: readNumber(view, 32),
    sequence: view.getBigUint64(40, true),
    freelist: freelist === NOT_STORED ? undefined : readNumber(view, 48),
    highWater: readNumber(view, 56),
    txId: readNumber(view, 64),
  };
  return wrongIn(meta) ?? meta;
}

/** Whether the checksum's owner wrote nonsense. */
function wrongIn({ root, freelist, highWater, txId }: Meta): string | undefined {
  if (!Number.isSafeInteger(txId)) return `transaction ${txId}`;
  if (!(highWater > META_PAGES && highWater <= 2 ** 42)) return `a high-water mark of ${highWater}`;
  if (!(root >= META_PAGES && root < highWater)) return `refers to page ${root} of ${highWater}`;
  if (freelist !== undefined && !(freelist >= META_PAGES && freelist < highWater)) {
    return `refers to page ${freelist} of ${highWater}`;
  }
  return undefined;
}

/** FNV-1a, 64 bits. */
function fnv1a64(bytes: Uint8Array, start: number, end: number): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (let at = start; at < end; at++) {
    hash = ((hash ^ BigInt(bytes[at]!)) * 0x100_0000_01b3n) & 0xffff_ffff_ffff_ffffn;
  }
  return hash;
}
