import { ELEMENT_BYTES, PAGE_HEADER_BYTES, PAGE_LEAF, readNumber } from "../format/page.ts";
import type { ElementPlace } from "./element-place.ts";

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

/**
 * A branch or leaf page, read where it lies: at `at` of `bytes`, `length` bytes with what overflows its first slot. One
 * object is used for many pages, one after another. What it says of its elements is right once the page is checked.
 */
export class PageView {
  bytes: Uint8Array = NO_BYTES;
  view: DataView = NO_VIEW;
  at = 0;
  length = 0;
  /** 0 for the image of an inline bucket. */
  page = 0;
  isLeaf = true;
  count = 0;
  slots = 0;
  /** Whether it need not be asked again if its keys are between those of its parent. */
  isTrusted = false;

  /** Reads the header of the page at `at`, which is checked, and `length` bytes long. */
  open(bytes: Uint8Array, view: DataView, at: number, length: number, page: number): void {
    this.bytes = bytes;
    this.view = view;
    this.at = at;
    this.length = length;
    this.page = page;
    this.isLeaf = view.getUint16(at + 8, true) === PAGE_LEAF;
    this.count = view.getUint16(at + 10, true);
    this.slots = view.getUint32(at + 12, true) + 1;
  }

  keyStart(index: number): number {
    const element = this.at + PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    return element + this.view.getUint32(this.isLeaf ? element + 4 : element, true);
  }

  keyLength(index: number): number {
    const element = this.at + PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    return this.view.getUint32(this.isLeaf ? element + 8 : element + 4, true);
  }

  /** Of the element's key, and in a leaf of its value, which lies behind the key. */
  dataLength(index: number): number {
    return this.isLeaf ? this.keyLength(index) + this.valueLength(index) : this.keyLength(index);
  }

  /** In a leaf: fills `into` with where an element lies. */
  place(index: number, into: ElementPlace): void {
    const { view } = this;
    const element = this.at + PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    const keyStart = element + view.getUint32(element + 4, true);
    const valueStart = keyStart + view.getUint32(element + 8, true);
    into.bytes = this.bytes;
    into.view = view;
    into.keyStart = keyStart;
    into.valueStart = valueStart;
    into.valueEnd = valueStart + view.getUint32(element + 12, true);
  }

  /** What a page needs that has the elements `from` up to `to` (exclusive). */
  bytesOf(from: number, to: number): number {
    let bytes = PAGE_HEADER_BYTES + (to - from) * ELEMENT_BYTES;
    for (let i = from; i < to; i++) bytes += this.dataLength(i);
    return bytes;
  }

  /** Borrowed like the page. */
  key(index: number): Uint8Array {
    const start = this.keyStart(index);
    return this.bytes.subarray(start, start + this.keyLength(index));
  }

  /** In a leaf: 0 for a value, 1 for a bucket. */
  elementFlags(index: number): number {
    return this.view.getUint32(this.at + PAGE_HEADER_BYTES + index * ELEMENT_BYTES, true);
  }

  valueLength(index: number): number {
    return this.view.getUint32(this.at + PAGE_HEADER_BYTES + index * ELEMENT_BYTES + 12, true);
  }

  /** In a leaf; borrowed like the page. */
  value(index: number): Uint8Array {
    const start = this.keyStart(index) + this.keyLength(index);
    return this.bytes.subarray(start, start + this.valueLength(index));
  }

  /** In a branch: the page that an element refers to. */
  child(index: number): number {
    return readNumber(this.view, this.at + PAGE_HEADER_BYTES + index * ELEMENT_BYTES + 8);
  }

  /** The sign of the element's key less `key`. */
  compareKey(index: number, key: Uint8Array): number {
    const { bytes } = this;
    const start = this.keyStart(index);
    const length = this.keyLength(index);
    const shorter = length < key.length ? length : key.length;
    for (let i = 0; i < shorter; i++) {
      const difference = bytes[start + i]! - key[i]!;
      if (difference !== 0) return difference;
    }
    return length - key.length;
  }

  /** The index of the element with `key`; where it would be inserted, with all bits inverted, when there is none. */
  search(key: Uint8Array): number {
    // Every read comes by here, once a level: no calls, and nothing is read twice.
    const { bytes, view, isLeaf } = this;
    const elements = this.at + PAGE_HEADER_BYTES;
    const positionAt = isLeaf ? 4 : 0;
    const keyLength = key.length;
    let from = 0;
    let to = this.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const element = elements + middle * ELEMENT_BYTES;
      const start = element + view.getUint32(element + positionAt, true);
      const length = view.getUint32(element + positionAt + 4, true);
      const shorter = length < keyLength ? length : keyLength;
      let i = 0;
      while (i < shorter && bytes[start + i] === key[i]) i++;
      const order = i < shorter ? bytes[start + i]! - key[i]! : length - keyLength;
      if (order === 0) return middle;
      if (order < 0) from = middle + 1;
      else to = middle;
    }
    return ~from;
  }
}

/** The sign of the key of one page's element less that of another's. */
export function compareElements(a: PageView, index: number, b: PageView, other: number): number {
  const aStart = a.keyStart(index);
  const aLength = a.keyLength(index);
  const bStart = b.keyStart(other);
  const bLength = b.keyLength(other);
  const shorter = Math.min(aLength, bLength);
  for (let i = 0; i < shorter; i++) {
    const difference = a.bytes[aStart + i]! - b.bytes[bStart + i]!;
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}
