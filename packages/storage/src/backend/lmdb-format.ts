/*
 * The layout of an LMDB database file, as far as we read it: data version 2, 64-bit, little endian, as `lmdb` 3.5
 * writes it. We read the file ourselves (see page-file.ts), LMDB writes it.
 */

/** We create our databases with this page size on every machine, so that files can be moved between them. */
export const PAGE_BYTES = 4096;
export const PAGE_HEADER_BYTES = 24;
export const NODE_HEADER_BYTES = 8;
export const META_PAGES = 2;

export const PAGE_BRANCH = 0x01;
export const PAGE_LEAF = 0x02;
export const PAGE_OVERFLOW = 0x04;
const PAGE_META = 0x08;

/** The node's data is the address of an overflow run. */
export const NODE_BIG = 0x01;
/** The node's data is a tree: a named table. */
export const NODE_TREE = 0x02;

const MAGIC = 0xbeef_c0de;
const DATA_VERSION = 2;
const META_BYTES = 144;
/** `overlappingSync` keeps a third meta in the second half of page 0: the newest one known to be on the disk. */
export const FLUSHED_META_OFFSET = PAGE_BYTES / 2;
const FLAG_NOT_FLUSHED = 0x1000;

/** A B+tree in the file. */
export interface Tree {
  /** Page number, or -1 when empty. */
  readonly root: number;
  /** Levels; 0 when empty, 1 when the root is a leaf. */
  readonly depth: number;
  readonly flags: number;
  readonly entries: number;
  readonly pages: number;
}

/** Where a state of the database begins. */
export interface Meta {
  readonly txnId: number;
  readonly lastPage: number;
  readonly free: Tree;
  readonly main: Tree;
  /** False while only the page cache is known to have it. */
  readonly flushed: boolean;
  readonly pageBytes: number;
}

/** Which fields of page 0 or 1 are wrong, or undefined. */
export function metaPageProblem(view: DataView, page: number): string | undefined {
  const at = page * PAGE_BYTES;
  if (view.getUint16(at + 18, true) !== PAGE_META) return "not a meta page";
  if (view.getUint32(at + 24, true) !== MAGIC) return "wrong magic number";
  if ((view.getUint32(at + 28, true) & 0xffff) !== DATA_VERSION) return "unknown data version";
  return undefined;
}

/** The three metas of the first two pages; the last is undefined before the first flush. */
function readMetas(view: DataView): [Meta, Meta, Meta | undefined] {
  const flushed = parseMeta(view, FLUSHED_META_OFFSET + PAGE_HEADER_BYTES);
  return [
    parseMeta(view, PAGE_HEADER_BYTES),
    parseMeta(view, PAGE_BYTES + PAGE_HEADER_BYTES),
    flushed.txnId === 0 ? undefined : flushed,
  ];
}

/** The newest state that is committed, whether or not it is on the disk. */
export function newestMeta(view: DataView): Meta {
  const [a, b] = readMetas(view);
  return a.txnId >= b.txnId ? a : b;
}

/** The state that LMDB goes back to at open with `overlappingSync` and `safeRestore`. */
export function restoredMeta(view: DataView): Meta {
  const [a, b, flushed] = readMetas(view);
  const newest = pickFlushed(a, b);
  return flushed === undefined ? newest : pickFlushed(newest, flushed);
}

function pickFlushed(a: Meta, b: Meta): Meta {
  if (b.txnId === 0) return a;
  const latest = a.txnId >= b.txnId ? a : b;
  if (latest.flushed) return latest;
  return a.txnId > b.txnId ? b : a;
}

function parseMeta(view: DataView, at: number): Meta {
  if (at + META_BYTES > view.byteLength) throw new RangeError("meta outside of the pages read");
  const flags = view.getUint16(at + 24 + 4, true);
  return {
    txnId: readNumber(view, at + 128),
    lastPage: readNumber(view, at + 120),
    free: parseTree(view, at + 24),
    main: parseTree(view, at + 72),
    flushed: (flags & FLAG_NOT_FLUSHED) === 0,
    pageBytes: view.getUint32(at + 24, true),
  };
}

export const TREE_BYTES = 48;

export function parseTree(view: DataView, at: number): Tree {
  const emptyRoot =
    view.getUint32(at + 40, true) === 0xffff_ffff && view.getUint32(at + 44, true) === 0xffff_ffff;
  return {
    root: emptyRoot ? -1 : readNumber(view, at + 40),
    depth: view.getUint16(at + 6, true),
    flags: view.getUint16(at + 4, true),
    entries: readNumber(view, at + 32),
    pages: readNumber(view, at + 8) + readNumber(view, at + 16) + readNumber(view, at + 24),
  };
}

/** A 64-bit number; what is beyond 2^53 comes out inexact, and so beyond every bound that we check. */
export function readNumber(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}
