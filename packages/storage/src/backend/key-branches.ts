import { NODE_HEADER_BYTES, readNumber, type Tree } from "./lmdb-format.ts";
import { newPage, type Page, type PageFile } from "./page-file.ts";
import { isRevisionKey, mainOf, subOf, TOMBSTONE_KEY_BYTES } from "./revision-key.ts";

/** Slots are found by the low bits of the page number; enough for the branches above a million records. */
const SLOTS = 1024;
/** At least as many as there are nodes in a branch page of table `key`. */
const MOST_CHILDREN = 160;

// What is known of a slot's page, in one cache line.
const PGNO = 0;
/** The transaction that wrote it: a page with the same number and transaction has the same content. */
const TXN_ID = 1;
/** Number of the database state for which that was looked up last. */
const STATE_NUMBER = 2;
const CHILDREN = 3;
/** Children per main revision. */
const DENSITY = 4;
const SLOT_FIELDS = 8;

/**
 * The way from a revision to its leaf. Branch pages are kept decoded, and over commits, which write few of them anew.
 * Separators of table `key` are spread evenly, so a search mostly begins at the right child. Everything lies in a few
 * large arrays, because what it costs is cache misses; slots that are not used take no memory.
 */
export class KeyBranches {
  readonly #file: PageFile;
  readonly #slots = new Float64Array(SLOTS * SLOT_FIELDS).fill(-1);
  /** Pairs of a separator's main revision and the page with what is not below it; the first one is below everything. */
  readonly #pairs = new Float64Array(SLOTS * 2 * MOST_CHILDREN);
  /** Twice the separators' sub-revisions, plus one for a tombstone. */
  readonly #subs = new Float64Array(SLOTS * MOST_CHILDREN);
  #page: Page | undefined;
  /** Main revisions of the separators around the leaf that `findLeaf` found; -1 and infinity where there is none. */
  separator = -1;
  nextSeparator = Number.POSITIVE_INFINITY;
  /** Twice their sub-revisions, plus one for a tombstone. */
  separatorSub = 0;
  nextSeparatorSub = 0;

  constructor(file: PageFile) {
    this.#file = file;
  }

  /**
   * The page on which a revision is if there is one; -1 when a branch page is not what it should be. `doubleSub` is
   * twice its sub-revision, plus one for a tombstone. The tree is not empty.
   */
  findLeaf(tree: Tree, main: number, doubleSub: number): number {
    const pairs = this.#pairs;
    const slots = this.#slots;
    const subs = this.#subs;
    // Values, not places: a page below may take the slot of one above.
    let above = -1;
    let aboveSub = 0;
    let below = Number.POSITIVE_INFINITY;
    let belowSub = 0;
    let pgno = tree.root;
    for (let level = 1; level < tree.depth; level++) {
      const slot = pgno & (SLOTS - 1);
      const fields = slot * SLOT_FIELDS;
      if (slots[fields + PGNO] !== pgno || slots[fields + STATE_NUMBER] !== this.#file.stateNumber) {
        if (!this.#renew(slot, pgno)) return -1;
      }
      const first = slot * 2 * MOST_CHILDREN;
      const last = first + 2 * (slots[fields + CHILDREN]! - 1);
      let at = first + 2 * (Math.floor((main - pairs[first + 2]!) * slots[fields + DENSITY]!) + 1);
      if (!(at >= first)) at = first;
      else if (at > last) at = last;
      while (at < last && this.#isNotAbove(at + 2, main, doubleSub)) at += 2;
      while (at > first && !this.#isNotAbove(at, main, doubleSub)) at -= 2;
      if (at > first) {
        above = pairs[at]!;
        aboveSub = subs[at >>> 1]!;
      }
      if (at < last) {
        below = pairs[at + 2]!;
        belowSub = subs[(at + 2) >>> 1]!;
      }
      pgno = pairs[at + 1]!;
    }
    this.separator = above;
    this.nextSeparator = below;
    this.separatorSub = aboveSub;
    this.nextSeparatorSub = belowSub;
    return pgno;
  }

  #isNotAbove(at: number, main: number, doubleSub: number): boolean {
    const separator = this.#pairs[at]!;
    return separator < main || (separator === main && this.#subs[at >>> 1]! <= doubleSub);
  }

  /** Makes sure that the slot has the page as it is in the present state. */
  #renew(slot: number, pgno: number): boolean {
    const file = this.#file;
    const slots = this.#slots;
    const fields = slot * SLOT_FIELDS;
    if (slots[fields + PGNO] !== pgno || slots[fields + TXN_ID] !== file.mappedTxnId(pgno)) {
      slots[fields + PGNO] = -1;
      if (!this.#read(slot, pgno)) return false;
      slots[fields + PGNO] = pgno;
    }
    slots[fields + STATE_NUMBER] = file.stateNumber;
    return true;
  }

  #read(slot: number, pgno: number): boolean {
    const file = this.#file;
    this.#page ??= newPage();
    const page = this.#page;
    file.read(pgno, false, page, file.map);
    const { nodes, view } = page;
    if (nodes > MOST_CHILDREN) return false;
    const pairs = this.#pairs;
    const subs = this.#subs;
    const first = slot * MOST_CHILDREN;
    for (let i = 0; i < nodes; i++) {
      pairs[2 * (first + i) + 1] = file.child(page, i);
      if (i === 0) continue;
      const at = file.node(page, i);
      const key = at + NODE_HEADER_BYTES;
      const length = view.getUint16(at + 6, true);
      if (!isRevisionKey(view, key, length)) return false;
      pairs[2 * (first + i)] = mainOf(view, key);
      subs[first + i] = 2 * subOf(view, key) + (length === TOMBSTONE_KEY_BYTES ? 1 : 0);
    }
    const revisions = nodes > 2 ? pairs[2 * (first + nodes - 1)]! - pairs[2 * (first + 1)]! : 0;
    const fields = slot * SLOT_FIELDS;
    this.#slots[fields + TXN_ID] = readNumber(view, 8);
    this.#slots[fields + CHILDREN] = nodes;
    this.#slots[fields + DENSITY] = revisions > 0 ? (nodes - 2) / revisions : 0;
    return true;
  }
}
