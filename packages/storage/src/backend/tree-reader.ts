import { compareNode, compareNodes, KeyTarget, MAX_KEY_BYTES } from "./key-target.ts";
import type { Tree } from "./lmdb-format.ts";
import type { Page, PageFile } from "./page-file.ts";

/** Walks down trees of one file. */
export class TreeReader {
  readonly file: PageFile;
  readonly target = new KeyTarget();
  /** After `seek`: the leaf and the index in it of the first node not below the target (may be `nodes`). */
  leaf: Page | undefined;
  index = 0;
  /** After `seek`: the separator above which the next leaf begins. */
  readonly next = new KeyTarget();
  hasNext = false;
  /** After `seek`: the separator at which this leaf begins; without one it is the first leaf. */
  readonly first = new KeyTarget();
  hasFirst = false;

  constructor(file: PageFile) {
    this.file = file;
  }

  /**
   * Finds the leaf where the target is or would be. With `into`, the leaf is read into that page, and stays valid
   * for as long as its owner likes; else it is borrowed until the next call. False when the tree is empty.
   */
  seek(tree: Tree, into?: Page): boolean {
    this.hasNext = false;
    this.hasFirst = false;
    if (tree.root < 0) return false;
    const file = this.file;
    let pgno = tree.root;
    for (let level = 0; level < tree.depth - 1; level++) {
      const page = file.cached(pgno, level, tree.depth);
      const index = this.#childIndex(page);
      if (index + 1 < page.nodes) {
        this.next.copyFrom(page, file.node(page, index + 1));
        this.hasNext = true;
      }
      if (index > 0) {
        this.first.copyFrom(page, file.node(page, index));
        this.hasFirst = true;
      }
      pgno = file.child(page, index);
    }
    let leaf = into;
    if (leaf === undefined) leaf = file.cached(pgno, tree.depth - 1, tree.depth);
    else file.readAhead(pgno, leaf);
    this.leaf = leaf;
    this.index = this.#lowerBound(leaf);
    return true;
  }

  /** Offset in `this.leaf` of the node with exactly the target's key, or -1. Without the separators of `seek`. */
  find(tree: Tree): number {
    if (tree.root < 0) return -1;
    const file = this.file;
    let pgno = tree.root;
    for (let level = 0; level < tree.depth - 1; level++) {
      const page = file.cached(pgno, level, tree.depth);
      pgno = file.child(page, this.#childIndex(page));
    }
    const leaf = file.cached(pgno, tree.depth - 1, tree.depth);
    this.leaf = leaf;
    const index = this.#lowerBound(leaf);
    if (index >= leaf.nodes) return -1;
    const at = file.node(leaf, index);
    return compareNode(leaf, at, this.target) === 0 ? at : -1;
  }

  /** The last child whose separator is not above the target; the first child has no separator. */
  #childIndex(page: Page): number {
    let low = 1;
    let high = page.nodes;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareNode(page, this.file.node(page, middle), this.target) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The first node that is not below the target. */
  #lowerBound(leaf: Page): number {
    let low = 0;
    let high = leaf.nodes;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareNode(leaf, this.file.node(leaf, middle), this.target) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** As `find`, for the last node below the target. */
  findBelow(tree: Tree): number {
    if (!this.seek(tree)) return -1;
    while (this.index === 0) {
      if (!this.hasFirst) return -1;
      // Only what is below this leaf's first key: its neighbour to the left ends there.
      this.target.set(this.first.bytes.subarray(0, this.first.length));
      if (!this.#seekLeft(tree)) return -1;
    }
    return this.file.node(this.leaf!, this.index - 1);
  }

  /** The leaf that ends where the target's leaf begins, with the index behind its last node. */
  #seekLeft(tree: Tree): boolean {
    const file = this.file;
    this.hasFirst = false;
    let pgno = tree.root;
    for (let level = 0; level < tree.depth - 1; level++) {
      const page = file.cached(pgno, level, tree.depth);
      let low = 1;
      let high = page.nodes;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (compareNode(page, file.node(page, middle), this.target) < 0) low = middle + 1;
        else high = middle;
      }
      if (low > 1) {
        this.first.copyFrom(page, file.node(page, low - 1));
        this.hasFirst = true;
      }
      pgno = file.child(page, low - 1);
    }
    this.leaf = file.cached(pgno, tree.depth - 1, tree.depth);
    this.index = this.leaf.nodes;
    return true;
  }

  /**
   * Checks that the keys of the leaf of the last `seek` ascend and lie between the separators around it: in a leaf in
   * disorder, a search misses records that are there.
   */
  checkLeaf(leaf: Page): void {
    const { file } = this;
    if (this.hasFirst && compareNode(leaf, file.node(leaf, 0), this.first) < 0) {
      file.corrupt(leaf.pgno, 0, "keys below the leaf's separator");
    }
    if (this.hasNext && compareNode(leaf, file.node(leaf, leaf.nodes - 1), this.next) >= 0) {
      file.corrupt(leaf.pgno, 0, "keys above the leaf's separator");
    }
    for (let i = 1; i < leaf.nodes; i++) {
      const at = file.node(leaf, i);
      if (compareNodes(leaf, file.node(leaf, i - 1), leaf, at) >= 0)
        file.corrupt(leaf.pgno, at, "keys out of order");
    }
  }

  /** Sets the target below which everything is. */
  targetEnd(): void {
    this.target.bytes.fill(0xff, 0, MAX_KEY_BYTES);
    this.target.length = MAX_KEY_BYTES;
  }
}
