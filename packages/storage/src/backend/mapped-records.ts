import type { RecordSink } from "../seams/backend.ts";
import { copyWithChecksum, recordChecksum } from "./checksum.ts";
import type { KeyBranches } from "./key-branches.ts";
import {
  NODE_BIG,
  NODE_HEADER_BYTES,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  PAGE_LEAF,
  type Tree,
} from "./lmdb-format.ts";
import type { PageFile } from "./page-file.ts";
import type { MapWindow } from "./page-map.ts";
import { CHECKSUM_BYTES } from "./pending-revisions.ts";
import { REVISION_KEY_BYTES } from "./revision-key.ts";

const SEPARATOR = 0x5f;
const INVALID = 2;
const SPAN = 0x1_0000_0000;
/** Records that are on their way from memory at the same time. */
const GROUP = 32;
const CACHE_LINE_BYTES = 64;
/** Neighbours looked at before halving begins. */
const NEAR = 8;

/**
 * Finds records where they lie in LMDB's map, without a copy of their pages. It finds or gives up: a record is found
 * only if its key is there and its checksum, which covers its revision, is right. Whatever else there is (a damaged
 * page, no such record, one in an overflow run) is left to the reader that checks whole pages and can say what is wrong.
 *
 * What it costs is waiting for memory, so many records are taken in groups: the first lines of all their pages are
 * asked for, then the lines of all records, then they are copied.
 */
export class MappedRecords {
  readonly #file: PageFile;
  readonly #branches: KeyBranches;
  /** The record that `find` found last: its bytes in the map. Borrowed until the next commit. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  // One group: each record's leaf, its window and where in it it begins, and between which main revisions it lies.
  readonly #pgnos = new Float64Array(GROUP);
  readonly #windows: MapWindow[] = [];
  readonly #bases = new Int32Array(GROUP);
  readonly #above = new Float64Array(GROUP);
  readonly #below = new Float64Array(GROUP);
  /** How many records each leaf has, and which of them is likely to be the one. */
  readonly #nodes = new Int32Array(GROUP);
  readonly #indexes = new Int32Array(GROUP);
  /** From where to where the record is, at first as far as can be guessed. */
  readonly #starts = new Int32Array(GROUP);
  readonly #ends = new Int32Array(GROUP);
  /** Takes up what is read only to have it in cache. */
  touched = 0;

  constructor(file: PageFile, branches: KeyBranches) {
    this.#file = file;
    this.#branches = branches;
  }

