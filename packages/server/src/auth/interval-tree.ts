/** Of keys, with `end` undefined for one without an end. Its end may come before its beginning. */
export interface KeyInterval {
  readonly begin: Uint8Array;
  /** The first key that is no longer in it. */
  readonly end: Uint8Array | undefined;
}

class Node {
  readonly interval: KeyInterval;
  /** The greatest end in the subtree. */
  greatestEnd: Uint8Array | undefined;
  parent: Node | undefined = undefined;
  left: Node | undefined = undefined;
  right: Node | undefined = undefined;
  isRed = true;

  constructor(interval: KeyInterval) {
    this.interval = interval;
    this.greatestEnd = interval.end;
  }
}

/**
 * A red-black tree of intervals. Which of them a search with an end before its beginning comes by depends on the tree's
 * form; members of etcd decide by such a search, so this tree has the same form as theirs: for the same intervals in the
 * same order. For all other searches a plain union of the intervals says the same.
 */
export class IntervalTree {
  #root: Node | undefined = undefined;

  insert(interval: KeyInterval): void {
    const node = new Node(interval);
    let parent: Node | undefined;
    for (let at = this.#root; at !== undefined; at = isBefore(interval, at.interval) ? at.left : at.right) {
      parent = at;
    }
    node.parent = parent;
    if (parent === undefined) this.#root = node;
    else if (isBefore(interval, parent.interval)) parent.left = node;
    else parent.right = node;
    raiseEnds(parent);
    this.#balance(node);
  }

  /** Whether the search for `wanted` comes by intervals without a gap that begin no later and end no earlier. */
  covers(wanted: KeyInterval): boolean {
    let first: KeyInterval | undefined;
    let end: Uint8Array | undefined;
    const hasNoGap = visit(this.#root, wanted, (interval) => {
      if (first === undefined) {
        first = interval;
        end = interval.end;
        return true;
      }
      if (compareToEnd(interval.begin, end) > 0) return false;
      if (compareEnds(interval.end, end) > 0) end = interval.end;
      return true;
    });
    if (!hasNoGap || first === undefined) return false;
    return compareEnds(end, wanted.end) >= 0 && Buffer.compare(first.begin, wanted.begin) <= 0;
  }

  #balance(added: Node): void {
    let node = added;
    for (let parent = node.parent; parent?.isRed === true; parent = node.parent) {
      // The root is black, so what is red has a parent.
      const grandparent = parent.parent!;
      const isLeft = parent === grandparent.left;
      const uncle = isLeft ? grandparent.right : grandparent.left;
      if (uncle?.isRed === true) {
        uncle.isRed = false;
        parent.isRed = false;
        grandparent.isRed = true;
        node = grandparent;
        continue;
      }
      if (node === (isLeft ? parent.right : parent.left)) {
        node = parent;
        this.#rotate(node, isLeft);
      }
      node.parent!.isRed = false;
      grandparent.isRed = true;
      this.#rotate(grandparent, !isLeft);
    }
    this.#root!.isRed = false;
  }

  /** `toLeft`: the right child takes the place of `node`, which becomes its left one; otherwise the mirror image. */
  #rotate(node: Node, toLeft: boolean): void {
    const child = (toLeft ? node.right : node.left)!;
    const moved = toLeft ? child.left : child.right;
    if (toLeft) node.right = moved;
    else node.left = moved;
    if (moved !== undefined) moved.parent = node;
    const { parent } = node;
    child.parent = parent;
    if (parent === undefined) this.#root = child;
    else if (parent.left === node) parent.left = child;
    else parent.right = child;
    if (toLeft) child.left = node;
    else child.right = node;
    node.parent = child;
    node.greatestEnd = greatestEndOf(node);
    child.greatestEnd = greatestEndOf(child);
  }
}

/** By their beginnings, then by their ends. */
function isBefore(a: KeyInterval, b: KeyInterval): boolean {
  const order = Buffer.compare(a.begin, b.begin);
  return order < 0 || (order === 0 && compareEnds(a.end, b.end) < 0);
}

function raiseEnds(from: Node | undefined): void {
  for (let node = from; node !== undefined; node = node.parent) {
    const end = greatestEndOf(node);
    if (compareEnds(end, node.greatestEnd) === 0) return;
    node.greatestEnd = end;
  }
}

function greatestEndOf({ interval, left, right }: Node): Uint8Array | undefined {
  let { end } = interval;
  if (left !== undefined && compareEnds(left.greatestEnd, end) > 0) end = left.greatestEnd;
  if (right !== undefined && compareEnds(right.greatestEnd, end) > 0) end = right.greatestEnd;
  return end;
}

/** False as soon as `take` is. */
function visit(
  node: Node | undefined,
  wanted: KeyInterval,
  take: (interval: KeyInterval) => boolean,
): boolean {
  if (node === undefined) return true;
  const { interval } = node;
  const order = compare(wanted, interval);
  if (order < 0) return visit(node.left, wanted, take);
  if (order === 0) {
    return visit(node.left, wanted, take) && take(interval) && visit(node.right, wanted, take);
  }
  if (compare({ begin: interval.begin, end: node.greatestEnd }, wanted) !== 0) return true;
  return visit(node.left, wanted, take) && visit(node.right, wanted, take);
}

/** Below 0: `a` is before `b`; above 0: behind it; 0: neither. */
function compare(a: KeyInterval, b: KeyInterval): number {
  if (Buffer.compare(a.begin, b.begin) < 0 && compareToEnd(b.begin, a.end) >= 0) return -1;
  return compareToEnd(a.begin, b.end) >= 0 ? 1 : 0;
}

function compareToEnd(key: Uint8Array, end: Uint8Array | undefined): number {
  return end === undefined ? -1 : Buffer.compare(key, end);
}

function compareEnds(a: Uint8Array | undefined, b: Uint8Array | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
  return Buffer.compare(a, b);
}
