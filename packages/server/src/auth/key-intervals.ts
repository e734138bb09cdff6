import { IntervalTree, type KeyInterval } from "./interval-tree.ts";

/** The keys that a user may read, or write: a union of intervals. */
export class KeyIntervals {
  readonly #given: readonly KeyInterval[];
  /** Disjoint, in ascending order, none touching the next. */
  readonly #merged: readonly KeyInterval[];
  #tree: IntervalTree | undefined = undefined;

  /** In the order in which they were granted: see `IntervalTree`. */
  constructor(given: readonly KeyInterval[]) {
    this.#given = given;
    this.#merged = merge(given);
  }

  /** Whether all keys are in it that a request names: `rangeEnd` empty for one key, a zero byte for all from `key` on. */
  covers(key: Uint8Array, rangeEnd: Uint8Array): boolean {
    if (rangeEnd.length === 0) return this.#holder(key) !== undefined;
    const end = isOpenEnd(rangeEnd) ? undefined : rangeEnd;
    if (end !== undefined && Buffer.compare(end, key) < 0) return this.#treeCovers(key, end);
    const holder = this.#holder(key);
    if (holder === undefined) return false;
    return holder.end === undefined || (end !== undefined && Buffer.compare(end, holder.end) <= 0);
  }

  /** The merged interval that `key` lies in. Hot. */
  #holder(key: Uint8Array): KeyInterval | undefined {
    const merged = this.#merged;
    let low = 0;
    let high = merged.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(merged[middle]!.begin, key) <= 0) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    const candidate = merged[low - 1]!;
    return candidate.end === undefined || compareKeys(key, candidate.end) < 0 ? candidate : undefined;
  }

  /** Of a request that names no key, as its end comes before its beginning. Rare. */
  #treeCovers(begin: Uint8Array, end: Uint8Array): boolean {
    if (this.#tree === undefined) {
      this.#tree = new IntervalTree();
      for (const interval of this.#given) this.#tree.insert(interval);
    }
    return this.#tree.covers({ begin, end });
  }
}

/** As `Buffer.compare`, which takes longer for keys of usual length: it is a call into native code. */
function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function isOpenEnd(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

/** The interval of what a request or a permission names. */
export function intervalOf(key: Uint8Array, rangeEnd: Uint8Array): KeyInterval {
  if (isOpenEnd(rangeEnd)) return { begin: key, end: undefined };
  return { begin: key, end: rangeEnd.length === 0 ? justBehind(key) : rangeEnd };
}

/** The least key above `key`. */
function justBehind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

function merge(given: readonly KeyInterval[]): KeyInterval[] {
  const merged: KeyInterval[] = [];
  for (const { begin, end } of given.toSorted((a, b) => Buffer.compare(a.begin, b.begin))) {
    // Members of early releases let in what holds no key.
    if (end !== undefined && Buffer.compare(begin, end) >= 0) continue;
    const last = merged.at(-1);
    if (last === undefined || (last.end !== undefined && Buffer.compare(begin, last.end) > 0)) {
      merged.push({ begin, end });
    } else if (last.end !== undefined && (end === undefined || Buffer.compare(end, last.end) > 0)) {
      merged[merged.length - 1] = { begin: last.begin, end };
    }
  }
  return merged;
}
