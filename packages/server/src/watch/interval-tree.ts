import { compareBytes } from "../keys/bytes.ts";

interface Node<T> {
  readonly begin: Uint8Array;
  /** Exclusive; undefined is the end of the key space. */
  readonly end: Uint8Array | undefined;
  value: T;
  /** The greatest `end` in this subtree. */
  maxEnd: Uint8Array | undefined;
  height: number;
  left: Node<T> | undefined;
  right: Node<T> | undefined;
}

/**
 * Half-open intervals of keys, each with one value: an AVL tree ordered by (begin, end) in which every node knows the
 * greatest end below it, so that the intervals over a key are found in O(log n) steps for each of them at worst.
 */
export class IntervalTree<T> {
  private root: Node<T> | undefined;
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(begin: Uint8Array, end: Uint8Array | undefined): T | undefined {
    let node = this.root;
    while (node !== undefined) {
      const order = compareInterval(begin, end, node);
      if (order === 0) return node.value;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** Keeps `begin` and `end`. Replaces the value of an interval that is there already. */
  set(begin: Uint8Array, end: Uint8Array | undefined, value: T): void {
    this.root = this.insert(this.root, begin, end, value);
  }

  delete(begin: Uint8Array, end: Uint8Array | undefined): void {
    this.root = this.remove(this.root, begin, end);
  }

  /** Appends the values of the intervals that hold `key` to `into`, in their order, but no more when it has `most`. */
  stab(key: Uint8Array, into: T[], most: number): void {
    stab(this.root, key, into, most);
  }

  /** Whether an interval holds `key`. */
  isStabbed(key: Uint8Array): boolean {
    return next(this.root, key, key, undefined) !== undefined;
  }

  /**
   * The values of all intervals with keys from `lowest` to `highest`, in the order of the intervals. Between two steps
   * intervals may come and go: those that stay are all found.
   */
  *overlapping(lowest: Uint8Array, highest: Uint8Array | undefined): Generator<T> {
    let node = next(this.root, lowest, highest, undefined);
    while (node !== undefined) {
      yield node.value;
      node = next(this.root, lowest, highest, node);
    }
  }

  private insert(
    node: Node<T> | undefined,
    begin: Uint8Array,
    end: Uint8Array | undefined,
    value: T,
  ): Node<T> {
    if (node === undefined) {
      this.count += 1;
      return { begin, end, value, maxEnd: end, height: 1, left: undefined, right: undefined };
    }
    const order = compareInterval(begin, end, node);
    if (order === 0) {
      node.value = value;
      return node;
    }
    if (order < 0) node.left = this.insert(node.left, begin, end, value);
    else node.right = this.insert(node.right, begin, end, value);
    return balance(node);
  }

  private remove(
    node: Node<T> | undefined,
    begin: Uint8Array,
    end: Uint8Array | undefined,
  ): Node<T> | undefined {
    if (node === undefined) return undefined;
    const order = compareInterval(begin, end, node);
    if (order < 0) node.left = this.remove(node.left, begin, end);
    else if (order > 0) node.right = this.remove(node.right, begin, end);
    else {
      this.count -= 1;
      if (node.left === undefined) return node.right;
      if (node.right === undefined) return node.left;
      const successor = leftmost(node.right);
      successor.right = withoutLeftmost(node.right);
      successor.left = node.left;
      return balance(successor);
    }
    return balance(node);
  }
}

function stab<T>(node: Node<T> | undefined, key: Uint8Array, into: T[], most: number): void {
  while (node !== undefined) {
    if (node.maxEnd !== undefined && compareBytes(node.maxEnd, key) <= 0) return;
    if (node.left !== undefined) stab(node.left, key, into, most);
    if (into.length >= most || compareBytes(node.begin, key) > 0) return;
    if (node.end === undefined || compareBytes(key, node.end) < 0) into.push(node.value);
    node = node.right;
  }
}

/**
 * The first interval with keys from `lowest` to `highest` that comes after the interval of `after`, which may have been
 * taken out.
 */
function next<T>(
  node: Node<T> | undefined,
  lowest: Uint8Array,
  highest: Uint8Array | undefined,
  after: Node<T> | undefined,
): Node<T> | undefined {
  while (node !== undefined) {
    if (node.maxEnd !== undefined && compareBytes(node.maxEnd, lowest) <= 0) return undefined;
    if (after === undefined || compareInterval(after.begin, after.end, node) < 0) {
      const found = next(node.left, lowest, highest, after);
      if (found !== undefined) return found;
      if (highest !== undefined && compareBytes(node.begin, highest) > 0) return undefined;
      if (node.end === undefined || compareBytes(lowest, node.end) < 0) return node;
    }
    node = node.right;
  }
  return undefined;
}

function compareInterval<T>(begin: Uint8Array, end: Uint8Array | undefined, node: Node<T>): number {
  const order = compareBytes(begin, node.begin);
  return order !== 0 ? order : compareEnds(end, node.end);
}

/** Undefined, the end of the key space, is greater than every key. */
function compareEnds(a: Uint8Array | undefined, b: Uint8Array | undefined): number {
  if (a === undefined) return b === undefined ? 0 : 1;
  return b === undefined ? -1 : compareBytes(a, b);
}

function balance<T>(node: Node<T>): Node<T> {
  const lean = heightOf(node.left) - heightOf(node.right);
  if (lean > 1) {
    const left = node.left!;
    if (heightOf(left.left) < heightOf(left.right)) node.left = rotateLeft(left);
    return rotateRight(node);
  }
  if (lean < -1) {
    const right = node.right!;
    if (heightOf(right.right) < heightOf(right.left)) node.right = rotateRight(right);
    return rotateLeft(node);
  }
  update(node);
  return node;
}

function rotateRight<T>(node: Node<T>): Node<T> {
  const top = node.left!;
  node.left = top.right;
  top.right = node;
  update(node);
  update(top);
  return top;
}

function rotateLeft<T>(node: Node<T>): Node<T> {
  const top = node.right!;
  node.right = top.left;
  top.left = node;
  update(node);
  update(top);
  return top;
}

function update<T>(node: Node<T>): void {
  const { left, right } = node;
  node.height = Math.max(heightOf(left), heightOf(right)) + 1;
  let maxEnd = node.end;
  if (left !== undefined && compareEnds(left.maxEnd, maxEnd) > 0) maxEnd = left.maxEnd;
  if (right !== undefined && compareEnds(right.maxEnd, maxEnd) > 0) maxEnd = right.maxEnd;
  node.maxEnd = maxEnd;
}

function heightOf<T>(node: Node<T> | undefined): number {
  return node === undefined ? 0 : node.height;
}

function leftmost<T>(node: Node<T>): Node<T> {
  let first = node;
  while (first.left !== undefined) first = first.left;
  return first;
}

function withoutLeftmost<T>(node: Node<T>): Node<T> | undefined {
  if (node.left === undefined) return node.right;
  node.left = withoutLeftmost(node.left);
  return balance(node);
}
