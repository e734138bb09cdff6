import {
  BUCKET_HEADER_BYTES,
  ELEMENT_BUCKET,
  ELEMENT_BYTES,
  LONGEST_KEY_BYTES,
  PAGE_BRANCH,
  PAGE_HEADER_BYTES,
  PAGE_LEAF,
  readNumber,
} from "./format.ts";
import type { PageReader, PageRun } from "./page-reader.ts";

/**
 * Called with an entry: its key is the bytes from `keyStart` to `valueStart`, its value those from there to `end`. All
 * borrowed until it returns.
 */
export type EntryVisitor = (
  bytes: Uint8Array,
  view: DataView,
  keyStart: number,
  valueStart: number,
  end: number,
) => void;

/** Where a bucket's entries are: a tree, or a leaf page's image in the bucket's own element. */
export type BucketPlace =
  | { readonly root: number; readonly parent: number }
  | { readonly image: Uint8Array; readonly parent: number };

/** A branch page on the way down; the next child to go to. */
interface Branch {
  readonly run: PageRun;
  next: number;
  /** Below which all its keys are; undefined without a bound. */
  readonly high: Uint8Array | undefined;
}

/** More levels than any file can have that bbolt made: each has at least twice the pages of the one above. */
const MOST_LEVELS = 64;

/** The entries of one bucket, in ascending order of their keys. Holds one page a level. */
export class BucketScan {
  readonly #reader: PageReader;
  /** Of the elements: 0 for entries, 1 for buckets. Others are an error. */
  readonly #flags: number;
  readonly #branches: Branch[] = [];
  #leaf: PageRun | undefined;
  #index = 0;

  constructor(reader: PageReader, place: BucketPlace, flags = 0) {
    this.#reader = reader;
    this.#flags = flags;
    if ("image" in place) this.#openLeaf(imageRun(reader, place.image, place.parent), undefined, undefined);
    else this.#descend(place.root, place.parent, undefined, undefined);
  }

  /** The page that the visited entries lie in. */
  get page(): number {
    return this.#leaf?.page ?? 0;
  }

  /** Visits up to `limit` entries; fewer than `limit` means that there are no more. */
  visit(limit: number, visitor: EntryVisitor): number {
    let count = 0;
    while (count < limit) {
      const leaf = this.#leaf;
      if (leaf === undefined) return count;
      if (this.#index === leaf.count) {
        this.#nextLeaf();
        continue;
      }
      const { bytes, view } = leaf;
      const element = PAGE_HEADER_BYTES + this.#index * ELEMENT_BYTES;
      this.#index++;
      count++;
      const keyStart = element + view.getUint32(element + 4, true);
      const valueStart = keyStart + view.getUint32(element + 8, true);
      visitor(bytes, view, keyStart, valueStart, valueStart + view.getUint32(element + 12, true));
    }
    return count;
  }