  /** Finds the record of a put. */
  find(tree: Tree, main: number, sub: number): boolean {
    if (!this.#seek(tree, main, sub, 0) || !this.#guess(main, 0) || !this.#locate(main, sub, 0)) return false;
    const window = this.#windows[0]!;
    const start = this.#starts[0]!;
    const end = this.#ends[0]!;
    if (recordChecksum(window.view, start, end, main, sub, false) !== window.view.getUint32(end, true))
      return false;
    this.bytes = window.bytes;
    this.start = start;
    this.end = end;
    return true;
  }

  /**
   * Copies the records of the puts `from` up to `to` (exclusive) of two columns, in their order. Stops before the first
   * that it does not find, and after about `mostBytes`; returns where it stopped.
   */
  copy(
    tree: Tree,
    mains: Float64Array,
    subs: Int32Array,
    from: number,
    to: number,
    mostBytes: number,
    sink: RecordSink,
  ): number {
    let left = mostBytes;
    let at = from;
    while (at < to && left > 0) {
      let count = Math.min(GROUP, to - at);
      for (let i = 0; i < count; i++) if (!this.#seek(tree, mains[at + i]!, subs[at + i]!, i)) count = i;
      this.#touchPages(count);
      for (let i = 0; i < count; i++) if (!this.#guess(mains[at + i]!, i)) count = i;
      this.#touchRecords(count);
      for (let i = 0; i < count; i++) if (!this.#locate(mains[at + i]!, subs[at + i]!, i)) count = i;
      if (count === 0) return at;
      for (let i = 0; i < count; i++, at++) {
        const start = this.#starts[i]!;
        const end = this.#ends[i]!;
        const { view } = this.#windows[i]!;
        const target = sink.begin(end - start);
        const checksum = copyWithChecksum(view, start, end, mains[at]!, subs[at]!, sink.view, target);
        if (checksum !== view.getUint32(end, true)) {
          sink.takeBack();
          return at;
        }
        left -= end - start;
        if (left <= 0) return at + 1;
      }
    }
    return at;
  }

  /** Finds the leaf for slot `i` of the group. */
  #seek(tree: Tree, main: number, sub: number, i: number): boolean {
    const file = this.#file;
    if (tree.root < 0 || file.map === undefined || tree.depth < 2 || sub >= SPAN) return false;
    const branches = this.#branches;
    const pgno = branches.findLeaf(tree, main, 2 * sub);
    if (pgno < 0) return false;
    const window = file.mappedWindow(pgno);
    if (window === undefined) return false;
    this.#pgnos[i] = pgno;
    this.#windows[i] = window;
    this.#bases[i] = window.offset(pgno);
    this.#above[i] = branches.separator;
    this.#below[i] = branches.nextSeparator;
    return true;
  }

  /** Checks the leaf of slot `i`, and tells where in it the record is likely to be. */
  #guess(main: number, i: number): boolean {
    const { view } = this.#windows[i]!;
    const base = this.#bases[i]!;
    if (view.getUint32(base, true) + view.getUint32(base + 4, true) * SPAN !== this.#pgnos[i]) return false;
    if (view.getUint16(base + 18, true) !== PAGE_LEAF) return false;
    const lower = view.getUint16(base + 20, true);
    if (lower === 0 || (lower & 1) !== 0 || lower > PAGE_BYTES - PAGE_HEADER_BYTES) return false;
    const nodes = lower >>> 1;
    const above = this.#above[i]!;
    const below = this.#below[i]!;
    // Revisions are spread about evenly. In the last leaf, mostly every main revision has one record.
    const guess = (main - above) * (below === Number.POSITIVE_INFINITY ? 1 : nodes / (below - above));
    const index = guess >= 0 && guess < nodes ? guess | 0 : nodes - 1;
    const at = nodeAt(view, base, index);
    if (at < 0) return false;
    this.#nodes[i] = nodes;
    this.#indexes[i] = index;
    this.#starts[i] = at;
    this.#ends[i] = Math.min(base + PAGE_BYTES, at + Math.floor((PAGE_BYTES - PAGE_HEADER_BYTES) / nodes));
    return true;
  }

  /** Finds the record in the leaf of slot `i`. */
  #locate(main: number, sub: number, i: number): boolean {
    const { view } = this.#windows[i]!;
    const base = this.#bases[i]!;
    const at = search(view, base, this.#nodes[i]!, this.#indexes[i]!, main, sub);
    if (at < 0 || (view.getUint16(at + 4, true) & NODE_BIG) !== 0) return false;
    const start = at + NODE_HEADER_BYTES + REVISION_KEY_BYTES;
    const end = start + view.getUint32(at, true) - CHECKSUM_BYTES;
    if (end < start || end + CHECKSUM_BYTES > base + PAGE_BYTES) return false;
    this.#starts[i] = start;
    this.#ends[i] = end;
    return true;
  }

  /** Asks for the first line of each leaf, and nothing else: the fewer steps lie between, the more are under way. */
  #touchPages(count: number): void {
    let touched = 0;
    for (let i = 0; i < count; i++) touched ^= this.#windows[i]!.bytes[this.#bases[i]!]!;
    this.touched = touched;
  }

  /** Asks for the lines in which the records probably are. */
  #touchRecords(count: number): void {
    let touched = 0;
    for (let i = 0; i < count; i++) {
      const { bytes } = this.#windows[i]!;
      const end = this.#ends[i]!;
      for (let line = this.#starts[i]!; line < end; line += CACHE_LINE_BYTES) touched ^= bytes[line]!;
    }
    this.touched = touched;
  }
}

/**
 * Offset of the node with the record of a put, or -1; probably it is the one at `guess`. Its neighbours are tried one by
 * one, because the memory they are in is fetched at the same time.
 */
function search(
  view: DataView,
  base: number,
  nodes: number,
  guess: number,
  main: number,
  sub: number,
): number {
  const high = Math.floor(main / SPAN);
  const low = main >>> 0;
  let index = guess;
  let from = 0;
  let to = nodes;
  for (let tried = 0; from < to; tried++) {
    const at = nodeAt(view, base, index);
    if (at < 0) return -1;
    const order = compare(view, at, high, low, sub);
    if (order === 0) return at;
    if (order === INVALID) return -1;
    if (order < 0) from = index + 1;
    else to = index;
    if (tried >= NEAR) index = (from + to) >>> 1;
    else index = order < 0 ? from : to - 1;
  }
  return -1;
}

/** Offset in the window of node `index` of the page at `base`; -1 when no such key has room there. */
function nodeAt(view: DataView, base: number, index: number): number {
  const at = view.getUint16(base + PAGE_HEADER_BYTES + index * 2, true) + PAGE_HEADER_BYTES;
  return at + NODE_HEADER_BYTES + REVISION_KEY_BYTES <= PAGE_BYTES ? base + at : -1;
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
