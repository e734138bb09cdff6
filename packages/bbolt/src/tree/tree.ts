import { DatabaseError } from "../format/errors.ts";
import { ELEMENT_BYTES, ELEMENT_VALUE, MOST_TREE_LEVELS, PAGE_HEADER_BYTES } from "../format/page.ts";
import { compareElements, PageView } from "../pages/page-view.ts";
import { DirtyPage } from "./dirty-page.ts";
import { isWasteful, partition, slotsForElements } from "./partition.ts";
import { type PageLoader, Path, type TreeRoot } from "./path.ts";

/** The pages that a write transaction makes, changes and frees. */
export interface TreePages extends PageLoader {
  readonly pageBytes: number;
  /** The page to change: a copy with a number of its own, instead of `page`, which is freed. */
  touch(page: PageView): DirtyPage;
  /** An empty page that has room for `usedBytes`, header included. */
  create(isLeaf: boolean, usedBytes: number): DirtyPage;
  free(page: PageView): void;
}

/** Less than this part of a page is merged with its neighbour. */
const LEAST_FILL = 0.25;

/**
 * A copy-on-write B+tree that one write transaction changes: a page that changes is copied, and so is the branch that refers
 * to it, up to the root. Pages are split and merged at once, so that each is fit to be written at any time.
 */
export class Tree implements TreeRoot {
  root: number;
  /** The leaf in an inline bucket's element, until something changes. */
  image: PageView | undefined;
  /** Goes up with every change, which makes paths invalid. */
  version = 0;
  readonly #pages: TreePages;
  readonly #path: Path;
  #appendBytes: number;
  /**
   * The last leaf, when the last change appended to it, and its parent: where the next one is likely to go. It may have more
   * slots than it needs, until `settle`.
   */
  #tail: DirtyPage | undefined;
  #tailLimit = 0;
  /** What `version` was when the path led to a leaf that a removal has left as it was otherwise; the next one is likely to go there. */
  #removedVersion = -1;
  /** The first key of a leaf whose first elements were removed: branches refer to it by this key until `settle`. */
  #looseKey: Uint8Array | undefined;
  #tailParent: DirtyPage | undefined;

  constructor(pages: TreePages, root: number, image: PageView | undefined, fill: number) {
    this.#pages = pages;
    this.#path = new Path(pages);
    this.root = root;
    this.image = image;
    this.#appendBytes = Math.floor(pages.pageBytes * fill);
  }

  /** How full pages become to which keys are appended in order: a part of 1. */
  set fill(part: number) {
    this.#appendBytes = Math.floor(this.#pages.pageBytes * part);
  }

