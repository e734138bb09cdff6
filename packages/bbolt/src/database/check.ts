import { readBucketValue } from "../bucket/bucket-value.ts";
import { DatabaseFileError } from "../format/errors.ts";
import { META_PAGES, type Meta } from "../format/meta.ts";
import { ELEMENT_BUCKET, MOST_BUCKET_LEVELS, MOST_TREE_LEVELS } from "../format/page.ts";
import type { PageReader } from "../pages/page-reader.ts";
import { PageView } from "../pages/page-view.ts";
import { PageSet, storedFreelist } from "./reachable-pages.ts";

export interface CheckResult {
  /** What is wrong, in the order in which it was found; empty when the database is sound. */
  readonly faults: readonly DatabaseFileError[];
  /** Whether there were more faults, which are not among them. */
  readonly hasMore: boolean;
  /** Pages of trees that were looked at. */
  readonly pages: number;
  /** Slots of the file in use: by those pages, the stored list of free pages, and the metas. */
  readonly slots: number;
  readonly buckets: number;
  /** Keys with values. */
  readonly values: number;
}

const MOST_FAULTS = 1000;

/** A page that is to be looked at. */
interface Visit {
  readonly page: number;
  readonly parent: number;
  readonly level: number;
  readonly bucketLevel: number;
  /** Its first key is `low`, and its keys are below `high`. */
  readonly low: Uint8Array | undefined;
  readonly high: Uint8Array | undefined;
}

/**
 * Looks at everything in a file, as one transaction sees it; stops after each page. Each page must be in the file, of the right
 * kind, whole, with its keys in order and between those of its parent; no page may be in use twice, nor in use and in the stored
 * list of free pages; and with such a list each page must be one of both.
 */
export class Check {
  readonly #reader: PageReader;
  readonly #meta: Meta;
  readonly #faults: DatabaseFileError[] = [];
  readonly #met: PageSet;
  readonly #view = new PageView();
  readonly #open: Visit[] = [];
  #hasMore = false;
  #pages = 0;
  #slots = META_PAGES;
  #buckets = 0;
  #values = 0;

  constructor(reader: PageReader, meta: Meta) {
    this.#reader = reader;
    this.#meta = meta;
    this.#met = new PageSet(meta.highWater);
  }

  *run(): Generator<void, CheckResult, void> {
    this.#open.push({
      page: this.#meta.root,
      parent: 0,
      level: 0,
      bucketLevel: 0,
      low: undefined,
      high: undefined,
    });
    for (let visit = this.#open.pop(); visit !== undefined; visit = this.#open.pop()) {
      this.#noting(() => this.#visit(visit));
      yield;
    }
    const { freelist } = this.#meta;
    if (freelist !== undefined) this.#noting(() => this.#checkFreelist(freelist));
    return {
      faults: this.#faults,
      hasMore: this.#hasMore,
      pages: this.#pages,
      slots: this.#slots,
      buckets: this.#buckets,
      values: this.#values,
    };
  }

  #visit({ page, parent, level, bucketLevel, low, high }: Visit): void {
    const view = this.#view;
    if (level > MOST_TREE_LEVELS) this.#reader.fail(page, `more than ${MOST_TREE_LEVELS} levels`);
    if (bucketLevel > MOST_BUCKET_LEVELS) {
      this.#reader.fail(page, `more than ${MOST_BUCKET_LEVELS} buckets in each other`);
    }
    this.#reader.load(page, this.#meta.highWater, view, parent);
    for (let i = page; i < page + view.slots; i++) {
      // A page that is in use twice is looked at once, or circles would have no end.
      if (this.#met.has(i)) this.#reader.fail(parent, `refers to page ${i}, which is in use already`);
      this.#met.add(i);
    }
    this.#pages++;
    this.#slots += view.slots;
    this.#checkBounds(view, low, high);
    for (let i = 0; i < view.count; i++) {
      if (view.isLeaf) {
        // Nearly all elements are: what could be wrong with one, the page's own check has told.
        if (bucketLevel > 0 && view.elementFlags(i) !== ELEMENT_BUCKET) this.#values++;
        else this.#noting(() => this.#checkElement(view, i, bucketLevel));
      } else {
        const above = i + 1 < view.count ? view.key(i + 1).slice() : high;
        this.#open.push({
          page: view.child(i),
          parent: page,
          level: level + 1,
          bucketLevel,
          low: view.key(i).slice(),
          high: above,
        });
      }
    }
  }

  #checkBounds(view: PageView, low: Uint8Array | undefined, high: Uint8Array | undefined): void {
    const isRoot = low === undefined;
    // bbolt writes neither, and takes the second one for a mistake of its own when it meets it.
    if (!isRoot && view.count === 0) this.#note(view.page, "an empty page that is no root");
    if (!isRoot && !view.isLeaf && view.count === 1) this.#note(view.page, "a branch with one child");
    if (view.count === 0) return;
    if (!isRoot && view.compareKey(0, low) !== 0) {
      // bbolt reads a page with greater keys, but spoils the file when it writes it again.
      this.#note(view.page, "the first key is not the parent's key");
    }
    if (high !== undefined && view.compareKey(view.count - 1, high) >= 0) {
      this.#note(view.page, "keys above the parent's next key");
    }
  }

  #checkElement(view: PageView, index: number, bucketLevel: number): void {
    if (view.elementFlags(index) !== ELEMENT_BUCKET) {
      if (bucketLevel === 0) this.#reader.fail(view.page, "a value beside the buckets of the root");
      this.#values++;
      return;
    }
    const value = readBucketValue(view, index);
    if (typeof value === "string") this.#reader.fail(view.page, value);
    this.#buckets++;
    this.#values += value.image?.count ?? 0;
    if (value.root === 0) return;
    this.#open.push({
      page: value.root,
      parent: view.page,
      level: 0,
      bucketLevel: bucketLevel + 1,
      low: undefined,
      high: undefined,
    });
  }

  #checkFreelist(page: number): void {
    const list = storedFreelist(this.#reader, this.#meta, page);
    this.#slots += list.slots;
    for (let i = page; i < page + list.slots; i++) {
      if (this.#met.has(i)) this.#note(i, "in use, and part of the list of free pages");
      this.#met.add(i);
    }
    const free = new PageSet(this.#meta.highWater);
    let before = 0;
    for (const each of list.free) {
      if (free.has(each)) this.#note(page, `page ${each} is free twice`);
      else if (each < before) this.#note(page, `page ${each} is out of order`);
      if (this.#met.has(each)) this.#note(each, "in use and free");
      free.add(each);
      before = each;
    }
    for (let i = META_PAGES; i < this.#meta.highWater; i++) {
      if (!this.#met.has(i) && !free.has(i)) this.#note(i, "neither in use nor free");
    }
  }

  #noting(look: () => void): void {
    try {
      look();
    } catch (error) {
      if (!(error instanceof DatabaseFileError)) throw error;
      if (this.#faults.length < MOST_FAULTS) this.#faults.push(error);
      else this.#hasMore = true;
    }
  }

  #note(page: number, what: string): void {
    this.#noting(() => this.#reader.fail(page, what));
  }
}
