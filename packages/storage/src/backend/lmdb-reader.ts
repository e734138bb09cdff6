import { readSync } from "node:fs";
import type { RecordSink } from "../seams/backend.ts";
import { recordChecksum } from "./checksum.ts";
import { KeyBranches } from "./key-branches.ts";
import {
  META_PAGES,
  type Meta,
  metaPageProblem,
  NODE_HEADER_BYTES,
  NODE_TREE,
  newestMeta,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  parseTree,
  TREE_BYTES,
  type Tree,
} from "./lmdb-format.ts";
import { MappedRecords } from "./mapped-records.ts";
import { type Page, PageFile } from "./page-file.ts";
import { CHECKSUM_BYTES } from "./pending-revisions.ts";
import { isRevisionKey, mainOf, subOf, TOMBSTONE_KEY_BYTES, writeRevisionKey } from "./revision-key.ts";
import { readStoredValue, storedKey } from "./table-entry.ts";
import { type SmallTable, TREE_NAMES, type TreeName } from "./tree-names.ts";
import { TreeReader } from "./tree-reader.ts";

/** What one committed transaction left: where its trees are. Plain data, so that another thread can read it too. */
export interface DatabaseState {
  readonly txnId: number;
  readonly sizeBytes: number;
  readonly sizeInUseBytes: number;
  readonly trees: ReadonlyMap<TreeName, Tree>;
}

const EMPTY_TREE: Tree = { root: -1, depth: 0, flags: 0, entries: 0, pages: 0 };

/**
 * Reads the tables of one state of the database file. The state stays readable while transactions after it are
 * written, as long as none of them is begun two commits later: LMDB reuses a page only after a later, flushed
 * transaction has freed it.
 */
export class LmdbReader {
  readonly file: PageFile;
  readonly #tree: TreeReader;
  // Made when they are first needed: not every reader reads table `key`.
  #branches: KeyBranches | undefined;
  #mapped: MappedRecords | undefined;
  #state: DatabaseState = { txnId: -1, sizeBytes: 0, sizeInUseBytes: 0, trees: new Map() };
  #keyTree: Tree = EMPTY_TREE;
  /** The record found last: its bytes. Borrowed until the next read. */
  recordBytes: Uint8Array = new Uint8Array(0);
  recordStart = 0;
  recordEnd = 0;

  /** `fd` is open for reading and stays the caller's. */
  constructor(path: string, fd: number) {
    this.file = new PageFile(path, fd);
    this.#tree = new TreeReader(this.file);
  }

  get state(): DatabaseState {
    return this.#state;
  }

  /** The tree of table `key`. */
  get keyTree(): Tree {
    return this.#keyTree;
  }

  /** Goes to the newest committed transaction. */
  renew(): void {
    const view = readMetaPages(this.file);
    this.use(newestMeta(view));
  }

