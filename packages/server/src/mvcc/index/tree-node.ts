import { commonPrefixLength, compareBytes, keyHead } from "../../keys/bytes.ts";
import { type EntryTable, plainId } from "./entry-table.ts";

export const LEAF_CAPACITY = 128;
export const INNER_CAPACITY = 128;
/** Length of a leaf's array. */
export const LEAF_WORDS = 2 * LEAF_CAPACITY;

/**
 * A leaf holds ids in the order of their keys; the id of a deleted key is stored as ~id. Beside each id lies the head of
 * its key: the four bytes after the prefix that all keys of the leaf's interval share, so that a search rarely has to
 * look at a key.
 */
export class Leaf {
  readonly kind = 0;
  /** Ids, then (from LEAF_CAPACITY on) heads. */
  readonly words: Int32Array;
  count = 0;
  /** How many of the keys are not deleted. */
  live = 0;
  /** At most the length of the prefix that the interval's bounds share. */
  prefixLength = 0;
  /** No key of this leaf began or ceased to exist after this main revision. */
  changedMain = 0;
  /** Of a leaf that was filled at start: what depends on its entries (heads and `changedMain`) is not there yet. */
  isUnread = false;
  next: Leaf | undefined;
  previous: Leaf | undefined;

  /** `words` has LEAF_WORDS elements, whose values do not matter. The leaf's until it leaves the tree. */
  constructor(words: Int32Array) {
    this.words = words;
  }

  /**
   * Fills an empty leaf whose interval's bounds share `prefixLength` bytes. Its entries lie anywhere in memory, and most
   * of a large index is not asked for soon: they are read when they are first needed, see `read`.
   */
  fill(stored: Int32Array, prefixLength: number): void {
    this.words.set(stored);
    this.count = stored.length;
    for (let i = 0; i < stored.length; i++) if (stored[i]! >= 0) this.live += 1;
    this.prefixLength = prefixLength;
    this.isUnread = true;
  }

  /** Must be called before heads or `changedMain` are looked at or change. */
  read(entries: EntryTable): void {
    if (this.isUnread) this.#readEntries(entries);
  }

  #readEntries(entries: EntryTable): void {
    this.isUnread = false;
    this.readHeads(entries, this.prefixLength);
    for (let i = 0; i < this.count; i++) {
      const stored = this.words[i]!;
      const changed = stored < 0 ? entries.modMain(~stored) : entries.createMain(stored);
      if (changed > this.changedMain) this.changedMain = changed;
    }
  }

  /** The first position whose key is not below `key`, which lies in this leaf's interval. */
  lowerBound(entries: EntryTable, key: Uint8Array): number {
    this.read(entries);
    const words = this.words;
    const prefixLength = this.prefixLength;
    const head = keyHead(key, prefixLength);
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const difference = words[LEAF_CAPACITY + middle]!;
      if (difference < head) {
        low = middle + 1;
      } else if (difference > head) {
        high = middle;
      } else {
        const stored = words[middle]!;
        if (entries.compareKey(plainId(stored), key, prefixLength) < 0) low = middle + 1;
        else high = middle;
      }
    }
    return low;
  }

  insertAt(position: number, id: number, head: number): void {
    const words = this.words;
    for (let i = this.count; i > position; i--) {
      words[i] = words[i - 1]!;
      words[LEAF_CAPACITY + i] = words[LEAF_CAPACITY + i - 1]!;
    }
    words[position] = id;
    words[LEAF_CAPACITY + position] = head;
    this.count += 1;
    if (id >= 0) this.live += 1;
  }

  removeAt(position: number): void {
    const words = this.words;
    if (words[position]! >= 0) this.live -= 1;
    this.count -= 1;
    for (let i = position; i < this.count; i++) {
      words[i] = words[i + 1]!;
      words[LEAF_CAPACITY + i] = words[LEAF_CAPACITY + i + 1]!;
    }
  }

  /** Moves everything from `position` on to the end of `to`, which is to have the same prefix length. */
  moveTail(position: number, to: Leaf): void {
    for (let i = position; i < this.count; i++) {
      const stored = this.words[i]!;
      to.words[to.count] = stored;
      to.words[LEAF_CAPACITY + to.count++] = this.words[LEAF_CAPACITY + i]!;
      if (stored >= 0) {
        to.live += 1;
        this.live -= 1;
      }
    }
    this.count = position;
  }

  liveBefore(position: number): number {
    if (this.live === this.count) return position;
    let live = 0;
    for (let i = 0; i < position; i++) if (this.words[i]! >= 0) live += 1;
    return live;
  }

  idAt(position: number): number {
    return plainId(this.words[position]!);
  }

  /** To be called when the interval changed: all keys in it share `prefixLength` bytes now. */
  usePrefix(entries: EntryTable, prefixLength: number): void {
    if (prefixLength !== this.prefixLength) this.readHeads(entries, prefixLength);
  }

  readHeads(entries: EntryTable, prefixLength: number): void {
    this.prefixLength = prefixLength;
    for (let i = 0; i < this.count; i++) {
      this.words[LEAF_CAPACITY + i] = entries.keyHead(this.idAt(i), prefixLength);
    }
  }
}

