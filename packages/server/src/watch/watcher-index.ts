import type { Revision } from "@quorate/storage/seams/backend";
import { compareBytes } from "../keys/bytes.ts";
import { isFromKey } from "../keys/key-range.ts";
import { IntervalTree } from "./interval-tree.ts";
import { WatchedRange } from "./watched-range.ts";
import type { Watcher } from "./watcher.ts";

/**
 * Finds the watchers of a key: a hash table for watchers of single keys, an interval tree for those of ranges.
 * Watchers of equal ranges share one entry.
 */
export class WatcherIndex {
  private readonly single = new Map<string, WatchedRange<Watcher>>();
  private readonly ranges = new IntervalTree<WatchedRange<Watcher>>();

  get isEmpty(): boolean {
    return this.single.size === 0 && this.ranges.size === 0;
  }

  /**
   * The entry of a range written as in requests; made when it is not there, with copies of the bytes. A new one is told
   * of changes after `currentRevision`.
   */
  rangeOf(key: Uint8Array, rangeEnd: Uint8Array, currentRevision: Revision): WatchedRange<Watcher> {
    if (rangeEnd.length === 0) {
      const name = nameOf(key);
      let range = this.single.get(name);
      if (range === undefined) {
        range = new WatchedRange<Watcher>(key.slice(), NO_BYTES, currentRevision + 1);
        this.single.set(name, range);
      }
      return range;
    }
    const known = this.ranges.get(key, exclusiveEnd(rangeEnd));
    if (known !== undefined) return known;
    const range = new WatchedRange<Watcher>(key.slice(), rangeEnd.slice(), currentRevision + 1);
    this.ranges.set(range.key, exclusiveEnd(range.rangeEnd), range);
    return range;
  }

  add(watcher: Watcher): void {
    watcher.range.add(watcher);
  }

  /** Takes the watcher out, and its range with the last one. Idempotent. */
  remove(watcher: Watcher): void {
    if (watcher.slot < 0) return;
    const { range } = watcher;
    range.remove(watcher);
    if (range.watchers.length > 0) return;
    if (range.rangeEnd.length === 0) this.single.delete(nameOf(range.key));
    else this.ranges.delete(range.key, exclusiveEnd(range.rangeEnd));
  }

  /** Whether a range with watchers holds `key`. */
  isWatched(key: Uint8Array): boolean {
    return this.single.has(nameOf(key)) || this.ranges.isStabbed(key);
  }

  /** Appends the ranges that hold `key` and have watchers to `into`, but no more when it has `most`. */
  collect(key: Uint8Array, into: WatchedRange<Watcher>[], most: number): void {
    if (this.single.size > 0) {
      const range = this.single.get(nameOf(key));
      if (range !== undefined) into.push(range);
    }
    if (this.ranges.size > 0) this.ranges.stab(key, into, most);
  }

  /**
   * The ranges that hold a key from `lowest` to `highest`, or to the end of the key space, and have watchers; undefined
   * for one that does not. Between two steps ranges may come and go: those that stay are all found.
   */
  *overlapping(
    lowest: Uint8Array,
    highest: Uint8Array | undefined,
  ): Generator<WatchedRange<Watcher> | undefined> {
    for (const range of this.single.values()) {
      const isInside = compareBytes(range.key, lowest) >= 0 && !isBeyond(range.key, highest);
      yield isInside ? range : undefined;
    }
    yield* this.ranges.overlapping(lowest, highest);
  }
}

function isBeyond(key: Uint8Array, highest: Uint8Array | undefined): boolean {
  return highest !== undefined && compareBytes(key, highest) > 0;
}

const NO_BYTES = new Uint8Array(0);

function exclusiveEnd(rangeEnd: Uint8Array): Uint8Array | undefined {
  return isFromKey(rangeEnd) ? undefined : rangeEnd;
}

/** A string with one character a byte, so that different keys have different names, whatever their bytes. */
function nameOf(key: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(key, 0, key.length);
}