  use(meta: Meta): void {
    const { file } = this;
    file.invalidate();
    file.pageCount = meta.lastPage + 1;
    file.lastTxnId = meta.txnId + 1;
    file.noteSize();
    const trees = new Map<TreeName, Tree>();
    let pages = META_PAGES + meta.free.pages + meta.main.pages;
    for (const name of TREE_NAMES) {
      const tree = this.#namedTree(meta.main, name);
      if (tree === undefined) continue;
      trees.set(name, tree);
      pages += tree.pages;
    }
    this.#keyTree = trees.get("key") ?? EMPTY_TREE;
    this.#state = {
      txnId: meta.txnId,
      sizeBytes: file.pageCount * PAGE_BYTES,
      sizeInUseBytes: Math.min(pages, file.pageCount) * PAGE_BYTES,
      trees,
    };
  }

  /** Finds the record and leaves it in `recordBytes`; false if there is none. */
  findRevision(main: number, sub: number, tombstone: boolean): boolean {
    const mapped = this.#mappedRecords();
    if (!tombstone && mapped.find(this.#keyTree, main, sub)) {
      this.recordBytes = mapped.bytes;
      this.recordStart = mapped.start;
      this.recordEnd = mapped.end;
      return true;
    }
    const target = this.#tree.target;
    target.length = writeRevisionKey(target.view, 0, main, sub, tombstone);
    const at = this.#tree.find(this.#keyTree);
    if (at < 0) {
      if (this.#tree.seek(this.#keyTree)) this.#tree.checkLeaf(this.#tree.leaf!);
      return false;
    }
    this.readRecord(this.#tree.leaf!, at, main, sub, tombstone);
    return true;
  }

  /**
   * Copies the records of the puts `from` up to `to` (exclusive) of two columns, in their order; stops after about
   * `mostBytes`, but not before the first, and before one that is not there. Returns where it stopped.
   */
  copyRevisions(
    mains: Float64Array,
    subs: Int32Array,
    from: number,
    to: number,
    mostBytes: number,
    sink: RecordSink,
  ): number {
    const stopped = this.#mappedRecords().copy(this.#keyTree, mains, subs, from, to, mostBytes, sink);
    if (stopped > from || stopped === to) return stopped;
    if (!this.findRevision(mains[from]!, subs[from]!, false)) return from;
    const { recordBytes, recordStart, recordEnd } = this;
    const target = sink.begin(recordEnd - recordStart);
    sink.bytes.set(recordBytes.subarray(recordStart, recordEnd), target);
    return from + 1;
  }

  /** The last revision in the file, or the last one below another. */
  lastRevision(below?: {
    main: number;
    sub: number;
  }): { main: number; sub: number; tombstone: boolean } | undefined {
    const target = this.#tree.target;
    if (below === undefined) this.#tree.targetEnd();
    else target.length = writeRevisionKey(target.view, 0, below.main, below.sub, false);
    const at = this.#tree.findBelow(this.#keyTree);
    if (at < 0) return undefined;
    const leaf = this.#tree.leaf!;
    this.checkRevisionKey(leaf, at);
    const key = at + NODE_HEADER_BYTES;
    const tombstone = leaf.view.getUint16(at + 6, true) === TOMBSTONE_KEY_BYTES;
    return { main: mainOf(leaf.view, key), sub: subOf(leaf.view, key), tombstone };
  }

  /**
   * Reads the leaf with the first record at or above (main, sub) into `page`, and returns the index of that record
   * in it, or -1 if there is none. Checks its keys and their order.
   */
  seekLeaf(main: number, sub: number, page: Page): number {
    const tree = this.#keyTree;
    if (tree.root < 0) return -1;
    const branches = this.#keyBranches();
    let pgno = branches.findLeaf(tree, main, 2 * sub);
    for (let tried = 0; pgno >= 0; tried++) {
      this.file.readAhead(pgno, page);
      const index = this.#checkKeyLeaf(page, branches, main, 2 * sub);
      if (index < page.nodes) return index;
      if (branches.nextSeparator === Number.POSITIVE_INFINITY) return -1;
      if (tried > 0) this.file.corrupt(page.pgno, 0, "a leaf below its separator");
      pgno = branches.findLeaf(tree, branches.nextSeparator, branches.nextSeparatorSub);
    }
    return this.file.corrupt(tree.root, 0, "a separator that is no revision");
  }

  /** Where the leaf after that of the last `seekLeaf` begins, at or above this main revision; infinity at the end. */
  get nextLeafMain(): number {
    return this.#keyBranches().nextSeparator;
  }

  get nextLeafSub(): number {
    return Math.floor(this.#keyBranches().nextSeparatorSub / 2);
  }

  #keyBranches(): KeyBranches {
    this.#branches ??= new KeyBranches(this.file);
    return this.#branches;
  }

  #mappedRecords(): MappedRecords {
    this.#mapped ??= new MappedRecords(this.file, this.#keyBranches());
    return this.#mapped;
  }

  /**
   * Checks that the revisions of a leaf ascend and lie between the separators around it: in a leaf in disorder, a search
   * misses records that are there. Returns the index of the first that is not below (main, doubleSub / 2).
   */
  #checkKeyLeaf(page: Page, branches: KeyBranches, main: number, doubleSub: number): number {
    const { file } = this;
    const { view, nodes } = page;
    let lastMain = branches.separator;
    let lastSub = branches.separatorSub - 1;
    let index = 0;
    for (let i = 0; i < nodes; i++) {
      const at = file.node(page, i);
      this.checkRevisionKey(page, at);
      const key = at + NODE_HEADER_BYTES;
      const eachMain = mainOf(view, key);
      const eachSub = 2 * subOf(view, key) + (view.getUint16(at + 6, true) === TOMBSTONE_KEY_BYTES ? 1 : 0);
      if (eachMain < lastMain || (eachMain === lastMain && eachSub <= lastSub)) {
        file.corrupt(page.pgno, at, i === 0 ? "keys below the leaf's separator" : "keys out of order");
      }
      if (eachMain < main || (eachMain === main && eachSub < doubleSub)) index = i + 1;
      lastMain = eachMain;
      lastSub = eachSub;
    }
    const { nextSeparator, nextSeparatorSub } = branches;
    if (lastMain > nextSeparator || (lastMain === nextSeparator && lastSub >= nextSeparatorSub)) {
      file.corrupt(page.pgno, 0, "keys above the leaf's separator");
    }
    return index;
  }

  checkRevisionKey(page: Page, at: number): void {
    if (!isRevisionKey(page.view, at + NODE_HEADER_BYTES, page.view.getUint16(at + 6, true))) {
      this.file.corrupt(page.pgno, at, "not the key of a revision");
    }
  }

  /** Leaves the record of the node at `at` in `recordBytes`, after its checksum was found right. */
  readRecord(page: Page, at: number, main: number, sub: number, tombstone: boolean): void {
    const length = this.file.dataLength(page, at);
    let start = at + NODE_HEADER_BYTES + page.view.getUint16(at + 6, true);
    let bytes = page.bytes;
    let view = page.view;
    if (this.file.isBig(page, at)) {
      bytes = this.file.readOverflow(page, at);
      view = new DataView(bytes.buffer);
      start = PAGE_HEADER_BYTES;
    }
    const end = start + length - CHECKSUM_BYTES;
    if (end < start) this.file.corrupt(page.pgno, at, "a record without a checksum");
    if (recordChecksum(view, start, end, main, sub, tombstone) !== view.getUint32(end, true)) {
      this.#corruptData(page, at, `checksum of revision (${main}, ${sub})`);
    }
    this.recordBytes = bytes;
    this.recordStart = start;
    this.recordEnd = end;
  }

  /** An owned copy. */
  get(table: SmallTable, key: Uint8Array): Uint8Array | undefined {
    const tree = this.#state.trees.get(table);
    if (tree === undefined) return undefined;
    this.#tree.target.set(storedKey(key));
    const at = this.#tree.find(tree);
    return at < 0 ? undefined : this.#readEntry(this.#tree.leaf!, at)[1];
  }

  /** All entries, in ascending order of their stored keys. Owned copies. */
  entries(table: SmallTable): [key: Uint8Array, value: Uint8Array][] {
    const found: [Uint8Array, Uint8Array][] = [];
    this.visitEntries(table, new Uint8Array(0), Number.MAX_SAFE_INTEGER, (key, value) =>
      found.push([key, value]),
    );
    return found;
  }

  /**
   * Visits about `limit` entries from the stored key `from` on; returns the stored key to go on at, undefined at the
   * end. The visitor owns what it is given.
   */
  visitEntries(
    table: SmallTable,
    from: Uint8Array,
    limit: number,
    visitor: (key: Uint8Array, value: Uint8Array) => void,
  ): Uint8Array | undefined {
    const tree = this.#state.trees.get(table);
    const reader = this.#tree;
    reader.target.set(from);
    let visited = 0;
    while (tree !== undefined && reader.seek(tree)) {
      const leaf = reader.leaf!;
      for (let i = reader.index; i < leaf.nodes; i++) {
        const [key, value] = this.#readEntry(leaf, this.file.node(leaf, i));
        visitor(key, value);
        visited++;
      }
      if (!reader.hasNext) break;
      const next = reader.next.bytes.slice(0, reader.next.length);
      if (visited >= limit) return next;
      reader.target.set(next);
    }
    return undefined;
  }

  /** Where in the file the value of an entry begins; undefined without the entry. */
  offsetOf(table: SmallTable, key: Uint8Array): number | undefined {
    const tree = this.#state.trees.get(table);
    if (tree === undefined) return undefined;
    this.#tree.target.set(storedKey(key));
    const at = this.#tree.find(tree);
    if (at < 0) return undefined;
    const leaf = this.#tree.leaf!;
    return leaf.pgno * PAGE_BYTES + at + NODE_HEADER_BYTES + leaf.view.getUint16(at + 6, true);
  }

  #readEntry(page: Page, at: number): [key: Uint8Array, value: Uint8Array] {
    const length = this.file.dataLength(page, at);
    const big = this.file.isBig(page, at);
    const start = big ? PAGE_HEADER_BYTES : at + NODE_HEADER_BYTES + page.view.getUint16(at + 6, true);
    const bytes = big ? this.file.readOverflow(page, at) : page.bytes;
    const entry = readStoredValue(bytes, start, start + length);
    if (entry === undefined) return this.#corruptData(page, at, "checksum of an entry");
    const stored = storedKey(entry[0]);
    const keyAt = at + NODE_HEADER_BYTES;
    if (Buffer.compare(stored, page.bytes.subarray(keyAt, keyAt + page.view.getUint16(at + 6, true))) !== 0) {
      this.file.corrupt(page.pgno, at, "key of an entry");
    }
    return entry;
  }

  #corruptData(page: Page, at: number, what: string): never {
    if (this.file.isBig(page, at))
      this.file.corrupt(this.file.overflow(page, at).pgno, PAGE_HEADER_BYTES, what);
    this.file.corrupt(page.pgno, at, what);
  }

  #namedTree(main: Tree, name: TreeName): Tree | undefined {
    // LMDB's binding ends the names of tables with a zero byte.
    for (const bytes of [Buffer.from(name), Buffer.from(`${name}\0`)]) {
      this.#tree.target.set(bytes);
      const at = this.#tree.find(main);
      if (at < 0) continue;
      const leaf = this.#tree.leaf!;
      const length = this.file.dataLength(leaf, at);
      if (length !== TREE_BYTES || (leaf.view.getUint16(at + 4, true) & NODE_TREE) === 0) {
        this.file.corrupt(leaf.pgno, at, `entry of table ${name}`);
      }
      return parseTree(leaf.view, at + NODE_HEADER_BYTES + bytes.length);
    }
    return undefined;
  }
}

/** The first two pages, with the right magic numbers. */
export function readMetaPages(file: PageFile): DataView {
  const bytes = new Uint8Array(META_PAGES * PAGE_BYTES);
  if (readSync(file.fd, bytes, 0, bytes.length, 0) !== bytes.length) file.corrupt(0, 0, "file too short");
  const view = new DataView(bytes.buffer);
  for (let page = 0; page < META_PAGES; page++) {
    const problem = metaPageProblem(view, page);
    if (problem !== undefined) file.corrupt(page, 0, problem);
  }
  return view;
}