  /** Puts a value, copied. The key has a length that is allowed. `INCOMPATIBLE_VALUE` when a bucket has it. */
  putValue(key: Uint8Array, value: Uint8Array): void {
    const tail = this.#tail;
    if (tail !== undefined && (tail.appendLeaf(key, value, this.#tailLimit) || this.#growTail(key, value))) {
      this.version++;
      return;
    }
    this.put(ELEMENT_VALUE, key, value);
  }

  /** The same of the value in `source` from `start` up to `end` (exclusive). */
  putValueFrom(key: Uint8Array, source: DataView, start: number, end: number): void {
    if (this.#tail?.appendLeafFrom(key, source, start, end, this.#tailLimit) === true) {
      this.version++;
      return;
    }
    this.putValue(key, new Uint8Array(source.buffer, source.byteOffset + start, end - start));
  }

  /** Puts an element with its flags. */
  put(flags: number, key: Uint8Array, value: Uint8Array): void {
    this.settle();
    this.#tail = undefined;
    this.version++;
    this.#leaveImage();
    while (!this.#tryPut(flags, key, value));
  }

  /** Removes an element; whether there was one. `INCOMPATIBLE_VALUE` when it has other flags. Cheapest in the order of the keys. */
  remove(flags: number, key: Uint8Array): boolean {
    const path = this.#path;
    if (this.#removedVersion === this.version) {
      const { page } = path.leaf;
      const found = page.search(key);
      if (found >= 0) {
        assertFlags(page, found, flags);
        this.version++;
        this.#removeAt(found, key);
        return true;
      }
    }
    this.settle();
    this.#removedVersion = -1;
    if (!path.find(this, key)) return false;
    assertFlags(path.leaf.page, path.leaf.index, flags);
    this.#tail = undefined;
    this.version++;
    if (this.image !== undefined) {
      this.#leaveImage();
      path.find(this, key);
    }
    this.#touchPath(path.depth);
    this.#removeAt(path.leaf.index, key);
    return true;
  }

  /**
   * For the transaction, before the pages are written: every branch refers to its children by their first keys, and no leaf
   * has more slots than it needs.
   */
  settle(): void {
    this.#trimTail();
    const key = this.#looseKey;
    if (key === undefined) return;
    this.#looseKey = undefined;
    this.version++;
    const path = this.#path;
    do path.find(this, key);
    while (!this.#alignSeparators());
    if (path.leaf.page instanceof DirtyPage && path.leaf.page.slots > 1) this.#rebalance(path.depth - 1);
  }

  /** The root, when it is a leaf that this transaction changed. */
  dirtyRootLeaf(): DirtyPage | undefined {
    if (this.image !== undefined) return undefined;
    const page = this.#pages.load(this.root, new PageView(), 0);
    return page instanceof DirtyPage && page.isLeaf ? page : undefined;
  }

  /** Removes an element of the leaf at the end of the path, whose pages are this transaction's own. */
  #removeAt(index: number, key: Uint8Array): void {
    const { depth, leaf } = this.#path;
    const page = leaf.page as DirtyPage;
    if (index === 0) this.#looseKey ??= key.slice();
    page.remove(index);
    const isFit =
      page.slots === 1
        ? depth === 1 || (page.count > 0 && page.usedBytes >= this.#leastBytes)
        : // Those behind it are likely to go, too: `settle` makes it shorter once.
          index === 0 && page.count > 0;
    if (isFit) {
      this.#removedVersion = this.version;
      return;
    }
    this.#removedVersion = -1;
    this.#rebalance(depth - 1);
    this.settle();
  }

  get #leastBytes(): number {
    return this.#pages.pageBytes * LEAST_FILL;
  }

  #setTail(leaf: DirtyPage, parent: DirtyPage | undefined): void {
    this.#tail = leaf;
    this.#tailParent = parent;
    this.#tailLimit = leaf.slots === 1 ? this.#appendBytes : leaf.length;
  }

  /** Appends to a new last leaf when the tail is full, if its parent has room; whether it did. */
  #growTail(key: Uint8Array, value: Uint8Array): boolean {
    const tail = this.#tail!;
    const parent = this.#tailParent;
    if (parent === undefined || tail.count === 0 || tail.compareKey(tail.count - 1, key) >= 0) return false;
    if (this.#hasSpareSlots(tail) || !parent.hasRoom(key.length, this.#appendBytes)) return false;
    const leaf = this.#newTail(key, value);
    leaf.insertLeaf(0, ELEMENT_VALUE, key, value);
    parent.insertBranch(parent.count, key, leaf.page);
    this.#setTail(leaf, parent);
    return true;
  }

  /** A leaf for this element, and for others of its length behind it. */
  #newTail(key: Uint8Array, value: Uint8Array): DirtyPage {
    const { pageBytes } = this.#pages;
    const slots = slotsForElements(ELEMENT_BYTES + key.length + value.length, pageBytes);
    return this.#pages.create(true, slots * pageBytes);
  }

  #hasSpareSlots(page: DirtyPage): boolean {
    return page.slots > 1 && page.usedBytes <= (page.slots - 1) * this.#pages.pageBytes;
  }

