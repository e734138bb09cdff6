import { type Database, PageView } from "@quorate/bbolt";
import { isRevisionKey, mainOf, subOf, TOMBSTONE_KEY_BYTES } from "../backend/revision-key.ts";

/** Enough for the branches above some million records. */
const SLOTS = 4096;
const FIRST_PAGES = 4096;
/** Bytes of a branch that a child takes at least: an element and a revision's key. */
const CHILD_BYTES = 16 + 17;
const USUAL_PAGE_BYTES = 4096;

// What is known of a slot's page.
const PAGE = 0;
const CHILDREN = 1;
/** Children per main revision. */
const DENSITY = 2;
const SLOT_FIELDS = 4;

/**
 * The way from a revision to its leaf. Branch pages are kept decoded, and over commits, which write few of them anew.
 * Separators of bucket `key` are spread evenly, so a search mostly begins at the right child. Everything lies in a few
 * large arrays, because what it costs is cache misses; slots that are not used take no memory.
 */
export class KeyBranches {
  readonly #database: Database;
  readonly #slotCount: number;
  /** For each page the slot in which it is kept, plus 1; 0 when it is in none. */
  #slotOf = new Int32Array(FIRST_PAGES);
  /** The one that is used next, whatever is in it. */
  #nextSlot = 0;
  /** As many as there are children in a branch page of one slot. */
  readonly #mostChildren: number;
  readonly #slots: Float64Array;
  /** Pairs of a separator's main revision and the page with what is not below it; the first one is below everything. */
  readonly #pairs: Float64Array;
  /** Twice the separators' sub-revisions, plus one for a tombstone. */
  readonly #subs: Float64Array;
  readonly #view = new PageView();
  /** Main revisions of the separators around the leaf that `findLeaf` found; -1 and infinity where there is none. */
  separator = -1;
  nextSeparator = Number.POSITIVE_INFINITY;
  /** The branch that refers to that leaf. */
  parent = 0;

  constructor(database: Database) {
    const { pageBytes } = database;
    const slots = Math.min(SLOTS, (SLOTS * USUAL_PAGE_BYTES) / pageBytes);
    this.#database = database;
    this.#slotCount = slots;
    this.#mostChildren = Math.ceil(pageBytes / CHILD_BYTES);
    this.#slots = new Float64Array(slots * SLOT_FIELDS).fill(-1);
    this.#pairs = new Float64Array(slots * 2 * this.#mostChildren);
    this.#subs = new Float64Array(slots * this.#mostChildren);
    database.reader.onForget = (page, count) => this.#forget(page, count);
  }

  /** How many branches lie above each leaf of the tree at `root`. */
  levelsAbove(root: number): number {
    const { reader, latest } = this.#database;
    let page = root;
    for (let level = 0, parent = 0; ; level++) {
      reader.load(page, latest.meta.highWater, this.#view, parent);
      if (this.#view.isLeaf) return level;
      parent = page;
      page = this.#view.child(0);
    }
  }

  /**
   * The page on which a revision is if there is one; -1 when a branch page is not what it is as a rule. `doubleSub` is twice its
   * sub-revision, plus one for a tombstone. The tree is that of the latest state.
   */
  findLeaf(root: number, levels: number, main: number, doubleSub: number): number {
    const pairs = this.#pairs;
    const slots = this.#slots;
    const mostChildren = this.#mostChildren;
    // Values, not places: a page below may take the slot of one above.
    let above = -1;
    let below = Number.POSITIVE_INFINITY;
    let parent = 0;
    let page = root;
    for (let level = 0; level < levels; level++) {
      let slot = page < this.#slotOf.length ? this.#slotOf[page]! - 1 : -1;
      if (slot < 0) {
        slot = this.#read(page, parent);
        if (slot < 0) return -1;
      }
      const fields = slot * SLOT_FIELDS;
      const first = slot * 2 * mostChildren;
      const last = first + 2 * (slots[fields + CHILDREN]! - 1);
      let at = first + 2 * (Math.floor((main - pairs[first + 2]!) * slots[fields + DENSITY]!) + 1);
      if (!(at >= first)) at = first;
      else if (at > last) at = last;
      while (at < last && this.#isNotAbove(at + 2, main, doubleSub)) at += 2;
      while (at > first && !this.#isNotAbove(at, main, doubleSub)) at -= 2;
      if (at > first) above = pairs[at]!;
      if (at < last) below = pairs[at + 2]!;
      parent = page;
      page = pairs[at + 1]!;
    }
    this.separator = above;
    this.nextSeparator = below;
    this.parent = parent;
    return page;
  }

  #isNotAbove(at: number, main: number, doubleSub: number): boolean {
    const separator = this.#pairs[at]!;
    return separator < main || (separator === main && this.#subs[at >>> 1]! <= doubleSub);
  }

  /** Decodes a branch into a slot, which it returns; -1 when it is not as branches are as a rule. */
  #read(page: number, parent: number): number {
    const { reader, latest } = this.#database;
    const branch = this.#view;
    reader.load(page, latest.meta.highWater, branch, parent);
    const { count, view } = branch;
    if (branch.isLeaf || count > this.#mostChildren) return -1;
    const slot = this.#nextSlot;
    this.#nextSlot = (slot + 1) % this.#slotCount;
    this.#empty(slot);
    const pairs = this.#pairs;
    const first = slot * this.#mostChildren;
    for (let i = 0; i < count; i++) {
      pairs[2 * (first + i) + 1] = branch.child(i);
      if (i === 0) continue;
      const key = branch.keyStart(i);
      const length = branch.keyLength(i);
      if (!isRevisionKey(view, key, length)) return -1;
      pairs[2 * (first + i)] = mainOf(view, key);
      this.#subs[first + i] = 2 * subOf(view, key) + (length === TOMBSTONE_KEY_BYTES ? 1 : 0);
    }
    const revisions = count > 2 ? pairs[2 * (first + count - 1)]! - pairs[2 * (first + 1)]! : 0;
    const fields = slot * SLOT_FIELDS;
    this.#slots[fields + PAGE] = page;
    this.#slots[fields + CHILDREN] = count;
    this.#slots[fields + DENSITY] = revisions > 0 ? (count - 2) / revisions : 0;
    if (page >= this.#slotOf.length) this.#growTo(page);
    this.#slotOf[page] = slot + 1;
    return slot;
  }

  #empty(slot: number): void {
    const at = slot * SLOT_FIELDS + PAGE;
    const page = this.#slots[at]!;
    if (page >= 0) this.#slotOf[page] = 0;
    this.#slots[at] = -1;
  }

  /** These pages are about to be written: they are in no state that is read. */
  #forget(page: number, count: number): void {
    const end = Math.min(page + count, this.#slotOf.length);
    for (let i = page; i < end; i++) {
      const slot = this.#slotOf[i]! - 1;
      if (slot >= 0) this.#empty(slot);
    }
  }

  #growTo(page: number): void {
    const wider = new Int32Array(Math.max(2 * this.#slotOf.length, page + 1));
    wider.set(this.#slotOf);
    this.#slotOf = wider;
  }
}