  #nextLeaf(): void {
    for (;;) {
      const branch = this.#branches.at(-1);
      if (branch === undefined) {
        this.#leaf = undefined;
        return;
      }
      if (branch.next === branch.run.count) {
        this.#branches.pop();
        continue;
      }
      const { run, next } = branch;
      branch.next++;
      const high = next + 1 < run.count ? branchKey(run, next + 1) : branch.high;
      const child = readNumber(run.view, PAGE_HEADER_BYTES + next * ELEMENT_BYTES + 8);
      this.#descend(child, run.page, branchKey(run, next), high);
      return;
    }
  }

  /** Goes to the first leaf of the tree under a page; its keys must be in [low, high). */
  #descend(page: number, parent: number, low: Uint8Array | undefined, high: Uint8Array | undefined): void {
    const reader = this.#reader;
    for (;;) {
      if (this.#branches.length === MOST_LEVELS) reader.invalid(page, `more than ${MOST_LEVELS} levels`);
      const run = reader.read(page, parent);
      if (run.flags === PAGE_LEAF) {
        this.#openLeaf(run, low, high);
        return;
      }
      if (run.flags !== PAGE_BRANCH) reader.invalid(page, `neither branch nor leaf (flags ${run.flags})`);
      this.#checkBranch(run, low, high);
      this.#branches.push({ run, next: 1, high });
      low = branchKey(run, 0);
      if (run.count > 1) high = branchKey(run, 1);
      parent = page;
      page = readNumber(run.view, PAGE_HEADER_BYTES + 8);
    }
  }

  #checkBranch(run: PageRun, low: Uint8Array | undefined, high: Uint8Array | undefined): void {
    const { count, view, bytes } = run;
    if (count === 0) this.#reader.invalid(run.page, "a branch without children");
    this.#checkRoom(run);
    let room = bytes.length - PAGE_HEADER_BYTES - count * ELEMENT_BYTES;
    for (let i = 0; i < count; i++) {
      const element = PAGE_HEADER_BYTES + i * ELEMENT_BYTES;
      room -= this.#checkData(
        run,
        i,
        element + view.getUint32(element, true),
        view.getUint32(element + 4, true),
        0,
      );
      if (room < 0) this.#reader.invalid(run.page, "keys overlap");
    }
    for (let i = 1; i < count; i++) {
      if (compare(branchKey(run, i - 1), branchKey(run, i)) >= 0) this.#outOfOrder(run, i);
    }
    this.#checkBounds(run, branchKey(run, 0), branchKey(run, count - 1), low, high);
  }

  #openLeaf(run: PageRun, low: Uint8Array | undefined, high: Uint8Array | undefined): void {
    const { count, view, bytes } = run;
    this.#checkRoom(run);
    let room = bytes.length - PAGE_HEADER_BYTES - count * ELEMENT_BYTES;
    let before = 0;
    let beforeLength = 0;
    for (let i = 0; i < count; i++) {
      const element = PAGE_HEADER_BYTES + i * ELEMENT_BYTES;
      const flags = view.getUint32(element, true);
      if (flags !== this.#flags) {
        const what =
          flags === ELEMENT_BUCKET ? "a bucket in a bucket" : `flags ${flags} instead of ${this.#flags}`;
        this.#reader.invalid(run.page, `element ${i}: ${what}`);
      }
      const start = element + view.getUint32(element + 4, true);
      const length = view.getUint32(element + 8, true);
      // Together they are no more than what there is, or a small file could pretend to be a large one.
      room -= this.#checkData(run, i, start, length, view.getUint32(element + 12, true));
      if (room < 0) this.#reader.invalid(run.page, "elements overlap");
      if (i > 0 && compareIn(bytes, before, beforeLength, start, length) >= 0) this.#outOfOrder(run, i);
      before = start;
      beforeLength = length;
    }
    if (count > 0) {
      this.#checkBounds(run, leafKey(run, 0), leafKey(run, count - 1), low, high);
    }
    this.#leaf = run;
    this.#index = 0;
  }

  #checkRoom(run: PageRun): void {
    if (PAGE_HEADER_BYTES + run.count * ELEMENT_BYTES > run.bytes.length) {
      this.#reader.invalid(run.page, `no room for ${run.count} elements`);
    }
  }

  #checkData(run: PageRun, index: number, start: number, keyLength: number, valueLength: number): number {
    if (keyLength === 0 || keyLength > LONGEST_KEY_BYTES) {
      this.#reader.invalid(run.page, `element ${index}: a key of ${keyLength} bytes`);
    }
    const elementsEnd = PAGE_HEADER_BYTES + run.count * ELEMENT_BYTES;
    if (start < elementsEnd || start + keyLength + valueLength > run.bytes.length) {
      this.#reader.invalid(run.page, `element ${index}: data outside of the page`);
    }
    return keyLength + valueLength;
  }

  #checkBounds(
    run: PageRun,
    first: Uint8Array,
    last: Uint8Array,
    low: Uint8Array | undefined,
    high: Uint8Array | undefined,
  ): void {
    if (low !== undefined && compare(first, low) < 0)
      this.#reader.invalid(run.page, "keys below the parent's key");
    if (high !== undefined && compare(last, high) >= 0) {
      this.#reader.invalid(run.page, "keys above the parent's next key");
    }
  }

  #outOfOrder(run: PageRun, index: number): never {
    this.#reader.invalid(run.page, `element ${index}: keys out of order`);
  }
}

/** The leaf page in the value of an inline bucket's element, as a page of its own. */
function imageRun(reader: PageReader, value: Uint8Array, parent: number): PageRun {
  const bytes = value.slice(BUCKET_HEADER_BYTES);
  if (bytes.length < PAGE_HEADER_BYTES) reader.invalid(parent, "an inline bucket that is cut short");
  const view = new DataView(bytes.buffer);
  const flags = view.getUint16(8, true);
  if (flags !== PAGE_LEAF) reader.invalid(parent, `an inline bucket that is no leaf (flags ${flags})`);
  return { page: parent, flags, count: view.getUint16(10, true), slots: 0, bytes, view };
}

function branchKey({ bytes, view }: PageRun, index: number): Uint8Array {
  const element = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
  const start = element + view.getUint32(element, true);
  return bytes.subarray(start, start + view.getUint32(element + 4, true));
}

function leafKey({ bytes, view }: PageRun, index: number): Uint8Array {
  const element = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
  const start = element + view.getUint32(element + 4, true);
  return bytes.subarray(start, start + view.getUint32(element + 8, true));
}

function compare(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

function compareIn(bytes: Uint8Array, a: number, aLength: number, b: number, bLength: number): number {
  const shorter = Math.min(aLength, bLength);
  for (let i = 0; i < shorter; i++) {
    const difference = bytes[a + i]! - bytes[b + i]!;
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}
