import { IntervalTree } from "./interval-tree.ts";
import { compareKeys, isOpenEnd } from "./key-range.ts";
import { WatchedRange, type Watcher } from "./watcher.ts";

/**
 * Finds the watchers of a key: a hash table for watchers of single keys, an interval tree for those of ranges.
 * Watchers of equal ranges share one entry.
 */
export class WatcherIndex {
  private readonly single = new Map<string, WatchedRange>();
  private readonly ranges = new IntervalTree<WatchedRange>();

  get isEmpty(): boolean {
    return this.single.size === 0 && this.ranges.size === 0;
  }

  /**
   * The entry of a range written as in requests; made when it is not there, with copies of the bytes. A new one is told
   * of changes after `currentRevision`.
   */
  rangeOf(key: Uint8Array, rangeEnd: Uint8Array, currentRevision: number): WatchedRange {
    if (rangeEnd.length === 0) {
      const name = nameOf(key);
      let range = this.single.get(name);
      if (range === undefined) {
        range = new WatchedRange(key.slice(), NO_BYTES, currentRevision + 1);
        this.single.set(name, range);
      }
      return range;
    }
    const known = this.ranges.get(key, exclusiveEnd(rangeEnd));
    if (known !== undefined) return known;
    const range = new WatchedRange(key.slice(), rangeEnd.slice(), currentRevision + 1);
    this.ranges.set(range.key, exclusiveEnd(range.rangeEnd), range);
    return range;
  }

  add(watcher: Watcher): void {
    const { watchers } = watcher.range;
    watcher.slot = watchers.length;
    watchers.push(watcher);
  }

  /** Takes the watcher out, and its range with the last one. Idempotent. */
  remove(watcher: Watcher): void {
    if (watcher.slot < 0) return;
    const { range } = watcher;
    const last = range.watchers.pop()!;
    if (last !== watcher) {
      range.watchers[watcher.slot] = last;
      last.slot = watcher.slot;
    }
    watcher.slot = -1;
    if (range.watchers.length > 0) return;
    if (range.rangeEnd.length === 0) this.single.delete(nameOf(range.key));
    else this.ranges.delete(range.key, exclusiveEnd(range.rangeEnd));
  }

  /** Appends the ranges that hold `key` and have watchers to `into`. */
  collect(key: Uint8Array, into: WatchedRange[]): void {
    if (this.single.size > 0) {
      const range = this.single.get(nameOf(key));
      if (range !== undefined) into.push(range);
    }
    if (this.ranges.size > 0) this.ranges.stab(key, into);
  }

  /** The ranges that hold a key from `lowest` to `highest`, or to the end of the key space, and have watchers. */
  overlapping(lowest: Uint8Array, highest: Uint8Array | undefined): WatchedRange[] {
    const ranges = this.ranges.overlapping(lowest, highest);
    for (const range of this.single.values()) {
      if (compareKeys(range.key, lowest) < 0) continue;
      if (highest === undefined || compareKeys(range.key, highest) <= 0) ranges.push(range);
    }
    return ranges;
  }
}

const NO_BYTES = new Uint8Array(0);

function exclusiveEnd(rangeEnd: Uint8Array): Uint8Array | undefined {
  return isOpenEnd(rangeEnd) ? undefined : rangeEnd;
}

/** A string with one character a byte, so that different keys have different names, whatever their bytes. */
function nameOf(key: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(key, 0, key.length);
}
