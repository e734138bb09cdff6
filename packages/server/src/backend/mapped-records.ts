import { recordChecksum } from "./checksum.ts";
import {
  NODE_BIG,
  NODE_HEADER_BYTES,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  PAGE_LEAF,
  type Tree,
} from "./lmdb-format.ts";
import type { Page, PageFile } from "./page-file.ts";
import { CHECKSUM_BYTES } from "./pending-revisions.ts";
import { REVISION_KEY_BYTES } from "./revision-key.ts";

const SEPARATOR = 0x5f;
const INVALID = 2;
const SPAN = 0x1_0000_0000;

/**
 * Finds single records where they lie in LMDB's map, without a copy of their page. It finds or gives up: a record is
 * found only if its key is there and its checksum, which covers its revision, is right. Whatever else there is (a
 * damaged page, no such record, one in an overflow run) is left to the reader that checks whole pages and can say what
 * is wrong.
 */
export class MappedRecords {
  readonly #file: PageFile;
  /** The record found last: its bytes in the map. Borrowed until the next commit. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** Main revisions of the separators around the child that `#childIndex` took; -1 and infinity where there is none. */
  #separator = -1;
  #nextSeparator = Number.POSITIVE_INFINITY;
  /** The branch page above the leaf found last, with all main revisions between two: the next one is often there. */
  #parent: Page | undefined;
  #parentPgno = -1;
  #above = -1;
  #below = -1;

  constructor(file: PageFile) {
    this.#file = file;
  }

  /** Finds the record of a put. */
  find(tree: Tree, main: number, sub: number): boolean {
    const file = this.#file;
    if (tree.root < 0 || file.map === undefined) return false;
    if (tree.depth < 2 || sub >= SPAN) return false;
    let parent = this.#parent;
    if (
      parent === undefined ||
      !file.isCurrent(parent, this.#parentPgno) ||
      main <= this.#above ||
      main >= this.#below
    ) {
      parent = this.#descend(tree, main, sub);
      if (parent === undefined) return false;
    }
    this.#separator = -1;
    const index = this.#childIndex(parent, main, sub);
    if (index < 0) return false;
    const pgno = file.child(parent, index);
    const window = file.mappedWindow(pgno);
    if (window === undefined) return false;
    const { view } = window;
    const base = window.offset(pgno);
    if (view.getUint32(base, true) + view.getUint32(base + 4, true) * SPAN !== pgno) return false;
    if (view.getUint16(base + 18, true) !== PAGE_LEAF) return false;
    const lower = view.getUint16(base + 20, true);
    if (lower === 0 || (lower & 1) !== 0 || lower > PAGE_BYTES - PAGE_HEADER_BYTES) return false;
    const nodes = lower >>> 1;
    // Mostly every main revision has one record, and the separator is the leaf's first key.
    let at = -1;
    const high = Math.floor(main / SPAN);
    const low = main >>> 0;
    const guess = main - this.#separator;
    if (this.#separator >= 0 && guess < nodes) {
      at = nodeAt(view, base, guess);
      if (at < 0 || compare(view, at, high, low, sub) !== 0) at = -1;
    }
    if (at < 0) at = search(view, base, nodes, high, low, sub);
    if (at < 0 || (view.getUint16(at + 4, true) & NODE_BIG) !== 0) return false;
    const start = at + NODE_HEADER_BYTES + REVISION_KEY_BYTES;
    const end = start + view.getUint32(at, true) - CHECKSUM_BYTES;
    if (end < start || end + CHECKSUM_BYTES > base + PAGE_BYTES) return false;
    if (recordChecksum(view, start, end, main, sub, false) !== view.getUint32(end, true)) return false;
    this.bytes = window.bytes;
    this.start = start;
    this.end = end;
    return true;
  }

  #descend(tree: Tree, main: number, sub: number): Page | undefined {
    const file = this.#file;
    this.#parent = undefined;
    let pgno = tree.root;
    let page = file.cached(pgno, 0, tree.depth);
    let above = -1;
    let below = Number.POSITIVE_INFINITY;
    for (let level = 1; level < tree.depth - 1; level++) {
      this.#separator = above;
      this.#nextSeparator = below;
      const index = this.#childIndex(page, main, sub);
      if (index < 0) return undefined;
      above = this.#separator;
      below = this.#nextSeparator;
      pgno = file.child(page, index);
      page = file.cached(pgno, level, tree.depth);
    }
    this.#parent = page;
    this.#parentPgno = pgno;
    this.#above = above;
    this.#below = below;
    return page;
  }

  /** The last child whose separator is not above the revision; -1 when a separator is not what it should be. */
  #childIndex(page: Page, main: number, sub: number): number {
    const { view } = page;
    const high = Math.floor(main / SPAN);
    const low = main >>> 0;
    let from = 1;
    let to = page.nodes;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const at = nodeAt(view, 0, middle);
      const order = at < 0 ? INVALID : compare(view, at, high, low, sub);
      if (order === INVALID) return -1;
      if (order <= 0) from = middle + 1;
      else to = middle;
    }
    if (from > 1) this.#separator = mainAt(view, this.#file.node(page, from - 1));
    if (from < page.nodes) this.#nextSeparator = mainAt(view, this.#file.node(page, from));
    return from - 1;
  }
}

/** Offset in the window of node `index` of the page at `base`; -1 when no such key has room there. */
function nodeAt(view: DataView, base: number, index: number): number {
  const at = view.getUint16(base + PAGE_HEADER_BYTES + index * 2, true) + PAGE_HEADER_BYTES;
  return at + NODE_HEADER_BYTES + REVISION_KEY_BYTES <= PAGE_BYTES ? base + at : -1;
}

function search(view: DataView, base: number, nodes: number, high: number, low: number, sub: number): number {
  let from = 0;
  let to = nodes;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const at = nodeAt(view, base, middle);
    if (at < 0) return -1;
    const order = compare(view, at, high, low, sub);
    if (order === 0) return at;
    if (order === INVALID) return -1;
    if (order < 0) from = middle + 1;
    else to = middle;
  }
  return -1;
}

function mainAt(view: DataView, at: number): number {
  return view.getUint32(at + NODE_HEADER_BYTES) * SPAN + view.getUint32(at + NODE_HEADER_BYTES + 4);
}

/** The sign of the node's key less that of a put of (high * 2^32 + low, sub); INVALID if it is no revision's key. */
function compare(view: DataView, at: number, high: number, low: number, sub: number): number {
  const length = view.getUint16(at + 6, true);
  const key = at + NODE_HEADER_BYTES;
  if (length < REVISION_KEY_BYTES || view.getUint8(key + 8) !== SEPARATOR) return INVALID;
  const ownHigh = view.getUint32(key);
  if (ownHigh !== high) return ownHigh < high ? -1 : 1;
  const ownLow = view.getUint32(key + 4);
  if (ownLow !== low) return ownLow < low ? -1 : 1;
  const ownSub = view.getUint32(key + 13);
  if (view.getUint32(key + 9) !== 0 || ownSub > sub) return 1;
  if (ownSub < sub) return -1;
  return length === REVISION_KEY_BYTES ? 0 : 1;
}
