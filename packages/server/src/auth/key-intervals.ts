import { compareBytes, successorOf } from "../keys/bytes.ts";
import { isFromKey } from "../keys/key-range.ts";
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
    const end = isFromKey(rangeEnd) ? undefined : rangeEnd;
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
      if (compareBytes(merged[middle]!.begin, key) <= 0) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    const candidate = merged[low - 1]!;
    return candidate.end === undefined || compareBytes(key, candidate.end) < 0 ? candidate : undefined;
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

/** The interval of what a request or a permission names. */
export function intervalOf(key: Uint8Array, rangeEnd: Uint8Array): KeyInterval {
  if (isFromKey(rangeEnd)) return { begin: key, end: undefined };
  return { begin: key, end: rangeEnd.length === 0 ? successorOf(key) : rangeEnd };
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
