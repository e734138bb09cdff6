import { assert } from "@quorate/storage/assert";
import { commonPrefixLength, compareBytes, keyHead } from "../../keys/bytes.ts";
import { type EntryTable, plainId } from "./entry-table.ts";
import type { Work } from "./sort-ids.ts";
import { INNER_CAPACITY, Inner, LEAF_CAPACITY, LEAF_WORDS, Leaf, liveOf } from "./tree-node.ts";
import { WordPool } from "./word-pool.ts";

/** Nodes above leaves, each with some fifty of them, that are built between two yields. */
const PARENTS_PER_STEP = 64;

/** A place in the order of keys; `leaf` is undefined behind the last key. Valid until the tree changes. */
export interface Position {
  leaf: Leaf | undefined;
  index: number;
}

/**
 * The ids of all entries in the order of their keys: a B+tree that counts the live keys below each child, so that the
 * number of live keys in an interval costs two descents.
 */
export class OrderTree {
  #entries: EntryTable;
  readonly #pool = new WordPool(LEAF_WORDS);
  #root: Inner | Leaf;
  #first: Leaf;
  // The way of the last descent: inner nodes, the child taken in each, and the bounds of the leaf.
  #path: Inner[] = [];
  #taken: number[] = [];
  #depth = 0;
  #lower: Uint8Array | undefined;
  #upper: Uint8Array | undefined;

  constructor(entries: EntryTable) {
    this.#entries = entries;
    this.#first = new Leaf(this.#pool.take());
    this.#root = this.#first;
  }

