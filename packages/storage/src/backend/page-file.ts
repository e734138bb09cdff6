import { fstatSync, readSync } from "node:fs";
import { BackendCorruptionError } from "./corruption.ts";
import {
  NODE_BIG,
  NODE_HEADER_BYTES,
  PAGE_BRANCH,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  PAGE_LEAF,
  PAGE_OVERFLOW,
  readNumber,
} from "./lmdb-format.ts";
import type { MapWindow, PageMap } from "./page-map.ts";
import { ReadAhead } from "./read-ahead.ts";

const OVERFLOW_ADDRESS_BYTES = 24;
/** Slots are found by the low bits of the page number. 4 MiB hold the branches above a million records. */
const BRANCH_SLOTS = 1024;
const LEAF_SLOTS = 8;

/**
 * A page in memory. `nodes` is the number of its nodes; `pgno` -1: nothing read yet; `stateNumber` says of which database
 * state it is, -1 when it was not read through the cache.
 */
export interface Page {
  pgno: number;
  nodes: number;
  stateNumber: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
}

export function newPage(): Page {
  const buffer = new ArrayBuffer(PAGE_BYTES);
  return { pgno: -1, nodes: 0, stateNumber: -1, bytes: new Uint8Array(buffer), view: new DataView(buffer) };
}

/**
 * Reads pages of the database file, and believes nothing it reads: every number is checked before it is used, so a
 * damaged file ends in a `BackendCorruptionError` and never in a wrong answer or a crash. We do not read through LMDB
 * because it trusts its pages, and because a page of our own can be had for less than one of its calls.
 */
export class PageFile {
  /** For reports. */
  path: string;
  readonly fd: number;
  /** Pages of the state that is read; all page numbers are below. */
  pageCount = 0;
  /** The transaction that made the state; no page is newer. */
  lastTxnId = 0;
  /** Where single pages come from when it is there. */
  map: PageMap | undefined;
  /** Pages that the file has; the map must not be touched beyond. */
  #filePages = 0;
  readonly #branches: (Page | undefined)[] = new Array(BRANCH_SLOTS);
  readonly #leaves: (Page | undefined)[] = new Array(LEAF_SLOTS);
  readonly #ahead: ReadAhead;
  #stateNumber = 0;

