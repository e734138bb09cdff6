import { closeSync, fstatSync, openSync } from "node:fs";
import { compareNodes } from "./key-target.ts";
import {
  type Meta,
  NODE_HEADER_BYTES,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  readNumber,
  restoredMeta,
  type Tree,
} from "./lmdb-format.ts";
import { LmdbReader, readMetaPages } from "./lmdb-reader.ts";
import { newPage, type Page, type PageFile } from "./page-file.ts";
import { TREE_NAMES } from "./tree-names.ts";

/** More levels than any file can have. */
const MAX_DEPTH = 32;

/**
 * Checks a database file before LMDB opens it, because LMDB believes its pages, and can end the process or overwrite
 * live pages when they are wrong. Reads the metas, every branch page, all tables but `key`, and the list of free
 * pages; each page must be what its parent says, its keys in order and between its parent's, no page used twice. The
 * leaves of table `key` are only accounted for: whoever scans it (a start does) checks them and every record.
 * Throws `BackendCorruptionError`. Returns the transaction that LMDB will go back to, undefined for an empty file.
 */
export function checkStructure(path: string): number | undefined {
  const fd = openSync(path, "r");
  try {
    if (fstatSync(fd).size === 0) return undefined;
    const reader = new LmdbReader(path, fd);
    const meta = restoredMeta(readMetaPages(reader.file));
    new StructureCheck(reader, meta).run();
    return meta.txnId;
  } finally {
    closeSync(fd);
  }
}

/** A key, by the node that has it. */
interface KeyAt {
  readonly page: Page;
  readonly at: number;
}

class StructureCheck {
  readonly #reader: LmdbReader;
  readonly #file: PageFile;
  readonly #meta: Meta;
  /** One bit a page. */
  #used = new Uint8Array(0);

  constructor(reader: LmdbReader, meta: Meta) {
    this.#reader = reader;
    this.#file = reader.file;
    this.#meta = meta;
  }

  run(): void {
    const { free, main, lastPage, pageBytes, txnId } = this.#meta;
    const file = this.#file;
    if (pageBytes !== PAGE_BYTES) file.corrupt(0, PAGE_HEADER_BYTES, `pages of ${pageBytes} bytes`);
    // LMDB refers to pages by 48 bits; a file of our page size ends long before.
    if (!(lastPage >= 1 && lastPage < 2 ** 40)) file.corrupt(0, 0, `last page ${lastPage}`);
    if (!Number.isSafeInteger(txnId)) file.corrupt(0, 0, "transaction number");
    const size = fstatSync(file.fd).size;
    if ((lastPage + 1) * PAGE_BYTES > size + 2 ** 30)
      file.corrupt(0, 0, `last page ${lastPage}, beyond the file`);
    file.pageCount = lastPage + 1;
    // Going back after a crash leaves a second copy of the meta, numbered one lower.
    file.lastTxnId = txnId + 1;
    this.#used = new Uint8Array((lastPage >>> 3) + 1);
    this.#use(0, 0, 2);
    this.#checkNewestRoot(main);
    this.#walk(main, "main", () => {});
    this.#walk(free, "free", (page, at) => this.#useFreePages(page, at));
    this.#reader.use(this.#meta);
    for (const name of TREE_NAMES) {
      const tree = this.#reader.state.trees.get(name);
      if (tree === undefined) continue;
      if (tree.flags !== 0) file.corrupt(Math.max(0, main.root), 0, `flags of table ${name}`);
      if (name === "key") this.#walk(tree, name, undefined);
      else {
        this.#walk(tree, name, (page, at) => this.#useOverflow(page, at));
        this.#reader.entries(name);
      }
    }
  }