/** children[i] holds the keys from separators[i - 1] (inclusive) to separators[i] (exclusive). */
export class Inner {
  readonly kind = 1;
  readonly children: (Inner | Leaf)[] = [];
  readonly separators: Uint8Array[] = [];
  /** Live keys below each child. */
  readonly live = new Float64Array(INNER_CAPACITY + 1);
  readonly #heads = new Int32Array(INNER_CAPACITY);
  #prefixLength = 0;

  /** The child whose interval contains `key`. */
  childFor(key: Uint8Array): number {
    const separators = this.separators;
    const prefixLength = this.#prefixLength;
    if (prefixLength > 0) {
      const first = separators[0]!;
      for (let i = 0; i < prefixLength; i++) {
        if (i >= key.length) return 0;
        const difference = key[i]! - first[i]!;
        if (difference < 0) return 0;
        if (difference > 0) return separators.length;
      }
    }
    const heads = this.#heads;
    const head = keyHead(key, prefixLength);
    let low = 0;
    let high = separators.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const middleHead = heads[middle]!;
      if (middleHead < head) low = middle + 1;
      else if (middleHead > head) high = middle;
      else if (compareBytes(separators[middle]!, key, prefixLength) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  liveBefore(child: number): number {
    let live = 0;
    for (let i = 0; i < child; i++) live += this.live[i]!;
    return live;
  }

  totalLive(): number {
    return this.liveBefore(this.children.length);
  }

  /** Puts `right` behind children[child]; `separator` parts the two. */
  insertAfter(child: number, separator: Uint8Array, right: Inner | Leaf): void {
    this.children.splice(child + 1, 0, right);
    this.separators.splice(child, 0, separator);
    this.live.copyWithin(child + 2, child + 1, this.children.length - 1);
    this.live[child] = liveOf(this.children[child]!);
    this.live[child + 1] = liveOf(right);
    this.setSeparators();
  }

  /** Takes a child and the separator on its left (of the first child: on its right) out. */
  removeChild(child: number): void {
    this.children.splice(child, 1);
    if (this.separators.length > 0) this.separators.splice(child === 0 ? 0 : child - 1, 1);
    this.live.copyWithin(child, child + 1);
    this.setSeparators();
  }

  /** To be called when the separators changed. */
  setSeparators(): void {
    const separators = this.separators;
    this.#prefixLength =
      separators.length === 0 ? 0 : commonPrefixLength(separators[0]!, separators[separators.length - 1]!);
    for (let i = 0; i < separators.length; i++) {
      this.#heads[i] = keyHead(separators[i]!, this.#prefixLength);
    }
  }
}

export function liveOf(node: Inner | Leaf): number {
  return node.kind === 0 ? node.live : node.totalLive();
}