  /** `fd` stays the caller's to close. */
  constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
    this.#ahead = new ReadAhead(fd);
  }

  /** A commit is visible: pages may have been written anew. Borrowed pages keep their old content until reused. */
  invalidate(): void {
    this.#stateNumber++;
  }

  /** Borrowed until the next read through the cache. `level` counts from 0 at the root of a tree of `depth` levels. */
  cached(pgno: number, level: number, depth: number): Page {
    const leaf = level === depth - 1;
    const slots = leaf ? this.#leaves : this.#branches;
    const index = pgno & (slots.length - 1);
    let slot = slots[index];
    if (slot === undefined) {
      slot = newPage();
      slots[index] = slot;
    }
    if (slot.pgno === pgno && slot.stateNumber === this.#stateNumber) return slot;
    this.read(pgno, leaf, slot, this.map);
    slot.stateNumber = this.#stateNumber;
    return slot;
  }

  /** Whether a page got from `cached` still is page `pgno` of this state. */
  isCurrent(page: Page, pgno: number): boolean {
    return page.pgno === pgno && page.stateNumber === this.#stateNumber;
  }

  /** The file may have grown. */
  noteSize(): void {
    this.#filePages = Math.floor(fstatSync(this.fd).size / PAGE_BYTES);
  }

  /** Counts the database states that have been read here: another one with every commit that becomes visible. */
  get stateNumber(): number {
    return this.#stateNumber;
  }

  /** The transaction that wrote page `pgno`, according to the map; -1 when there is no such page in it. */
  mappedTxnId(pgno: number): number {
    const window = this.mappedWindow(pgno);
    if (window === undefined) return -1;
    const at = window.offset(pgno);
    return readNumber(window.view, at) === pgno ? readNumber(window.view, at + 8) : -1;
  }

  /** Where a page of the state can be read in place, if anywhere. */
  mappedWindow(pgno: number): MapWindow | undefined {
    return pgno < this.#filePages ? this.map?.window(pgno) : undefined;
  }

  /** Reads a page of a tree into `page`, through the map if one is given. */
  read(pgno: number, leaf: boolean, page: Page, map?: PageMap): void {
    page.pgno = -1;
    this.checkNumber(pgno, 0);
    if (map === undefined || pgno >= this.#filePages || !map.copyPage(pgno, page.bytes)) {
      const length = readSync(this.fd, page.bytes, 0, PAGE_BYTES, pgno * PAGE_BYTES);
      if (length !== PAGE_BYTES) this.corrupt(pgno, 0, "file ends");
    }
    this.#check(pgno, leaf, page);
  }

  /** As `read`, of a leaf whose neighbours are likely to be read next. */
  readAhead(pgno: number, page: Page): void {
    page.pgno = -1;
    this.checkNumber(pgno, 0);
    if (!this.#ahead.copyPage(pgno, this.pageCount, this.#stateNumber, page.bytes))
      this.corrupt(pgno, 0, "file ends");
    this.#check(pgno, true, page);
  }

  #check(pgno: number, leaf: boolean, page: Page): void {
    const view = page.view;
    if (view.getUint32(0, true) + view.getUint32(4, true) * 0x1_0000_0000 !== pgno) {
      this.corrupt(pgno, 0, "page number does not match");
    }
    // LMDB takes pages of a later transaction than its own for ones that it may write to in place.
    if (readNumber(view, 8) > this.lastTxnId) this.corrupt(pgno, 8, "page of a later transaction");
    if (view.getUint16(18, true) !== (leaf ? PAGE_LEAF : PAGE_BRANCH)) {
      this.corrupt(pgno, 18, leaf ? "not a leaf page" : "not a branch page");
    }
    const lower = view.getUint16(20, true);
    const upper = view.getUint16(22, true);
    if (lower === 0 || lower % 2 !== 0 || lower > upper || upper > PAGE_BYTES - PAGE_HEADER_BYTES) {
      this.corrupt(pgno, 20, "bounds of the free space");
    }
    page.nodes = lower / 2;
    page.pgno = pgno;
    this.#checkFill(page, leaf, upper);
  }

  /** LMDB leaves no holes between nodes, so their sizes tell whether one was lost with a damaged count. */
  #checkFill(page: Page, leaf: boolean, upper: number): void {
    const { view, pgno } = page;
    let filled = PAGE_HEADER_BYTES + upper;
    for (let i = 0; i < page.nodes; i++) {
      const at = view.getUint16(PAGE_HEADER_BYTES + i * 2, true) + PAGE_HEADER_BYTES;
      if (at < PAGE_HEADER_BYTES + upper || at + NODE_HEADER_BYTES > PAGE_BYTES) {
        this.corrupt(pgno, PAGE_HEADER_BYTES + i * 2, "node outside of the page");
      }
      let size = NODE_HEADER_BYTES + view.getUint16(at + 6, true);
      if (leaf) size += this.isBig(page, at) ? OVERFLOW_ADDRESS_BYTES : view.getUint32(at, true);
      if (at + size > PAGE_BYTES) this.corrupt(pgno, at, "key or data outside of the page");
      filled += size + (size & 1);
    }
    if (filled !== PAGE_BYTES) this.corrupt(pgno, 20, "nodes do not fill the page's used part");
  }

  /** Offset in the page of node `index`. */
  node(page: Page, index: number): number {
    return page.view.getUint16(PAGE_HEADER_BYTES + index * 2, true) + PAGE_HEADER_BYTES;
  }

  /** Page number of the child under node `index` of a branch page. */
  child(page: Page, index: number): number {
    const at = this.node(page, index);
    const pgno = page.view.getUint32(at, true) + page.view.getUint16(at + 4, true) * 0x1_0000_0000;
    if (pgno < 2 || pgno >= this.pageCount) this.corrupt(page.pgno, at, `child page ${pgno}`);
    return pgno;
  }

  /** Length of the data of the leaf node at `at`, which is in the page or, when it is big, in an overflow run. */
  dataLength(page: Page, at: number): number {
    return page.view.getUint32(at, true);
  }

  isBig(page: Page, at: number): boolean {
    return (page.view.getUint16(at + 4, true) & NODE_BIG) !== 0;
  }

  /** First page and number of pages of the overflow run that holds the data of the node at `at`. */
  overflow(page: Page, at: number): { pgno: number; pages: number } {
    const from = at + NODE_HEADER_BYTES + page.view.getUint16(at + 6, true);
    const pgno = readNumber(page.view, from);
    const pages = readNumber(page.view, from + 16);
    const wanted = Math.ceil((PAGE_HEADER_BYTES + page.view.getUint32(at, true)) / PAGE_BYTES);
    if (pages !== wanted || pgno < 2 || !(pgno + pages <= this.pageCount)) {
      this.corrupt(page.pgno, from, `overflow run of ${pages} pages at page ${pgno}`);
    }
    return { pgno, pages };
  }

  /** The data of a node that is in an overflow run, in memory of its own, with the page header before it. */
  readOverflow(page: Page, at: number): Uint8Array<ArrayBuffer> {
    const { pgno, pages } = this.overflow(page, at);
    const length = PAGE_HEADER_BYTES + page.view.getUint32(at, true);
    const bytes = new Uint8Array(length);
    if (readSync(this.fd, bytes, 0, length, pgno * PAGE_BYTES) !== length) this.corrupt(pgno, 0, "file ends");
    const view = new DataView(bytes.buffer);
    if (readNumber(view, 0) !== pgno) this.corrupt(pgno, 0, "page number does not match");
    if (readNumber(view, 8) > this.lastTxnId) this.corrupt(pgno, 8, "page of a later transaction");
    if (view.getUint16(18, true) !== PAGE_OVERFLOW) this.corrupt(pgno, 18, "not an overflow page");
    if (view.getUint32(20, true) !== pages) this.corrupt(pgno, 20, "length of the overflow run");
    return bytes;
  }

  checkNumber(pgno: number, fromPage: number): void {
    if (!(pgno >= 2 && pgno < this.pageCount)) this.corrupt(fromPage, 0, `page number ${pgno}`);
  }

  corrupt(pgno: number, offset: number, what: string): never {
    throw new BackendCorruptionError(this.path, pgno * PAGE_BYTES + offset, what);
  }
}