  /** Every transaction writes the root of all tables anew, so its page must name the meta's transaction. */
  #checkNewestRoot(main: Tree): void {
    if (main.root < 0) return;
    const page = newPage();
    this.#file.read(main.root, main.depth === 1, page);
    const txnId = readNumber(page.view, 8);
    if (txnId !== this.#meta.txnId && txnId !== this.#meta.txnId + 1) {
      this.#file.corrupt(
        main.root,
        8,
        `root of transaction ${txnId} in meta of transaction ${this.#meta.txnId}`,
      );
    }
  }

  /** Visits the nodes of all leaves; without `visit`, the leaves are not read. */
  #walk(tree: Tree, name: string, visit: ((page: Page, at: number) => void) | undefined): void {
    if (tree.root < 0) {
      if (tree.depth !== 0 || tree.entries !== 0) this.#file.corrupt(0, 0, `empty tree ${name}`);
      return;
    }
    if (tree.depth < 1 || tree.depth > MAX_DEPTH) this.#file.corrupt(0, 0, `depth of tree ${name}`);
    const counted = this.#walkPage(tree, tree.root, 0, 0, undefined, undefined, visit, name === "free");
    if (visit !== undefined && counted !== tree.entries) {
      this.#file.corrupt(tree.root, 0, `tree ${name} has ${counted} entries, not ${tree.entries}`);
    }
  }

  #walkPage(
    tree: Tree,
    pgno: number,
    parent: number,
    level: number,
    low: KeyAt | undefined,
    high: KeyAt | undefined,
    visit: ((page: Page, at: number) => void) | undefined,
    integerKeys: boolean,
  ): number {
    this.#use(parent, pgno, 1);
    const leaf = level === tree.depth - 1;
    if (leaf && visit === undefined) return 0;
    const page = newPage();
    const file = this.#file;
    file.read(pgno, leaf, page);
    const first = leaf ? 0 : 1;
    for (let i = first; i < page.nodes; i++) {
      const at = file.node(page, i);
      const inOrder =
        i > first
          ? compareKeys(page, at, page, file.node(page, i - 1), integerKeys) > 0
          : low === undefined || compareKeys(page, at, low.page, low.at, integerKeys) >= 0;
      if (!inOrder) file.corrupt(pgno, at, "keys out of order");
      if (high !== undefined && compareKeys(page, at, high.page, high.at, integerKeys) >= 0) {
        file.corrupt(pgno, at, "keys above the page's separator");
      }
    }
    if (leaf) {
      for (let i = 0; i < page.nodes; i++) visit!(page, file.node(page, i));
      return page.nodes;
    }
    let counted = 0;
    for (let i = 0; i < page.nodes; i++) {
      const from = i === 0 ? low : { page, at: file.node(page, i) };
      const to = i + 1 < page.nodes ? { page, at: file.node(page, i + 1) } : high;
      counted += this.#walkPage(tree, file.child(page, i), pgno, level + 1, from, to, visit, integerKeys);
    }
    return counted;
  }

  #useOverflow(page: Page, at: number): void {
    if (!this.#file.isBig(page, at)) return;
    const { pgno, pages } = this.#file.overflow(page, at);
    this.#use(page.pgno, pgno, pages);
  }

  /**
   * A record of the list of free pages: how many words follow, then page numbers, downwards. A negative word says
   * that the next one begins a run of that length, a zero is a gap.
   */
  #useFreePages(page: Page, at: number): void {
    this.#useOverflow(page, at);
    const file = this.#file;
    const length = file.dataLength(page, at);
    let view = page.view;
    let start = at + NODE_HEADER_BYTES + page.view.getUint16(at + 6, true);
    if (file.isBig(page, at)) {
      view = new DataView(file.readOverflow(page, at).buffer);
      start = PAGE_HEADER_BYTES;
    }
    if (page.view.getUint16(at + 6, true) !== 8 || length < 8)
      file.corrupt(page.pgno, at, "list of free pages");
    const words = readNumber(view, start);
    if (!((words + 1) * 8 <= length)) file.corrupt(page.pgno, at, "length of the list of free pages");
    let run = 1;
    for (let i = 1; i <= words; i++) {
      const word = Number(view.getBigInt64(start + i * 8, true));
      if (word < 0) run = -word;
      else if (word > 0) {
        this.#use(page.pgno, word, run);
        run = 1;
      }
    }
  }

  #use(parent: number, pgno: number, pages: number): void {
    if (!(pgno >= 0 && pages >= 1 && pgno + pages <= this.#file.pageCount)) {
      this.#file.corrupt(parent, 0, `refers to ${pages} pages at page ${pgno}`);
    }
    for (let i = pgno; i < pgno + pages; i++) {
      if ((this.#used[i >>> 3]! & (1 << (i & 7))) !== 0)
        this.#file.corrupt(parent, 0, `page ${i} is used twice`);
      this.#used[i >>> 3]! |= 1 << (i & 7);
    }
  }
}

function compareKeys(page: Page, at: number, otherPage: Page, other: number, integerKeys: boolean): number {
  if (!integerKeys) return compareNodes(page, at, otherPage, other);
  return (
    readNumber(page.view, at + NODE_HEADER_BYTES) - readNumber(otherPage.view, other + NODE_HEADER_BYTES)
  );
}