  get liveCount(): number {
    return liveOf(this.#root);
  }

  get firstLeaf(): Leaf {
    return this.#first;
  }

  /** Adds a live key that is not in the tree yet. */
  insert(key: Uint8Array, id: number, main: number): void {
    let leaf = this.#descend(key);
    if (leaf.count === LEAF_CAPACITY) {
      this.#splitLeaf(leaf, key);
      leaf = this.#descend(key);
    }
    const position = this.#positionIn(leaf, key);
    leaf.insertAt(position, id, keyHead(key, leaf.prefixLength));
    leaf.changedMain = main;
    this.#addToCounts(1);
  }

  /** Marks a key deleted or live again. */
  setLive(key: Uint8Array, id: number, live: boolean, main: number): void {
    const leaf = this.#descend(key);
    const position = leaf.lowerBound(this.#entries, key);
    assert(leaf.idAt(position) === id, "the order of keys knows every entry");
    leaf.words[position] = live ? id : ~id;
    leaf.live += live ? 1 : -1;
    leaf.changedMain = main;
    this.#addToCounts(live ? 1 : -1);
  }

  /** Takes a deleted key out. */
  remove(key: Uint8Array, id: number): void {
    const leaf = this.#descend(key);
    const position = leaf.lowerBound(this.#entries, key);
    assert(leaf.words[position] === ~id, "only deleted keys are taken out");
    leaf.removeAt(position);
    if (leaf.count < LEAF_CAPACITY / 4) this.#shrink(leaf);
  }

  /** How many live keys are below `key`. */
  rank(key: Uint8Array): number {
    let node = this.#root;
    let live = 0;
    while (node.kind === 1) {
      const child: number = node.childFor(key);
      live += node.liveBefore(child);
      node = node.children[child]!;
    }
    return live + node.liveBefore(node.lowerBound(this.#entries, key));
  }

  /** The first key not below `key`. The index may be one behind the leaf's last. */
  seek(key: Uint8Array, into: Position): void {
    let node = this.#root;
    while (node.kind === 1) node = node.children[node.childFor(key)]!;
    into.leaf = node;
    into.index = node.lowerBound(this.#entries, key);
  }

  /**
   * Fills an empty tree, which is not to be used before this is done. `ids` are in the order of their keys, those of
   * deleted ones as their complements.
   */
  *load(ids: Int32Array): Work {
    assert(this.#root === this.#first && this.#first.count === 0, "bulk loading needs an empty tree");
    // Not full, so that the first insertions do not split every leaf.
    const perLeaf = Math.floor(LEAF_CAPACITY * 0.85);
    const leaves: Leaf[] = [];
    const separators: Uint8Array[] = [];
    let leaf = this.#first;
    let lower: Uint8Array | undefined;
    for (let start = 0; start < ids.length; start += perLeaf) {
      const end = Math.min(ids.length, start + perLeaf);
      const upper =
        end < ids.length ? this.#separator(plainId(ids[end - 1]!), plainId(ids[end]!)) : undefined;
      leaf.fill(ids.subarray(start, end), sharedLength(lower, upper));
      leaves.push(leaf);
      if (upper === undefined) break;
      separators.push(upper);
      lower = upper;
      const next = new Leaf(this.#pool.take());
      link(leaf, next);
      leaf = next;
      if (leaves.length % 256 === 0) yield;
    }
    yield* this.#stack(leaves, separators);
  }

  /** Checks every invariant; for tests. */
  check(): void {
    const ids: number[] = [];
    this.#checkNode(this.#root, undefined, undefined, ids);
    let leaf: Leaf | undefined = this.#first;
    let at = 0;
    for (; leaf !== undefined; leaf = leaf.next) {
      for (let i = 0; i < leaf.count; i++) assert(leaf.idAt(i) === ids[at++], "leaves are linked in order");
      assert(leaf.next === undefined || leaf.next.previous === leaf, "leaves are linked both ways");
    }
    assert(at === ids.length, "the list of leaves is complete");
    for (let i = 1; i < ids.length; i++) {
      const before = this.#entries.borrowKey(ids[i - 1]!);
      assert(compareBytes(before, this.#entries.borrowKey(ids[i]!)) < 0, "keys ascend");
    }
  }

  #descend(key: Uint8Array): Leaf {
    let node = this.#root;
    let depth = 0;
    this.#lower = undefined;
    this.#upper = undefined;
    while (node.kind === 1) {
      const child: number = node.childFor(key);
      this.#path[depth] = node;
      this.#taken[depth] = child;
      depth += 1;
      if (child > 0) this.#lower = node.separators[child - 1];
      if (child < node.separators.length) this.#upper = node.separators[child];
      node = node.children[child]!;
    }
    this.#depth = depth;
    node.read(this.#entries);
    return node;
  }

  #positionIn(leaf: Leaf, key: Uint8Array): number {
    // Keys that only ascend end up here, where heads cannot help: the last leaf has no upper bound.
    if (leaf.next === undefined && leaf.count > 0) {
      if (this.#entries.compareKey(leaf.idAt(leaf.count - 1), key, 0) < 0) return leaf.count;
    }
    return leaf.lowerBound(this.#entries, key);
  }

  #addToCounts(change: number): void {
    for (let i = 0; i < this.#depth; i++) this.#path[i]!.live[this.#taken[i]!]! += change;
  }

  #splitLeaf(leaf: Leaf, key: Uint8Array): void {
    const entries = this.#entries;
    // Ascending keys leave full leaves behind.
    const appended = leaf.next === undefined && entries.compareKey(leaf.idAt(leaf.count - 1), key, 0) < 0;
    const at = appended ? leaf.count - 1 : leaf.count >>> 1;
    const right = new Leaf(this.#pool.take());
    const separator = this.#separator(leaf.idAt(at - 1), leaf.idAt(at));
    right.prefixLength = leaf.prefixLength;
    leaf.moveTail(at, right);
    right.changedMain = leaf.changedMain;
    if (leaf.next !== undefined) link(right, leaf.next);
    link(leaf, right);
    leaf.usePrefix(entries, sharedLength(this.#lower, separator));
    right.usePrefix(entries, sharedLength(separator, this.#upper));
    this.#insertAbove(this.#depth - 1, leaf, separator, right, appended);
  }

  #insertAbove(
    depth: number,
    left: Inner | Leaf,
    separator: Uint8Array,
    right: Inner | Leaf,
    appended: boolean,
  ): void {
    if (depth < 0) {
      const root = new Inner();
      root.children.push(left);
      root.insertAfter(0, separator, right);
      this.#root = root;
      return;
    }
    const parent = this.#path[depth]!;
    parent.insertAfter(this.#taken[depth]!, separator, right);
    if (parent.children.length <= INNER_CAPACITY) return;
    const at = appended ? parent.children.length - 2 : parent.children.length >>> 1;
    const sibling = new Inner();
    const middle = parent.separators[at - 1]!;
    sibling.children.push(...parent.children.splice(at));
    sibling.separators.push(...parent.separators.splice(at));
    parent.separators.pop();
    for (let i = 0; i < sibling.children.length; i++) sibling.live[i] = parent.live[at + i]!;
    parent.setSeparators();
    sibling.setSeparators();
    this.#insertAbove(depth - 1, parent, middle, sibling, appended);
  }

  /** The leaf at the end of the last descent has become small: it joins a neighbour, or goes when it is empty. */
  #shrink(leaf: Leaf): void {
    if (this.#depth === 0) return;
    const parent = this.#path[this.#depth - 1]!;
    const child = this.#taken[this.#depth - 1]!;
    if (leaf.count > 0) {
      const left = child > 0 ? (parent.children[child - 1] as Leaf) : undefined;
      const right = child + 1 < parent.children.length ? (parent.children[child + 1] as Leaf) : undefined;
      const limit = LEAF_CAPACITY * 0.75;
      if (left !== undefined && left.count + leaf.count <= limit) this.#absorb(parent, child - 1, left, leaf);
      else if (right !== undefined && right.count + leaf.count <= limit) {
        this.#absorb(parent, child, leaf, right);
      }
      return;
    }
    const { previous, next } = leaf;
    if (previous !== undefined) previous.next = next;
    else this.#first = next!;
    if (next !== undefined) next.previous = previous;
    this.#pool.release(leaf.words);
    this.#removeFromParent(this.#depth - 1);
    if (previous !== undefined) this.#refreshBounds(previous);
    if (next !== undefined) this.#refreshBounds(next);
  }

  #absorb(parent: Inner, child: number, left: Leaf, right: Leaf): void {
    left.read(this.#entries);
    right.read(this.#entries);
    const prefixLength = Math.min(left.prefixLength, right.prefixLength);
    left.usePrefix(this.#entries, prefixLength);
    right.usePrefix(this.#entries, prefixLength);
    right.moveTail(0, left);
    this.#pool.release(right.words);
    left.changedMain = Math.max(left.changedMain, right.changedMain);
    if (right.next !== undefined) link(left, right.next);
    else left.next = undefined;
    parent.live[child]! += parent.live[child + 1]!;
    parent.live[child + 1] = 0;
    this.#taken[this.#depth - 1] = child + 1;
    this.#removeFromParent(this.#depth - 1);
    this.#refreshBounds(left);
  }

  #removeFromParent(depth: number): void {
    const parent = this.#path[depth]!;
    parent.removeChild(this.#taken[depth]!);
    if (parent.children.length === 0) {
      this.#removeFromParent(depth - 1);
    } else if (depth === 0) {
      while (this.#root.kind === 1 && this.#root.children.length === 1) this.#root = this.#root.children[0]!;
    }
  }

  /** After its interval has become wider. */
  #refreshBounds(leaf: Leaf): void {
    if (leaf.count === 0) return;
    const found = this.#descend(this.#entries.borrowKey(leaf.idAt(0)));
    assert(found === leaf, "a leaf is found by its keys");
    leaf.usePrefix(this.#entries, sharedLength(this.#lower, this.#upper));
  }

  /** The shortest key above the key of `left` and not above that of `right`. */
  #separator(left: number, right: number): Uint8Array {
    const key = this.#entries.borrowKey(right);
    return key.slice(0, commonPrefixLength(this.#entries.borrowKey(left), key) + 1);
  }

  /** Builds the levels above `nodes`. */
  *#stack(bottom: (Inner | Leaf)[], bottomSeparators: Uint8Array[]): Work {
    let nodes = bottom;
    let separators = bottomSeparators;
    while (nodes.length > 1) {
      const parents: Inner[] = [];
      const above: Uint8Array[] = [];
      const groups = Math.ceil(nodes.length / (INNER_CAPACITY * 0.85));
      for (let group = 0; group < groups; group++) {
        const start = Math.floor((nodes.length * group) / groups);
        const end = Math.floor((nodes.length * (group + 1)) / groups);
        const parent = new Inner();
        parent.children.push(...nodes.slice(start, end));
        parent.separators.push(...separators.slice(start, end - 1));
        parent.children.forEach((child, i) => {
          parent.live[i] = liveOf(child);
        });
        parent.setSeparators();
        if (group > 0) above.push(separators[start - 1]!);
        parents.push(parent);
        if (group % PARENTS_PER_STEP === PARENTS_PER_STEP - 1) yield;
      }
      nodes = parents;
      separators = above;
    }
    if (nodes[0] !== undefined) this.#root = nodes[0];
  }

  #checkNode(
    node: Inner | Leaf,
    lower: Uint8Array | undefined,
    upper: Uint8Array | undefined,
    ids: number[],
  ): void {
    if (node.kind === 0) {
      node.read(this.#entries);
      let live = 0;
      assert(node.prefixLength <= sharedLength(lower, upper), "the prefix is one that the bounds share");
      for (let i = 0; i < node.count; i++) {
        const id = node.idAt(i);
        const key = this.#entries.borrowKey(id);
        assert(lower === undefined || compareBytes(lower, key) <= 0, "keys are not below their leaf");
        assert(upper === undefined || compareBytes(key, upper) < 0, "keys are not above their leaf");
        const head = this.#entries.keyHead(id, node.prefixLength);
        assert(node.words[LEAF_CAPACITY + i] === head, "heads belong to their keys");
        assert(node.words[i]! < 0 === this.#entries.isDeleted(id), "deleted keys are marked");
        if (node.words[i]! >= 0) live += 1;
        ids.push(id);
      }
      assert(node.live === live, "leaves know how many keys are live");
      return;
    }
    assert(node.children.length === node.separators.length + 1, "one separator between two children");
    assert(node.children.length <= INNER_CAPACITY, "inner nodes are not overfull");
    node.children.forEach((child, i) => {
      this.#checkNode(child, node.separators[i - 1] ?? lower, node.separators[i] ?? upper, ids);
      assert(node.live[i] === liveOf(child), "inner nodes know how many keys are live below");
    });
  }
}

/** The length of the prefix that all keys between two bounds share. */
function sharedLength(lower: Uint8Array | undefined, upper: Uint8Array | undefined): number {
  return lower === undefined || upper === undefined ? 0 : commonPrefixLength(lower, upper);
}

function link(left: Leaf, right: Leaf): void {
  left.next = right;
  right.previous = left;
}