  /** The tail gives back the slots that it does not need. */
  #trimTail(): void {
    const tail = this.#tail;
    if (tail === undefined || !this.#hasSpareSlots(tail)) return;
    this.#tail = undefined;
    this.version++;
    const path = this.#path;
    path.find(this, tail.key(0));
    this.#extend(path.depth - 1, tail, 0);
  }

  /** A copy of a leaf, with room for `moreBytes`, is in its place. */
  #extend(levelIndex: number, leaf: DirtyPage, moreBytes: number): DirtyPage {
    const copy = this.#pages.create(true, leaf.usedBytes + moreBytes);
    copy.appendElements(leaf, 0, leaf.count);
    this.#pages.free(leaf);
    this.#path.levels[levelIndex]!.page = copy;
    this.#referTo(levelIndex, copy.page);
    return copy;
  }

  /** False when it had to change the branches first, and has to begin again. */
  #tryPut(flags: number, key: Uint8Array, value: Uint8Array): boolean {
    const path = this.#path;
    const isThere = path.find(this, key);
    const { index, page } = path.leaf;
    if (isThere) assertFlags(page, index, flags);
    const { pageBytes } = this.#pages;
    const length = key.length + value.length;
    const moreBytes = ELEMENT_BYTES + length;
    const isAppend = !isThere && index === page.count && index > 0 && this.#isLastLeaf();
    if (isAppend && !(page instanceof DirtyPage)) {
      // A full leaf, of a long value perhaps, need not be copied to append another one.
      const usedBytes = page.bytesOf(0, page.count);
      if (usedBytes + moreBytes > this.#appendBytes && !isWasteful(usedBytes, moreBytes, pageBytes)) {
        this.#touchPath(path.depth - 1);
        this.#appendTo(flags, key, value);
        return true;
      }
    }
    this.#touchPath(path.depth);
    if (!isThere && !this.#lowerSeparators(key)) return false;
    const leaf = path.leaf.page as DirtyPage;
    // What is put may lie in the page that moves its data to make room for it.
    const ownKey = key.buffer === leaf.bytes.buffer ? key.slice() : key;
    const ownValue = value.buffer === leaf.bytes.buffer ? value.slice() : value;
    if (isThere) {
      if (leaf.valueLength(index) === value.length) {
        leaf.overwriteValue(index, ownValue);
        return true;
      }
      leaf.remove(index);
    }
    const parent = path.depth > 1 ? (path.levels[path.depth - 2]!.page as DirtyPage) : undefined;
    if (this.#isPlaceFor(leaf, length, isAppend)) {
      leaf.insertLeaf(index, flags, ownKey, ownValue);
      if (isAppend) this.#setTail(leaf, parent);
    } else if (isAppend && isWasteful(leaf.usedBytes, moreBytes, pageBytes)) {
      const longer = this.#extend(path.depth - 1, leaf, moreBytes);
      longer.insertLeaf(index, flags, ownKey, ownValue);
      this.#setTail(longer, parent);
    } else if (isAppend) {
      this.#appendTo(flags, ownKey, ownValue);
    } else {
      const larger = this.#scratch(leaf, moreBytes);
      larger.insertLeaf(index, flags, ownKey, ownValue);
      this.#replace(path.depth - 1, larger);
    }
    return true;
  }

  /** Whether an element with `length` bytes of data goes into a leaf as it is, which then needs all of its slots. */
  #isPlaceFor(leaf: DirtyPage, length: number, isAppend: boolean): boolean {
    const { pageBytes } = this.#pages;
    if (leaf.slots === 1) return leaf.hasRoom(length, isAppend ? this.#appendBytes : pageBytes);
    const isNeeded = leaf.usedBytes + ELEMENT_BYTES + length > (leaf.slots - 1) * pageBytes;
    return isNeeded && leaf.hasRoom(length, leaf.length);
  }

  /** Puts an element behind all others into a new leaf. */
  #appendTo(flags: number, key: Uint8Array, value: Uint8Array): void {
    const path = this.#path;
    const leaf = this.#newTail(key, value);
    leaf.insertLeaf(0, flags, key, value);
    if (path.depth === 1) {
      const root = this.#newBranch([path.leaf.page, leaf]);
      this.root = root.page;
      this.#setTail(leaf, root);
    } else this.#setTail(leaf, this.#appendChild(path.depth - 2, leaf));
  }

  /** An inline bucket gets a page. */
  #leaveImage(): void {
    const { image } = this;
    if (image === undefined) return;
    const leaf = this.#pages.create(true, image.bytesOf(0, image.count));
    leaf.appendElements(image, 0, image.count);
    this.image = undefined;
    this.root = leaf.page;
  }

  /** Makes the pages of the first `depth` levels this transaction's own. */
  #touchPath(depth: number): void {
    const { levels } = this.#path;
    for (let i = 0; i < depth; i++) {
      const level = levels[i]!;
      if (level.page instanceof DirtyPage) continue;
      const dirty = this.#pages.touch(level.page);
      level.page = dirty;
      this.#referTo(i, dirty.page);
    }
  }

  /** The page of a level has another number now. */
  #referTo(levelIndex: number, page: number): void {
    if (levelIndex === 0) this.root = page;
    else {
      const parent = this.#path.levels[levelIndex - 1]!;
      (parent.page as DirtyPage).setChild(parent.index, page);
    }
  }

  /** No branch may refer to a leaf by a key above `key`, which will be its first one. False when the path is gone. */
  #lowerSeparators(key: Uint8Array): boolean {
    const { levels, depth } = this.#path;
    for (let i = 0; i < depth - 1; i++) {
      const { page, index } = levels[i]!;
      if (index === 0 && page.compareKey(0, key) > 0 && !this.#setSeparator(i, key)) return false;
    }
    return true;
  }

  /**
   * On the path, to where the first key of a leaf was: the key by which a branch refers to a page must be the page's
   * first key, and not only below it. bbolt finds the element of a page that it writes again by that key. False when it has
   * to begin again.
   */
  #alignSeparators(): boolean {
    const { levels, depth } = this.#path;
    for (let i = depth - 1; i > 0; i--) {
      const { page } = levels[i]!;
      const parent = levels[i - 1]!;
      if (page.count === 0 || compareElements(page, 0, parent.page, parent.index) === 0) continue;
      this.#touchPath(depth);
      const branch = parent.page as DirtyPage;
      if (branch.keyLength(parent.index) === page.keyLength(0)) branch.overwriteKey(parent.index, page);
      else if (!this.#setSeparator(i - 1, page.key(0).slice())) return false;
    }
    return true;
  }

  /** Changes the key by which a dirty branch of the path refers to its child there. False when the path is gone. */
  #setSeparator(levelIndex: number, key: Uint8Array): boolean {
    const level = this.#path.levels[levelIndex]!;
    const branch = level.page as DirtyPage;
    const { index } = level;
    const child = branch.child(index);
    branch.remove(index);
    if (branch.slots === 1 && branch.hasRoom(key.length, this.#pages.pageBytes)) {
      branch.insertBranch(index, key, child);
      return true;
    }
    const larger = this.#scratch(branch, ELEMENT_BYTES + key.length);
    larger.insertBranch(index, key, child);
    this.#replace(levelIndex, larger);
    return false;
  }

  #isLastLeaf(): boolean {
    const { levels, depth } = this.#path;
    for (let i = 0; i < depth - 1; i++) if (levels[i]!.index !== levels[i]!.page.count - 1) return false;
    return true;
  }

  /** A copy of a page with room for `moreBytes`, in memory only. */
  #scratch(page: PageView, moreBytes: number): DirtyPage {
    const bytes = new Uint8Array(page.bytesOf(0, page.count) + moreBytes);
    const view = new DataView(bytes.buffer);
    const copy = new DirtyPage(bytes, view, 0, bytes.length, 0, 1, page.isLeaf);
    copy.appendElements(page, 0, page.count);
    return copy;
  }

  /** Puts as many pages as it takes with the elements of `content` into the place of a level's page. */
  #replace(levelIndex: number, content: DirtyPage): void {
    const level = this.#path.levels[levelIndex]!;
    const pages: DirtyPage[] = [];
    let from = 0;
    for (const to of partition(content, this.#pages.pageBytes)) {
      const page = this.#pages.create(content.isLeaf, content.bytesOf(from, to));
      page.appendElements(content, from, to);
      pages.push(page);
      from = to;
    }
    this.#pages.free(level.page);
    const first = pages[0]!;
    level.page = first;
    if (pages.length === 1) this.#referTo(levelIndex, first.page);
    else if (levelIndex === 0) this.root = this.#newBranch(pages).page;
    else {
      this.#referTo(levelIndex, first.page);
      const parent = this.#path.levels[levelIndex - 1]!;
      this.#insertChildren(levelIndex - 1, parent.index + 1, pages.slice(1));
    }
  }

  /** Refers to a page behind all others of its level; returns the branch that does, if that is known. */
  #appendChild(levelIndex: number, child: DirtyPage): DirtyPage | undefined {
    const branch = this.#path.levels[levelIndex]!.page as DirtyPage;
    const keyLength = child.keyLength(0);
    if (branch.hasRoom(keyLength, this.#appendBytes)) {
      branch.insertBranch(branch.count, child.key(0), child.page);
      return branch;
    }
    if (branch.count < 3 || branch.slots > 1) {
      this.#insertChildren(levelIndex, branch.count, [child]);
      return undefined;
    }
    // The new branch gets the last child of the old one too, so that it has two.
    const last = branch.count - 1;
    const usedBytes = PAGE_HEADER_BYTES + 2 * ELEMENT_BYTES + branch.keyLength(last) + keyLength;
    const next = this.#pages.create(false, usedBytes);
    next.appendElements(branch, last, last + 1);
    branch.remove(last);
    next.insertBranch(1, child.key(0), child.page);
    if (levelIndex === 0) this.root = this.#newBranch([branch, next]).page;
    else this.#appendChild(levelIndex - 1, next);
    return next;
  }

  #newBranch(children: readonly PageView[]): DirtyPage {
    let usedBytes = PAGE_HEADER_BYTES;
    for (const child of children) usedBytes += ELEMENT_BYTES + child.keyLength(0);
    const branch = this.#pages.create(false, usedBytes);
    for (const child of children) branch.insertBranch(branch.count, child.key(0), child.page);
    return branch;
  }

  #insertChildren(levelIndex: number, index: number, children: readonly DirtyPage[]): void {
    const branch = this.#path.levels[levelIndex]!.page as DirtyPage;
    let moreBytes = 0;
    for (const child of children) moreBytes += ELEMENT_BYTES + child.keyLength(0);
    const hasRoom = branch.slots === 1 && branch.usedBytes + moreBytes <= this.#pages.pageBytes;
    const target = hasRoom ? branch : this.#scratch(branch, moreBytes);
    for (let i = 0; i < children.length; i++) {
      target.insertBranch(index + i, children[i]!.key(0), children[i]!.page);
    }
    if (!hasRoom) this.#replace(levelIndex, target);
  }

  /** After something was removed from the page of a level: it may be empty, or too small to be kept. */
  #rebalance(levelIndex: number): void {
    const { pageBytes } = this.#pages;
    const page = this.#path.levels[levelIndex]!.page as DirtyPage;
    if (levelIndex === 0) {
      this.#lowerRoot(page);
      return;
    }
    const parentLevel = this.#path.levels[levelIndex - 1]!;
    const parent = parentLevel.page as DirtyPage;
    if (page.count === 0) {
      this.#pages.free(page);
      parent.remove(parentLevel.index);
      this.#rebalance(levelIndex - 1);
      return;
    }
    const isLonely = !page.isLeaf && page.count < 2;
    if (!isLonely && page.slots > 1 && page.usedBytes <= (page.slots - 1) * pageBytes) {
      this.#replace(levelIndex, this.#scratch(page, 0));
      return;
    }
    const isTooSmall = isLonely || page.usedBytes < this.#leastBytes;
    if (isTooSmall && parent.count > 1) this.#mergeWithNeighbour(levelIndex, isLonely);
  }

  /** `mustMerge`: a branch with one child, which bbolt takes for a mistake, goes on with some of its neighbour's at least. */
  #mergeWithNeighbour(levelIndex: number, mustMerge: boolean): void {
    const page = this.#path.levels[levelIndex]!.page as DirtyPage;
    const parentLevel = this.#path.levels[levelIndex - 1]!;
    const parent = parentLevel.page as DirtyPage;
    const leftIndex = parentLevel.index > 0 ? parentLevel.index - 1 : 0;
    const isLeft = leftIndex === parentLevel.index;
    const other = this.#pages.load(
      parent.child(isLeft ? leftIndex + 1 : leftIndex),
      new PageView(),
      parent.page,
    );
    if (other.isLeaf !== page.isLeaf) return;
    const bytes = page.usedBytes + other.bytesOf(0, other.count) - PAGE_HEADER_BYTES;
    // A run of several slots has room, but is not what the others are merged into.
    if (bytes > this.#pages.pageBytes || page.slots > 1 || other.slots > 1) {
      if (mustMerge) this.#divideAnew(levelIndex, isLeft ? page : other, isLeft ? other : page, leftIndex);
      return;
    }
    const left = isLeft ? page : other instanceof DirtyPage ? other : this.#pages.touch(other);
    parent.setChild(leftIndex, left.page);
    const right = isLeft ? other : page;
    left.appendElements(right, 0, right.count);
    this.#pages.free(right);
    parent.remove(leftIndex + 1);
    this.#rebalance(levelIndex - 1);
  }

  /** The elements of two neighbours, of which one is the page of a level, become those of as many pages as they need. */
  #divideAnew(levelIndex: number, left: PageView, right: PageView, leftIndex: number): void {
    const level = this.#path.levels[levelIndex]!;
    const parentLevel = this.#path.levels[levelIndex - 1]!;
    const all = this.#scratch(left, right.bytesOf(0, right.count));
    all.appendElements(right, 0, right.count);
    (parentLevel.page as DirtyPage).remove(leftIndex + 1);
    parentLevel.index = leftIndex;
    level.page = left;
    this.#pages.free(right);
    const before = (parentLevel.page as DirtyPage).count;
    this.#replace(levelIndex, all);
    if (parentLevel.page instanceof DirtyPage && parentLevel.page.count === before)
      this.#rebalance(levelIndex - 1);
  }

  /** A branch with one child is no root, nor is one without children. */
  #lowerRoot(page: DirtyPage): void {
    let root: PageView = page;
    for (let level = 0; !root.isLeaf && root.count < 2; level++) {
      if (level === MOST_TREE_LEVELS) this.#pages.fail(root.page, `more than ${MOST_TREE_LEVELS} levels`);
      const child = root.count === 1 ? root.child(0) : this.#pages.create(true, PAGE_HEADER_BYTES).page;
      this.#pages.free(root);
      this.root = child;
      root = this.#pages.load(child, new PageView(), 0);
    }
    if (root.slots > 1 && root instanceof DirtyPage) {
      if (root.usedBytes > (root.slots - 1) * this.#pages.pageBytes) return;
      this.#path.levels[0]!.page = root;
      this.#replace(0, this.#scratch(root, 0));
    }
  }
}

function assertFlags(page: PageView, index: number, flags: number): void {
  if (page.elementFlags(index) === flags) return;
  const what = flags === ELEMENT_VALUE ? "the key is a bucket's" : "the key is not a bucket's";
  throw new DatabaseError("INCOMPATIBLE_VALUE", what);
}
