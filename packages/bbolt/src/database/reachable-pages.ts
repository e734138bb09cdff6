import { readBucketValue } from "../bucket/bucket-value.ts";
import { readFreelist } from "../format/freelist-page.ts";
import { META_PAGES, type Meta } from "../format/meta.ts";
import { ELEMENT_BUCKET, MOST_BUCKET_LEVELS, MOST_TREE_LEVELS } from "../format/page.ts";
import type { PageReader } from "../pages/page-reader.ts";
import { PageView } from "../pages/page-view.ts";

/** One bit a page. */
export class PageSet {
  readonly #bits: Uint8Array;

  constructor(pages: number) {
    this.#bits = new Uint8Array((pages >>> 3) + 1);
  }

  has(page: number): boolean {
    return (this.#bits[page >>> 3]! & (1 << (page & 7))) !== 0;
  }

  add(page: number): void {
    this.#bits[page >>> 3]! |= 1 << (page & 7);
  }
}

/**
 * The pages of all trees. A generator that stops after each page, since a file may have millions. Throws `DatabaseFileError`
 * when a page is damaged, out of its place, referred to twice or out of the file, so that nothing that is in use is ever taken for free.
 * `onPage` is shown each page, borrowed.
 */
export function* reachablePages(
  reader: PageReader,
  meta: Meta,
  onPage: (page: PageView) => void = () => {},
): Generator<void, PageSet, void> {
  const { highWater } = meta;
  const met = new PageSet(highWater);
  const view = new PageView();
  // Of each page that is still to be visited: its number, who refers to it, its level in its tree, its bucket's level; and
  // between which keys its own must be.
  const open = [meta.root, 0, 0, 0];
  const bounds: (Uint8Array | undefined)[] = [undefined, undefined];
  while (open.length > 0) {
    const bucketLevel = open.pop()!;
    const level = open.pop()!;
    const parent = open.pop()!;
    const page = open.pop()!;
    const high = bounds.pop();
    const low = bounds.pop();
    reader.load(page, highWater, view, parent);
    if (level > MOST_TREE_LEVELS) reader.fail(page, `more than ${MOST_TREE_LEVELS} levels`);
    if (bucketLevel > MOST_BUCKET_LEVELS) reader.fail(page, `more than ${MOST_BUCKET_LEVELS} nested buckets`);
    if (view.count > 0) {
      if (low !== undefined && view.compareKey(0, low) < 0) reader.fail(page, "keys below the parent's key");
      if (high !== undefined && view.compareKey(view.count - 1, high) >= 0) {
        reader.fail(page, "keys above the parent's next key");
      }
    }
    for (let i = page; i < page + view.slots; i++) {
      if (met.has(i)) reader.fail(parent, `refers to page ${i}, which is in use already`);
      met.add(i);
    }
    onPage(view);
    // The first child is visited next, as its pages are likely to be behind this one in the file.
    for (let i = view.count - 1; i >= 0; i--) {
      if (!view.isLeaf) {
        open.push(view.child(i), page, level + 1, bucketLevel);
        bounds.push(view.key(i).slice(), i + 1 < view.count ? view.key(i + 1).slice() : high);
      } else if (view.elementFlags(i) === ELEMENT_BUCKET) {
        const value = readBucketValue(view, i);
        if (typeof value === "string") reader.fail(page, value);
        if (value.root === 0) continue;
        open.push(value.root, page, 0, bucketLevel + 1);
        bounds.push(undefined, undefined);
      } else if (bucketLevel === 0) reader.fail(page, "a value beside the buckets of the root");
    }
    yield;
  }
  return met;
}

/**
 * The pages in the stored list, which must be inside of the file, and the slots of the list itself. Throws
 * `DatabaseFileError`.
 */
export function storedFreelist(
  reader: PageReader,
  meta: Meta,
  page: number,
): { free: number[]; slots: number } {
  const { view, at } = reader.locate(page, meta.highWater, 0);
  const slots = view.getUint32(at + 12, true) + 1;
  const free = readFreelist(view, at, slots * meta.pageBytes, page);
  if (typeof free === "string") reader.fail(page, free);
  for (const each of free) {
    if (!(each >= META_PAGES && each < meta.highWater)) {
      reader.fail(page, `free page ${each} of ${meta.highWater}`);
    }
  }
  return { free, slots };
}
