import { assert } from "../assert.ts";
import { type Entry, NO_DATA } from "../types.ts";

const DROPPED: Entry = Object.freeze({ type: 0, term: 0, index: 0, data: NO_DATA });
/** Below this many dropped slots it is not worth moving the rest. */
const MIN_SLACK = 64;

/**
 * A run of consecutive entries that grows at its end and shrinks at both ends: the shape of a log. Adding and
 * dropping cost amortised O(1) an entry; a window that slides for ever keeps at most twice its own size in slots and
 * no dropped entry alive. Positions count from the first entry that is still there.
 */
export class EntryWindow {
  #slots: Entry[] = [];
  #head = 0;
  #dataBytes = 0;

  /** Of the payloads of all entries together. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  get length(): number {
    return this.#slots.length - this.#head;
  }

  at(position: number): Entry {
    return this.#slots[this.#head + position]!;
  }

  last(): Entry | undefined {
    return this.#head === this.#slots.length ? undefined : this.#slots[this.#slots.length - 1]!;
  }

  /** Adds `entries[from..]` at the end. The array stays the caller's. */
  append(entries: readonly Entry[], from = 0): void {
    for (let i = from; i < entries.length; i++) {
      const entry = entries[i]!;
      this.#slots.push(entry);
      this.#dataBytes += entry.data.length;
    }
  }

  /** Drops everything from `length` on. */
  truncate(length: number): void {
    assert(length >= 0 && length <= this.length, "truncating beyond the window");
    if (length === 0) {
      this.clear();
      return;
    }
    const end = this.#head + length;
    for (let i = end; i < this.#slots.length; i++) this.#dataBytes -= this.#slots[i]!.data.length;
    this.#slots.length = end;
  }

  dropFirst(count: number): void {
    assert(count >= 0 && count <= this.length, "dropping beyond the window");
    const head = this.#head + count;
    if (head === this.#slots.length) {
      this.clear();
      return;
    }
    for (let i = this.#head; i < head; i++) this.#dataBytes -= this.#slots[i]!.data.length;
    if (head >= MIN_SLACK && head * 2 >= this.#slots.length) {
      this.#slots = this.#slots.slice(head);
      this.#head = 0;
    } else {
      this.#slots.fill(DROPPED, this.#head, head);
      this.#head = head;
    }
  }

  clear(): void {
    this.#slots = [];
    this.#head = 0;
    this.#dataBytes = 0;
  }

  /** A new array with the entries at positions from <= p < to. */
  slice(from: number, to: number): Entry[] {
    return this.#slots.slice(this.#head + from, this.#head + to);
  }
}
