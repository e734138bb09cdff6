import {
  ELEMENT_BYTES,
  PAGE_BRANCH,
  PAGE_HEADER_BYTES,
  PAGE_LEAF,
  writeNumber,
  writePageHeader,
} from "../format/page.ts";
import { PageView } from "../pages/page-view.ts";

/** Keys are mostly short, and up to here a loop costs less than a call of the runtime. */
const SHORT_BYTES = 64;

/**
 * A page that a write transaction changes, in the form in which it will be written: elements grow from the front, their
 * data from the back, and what lies between is free. Whoever inserts asks first whether there is room.
 */
export class DirtyPage extends PageView {
  /** Where in `bytes` the lowest data begins. */
  #dataStart = 0;
  /** Of all keys and values; data that was removed may lie between them. */
  #liveBytes = 0;

  /** An empty page in the `slots` pages of memory at `at`. */
  constructor(
    bytes: Uint8Array,
    view: DataView,
    at: number,
    length: number,
    page: number,
    slots: number,
    isLeaf: boolean,
  ) {
    super();
    this.bytes = bytes;
    this.view = view;
    this.at = at;
    this.length = length;
    this.page = page;
    this.slots = slots;
    this.isLeaf = isLeaf;
    this.isTrusted = true;
    this.#dataStart = at + length;
  }

  /** What the page needs: header, elements and data. */
  get usedBytes(): number {
    return PAGE_HEADER_BYTES + this.count * ELEMENT_BYTES + this.#liveBytes;
  }

  /** Whether an element with `length` bytes of data has room in `limit` bytes, and in the page. */
  hasRoom(length: number, limit: number): boolean {
    return this.usedBytes + ELEMENT_BYTES + length <= Math.min(limit, this.length);
  }

  insertLeaf(index: number, flags: number, key: Uint8Array, value: Uint8Array): void {
    const start = this.#openElement(index, key.length + value.length);
    const { bytes, view } = this;
    const element = this.at + PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    view.setUint32(element, flags, true);
    view.setUint32(element + 4, start - element, true);
    view.setUint32(element + 8, key.length, true);
    view.setUint32(element + 12, value.length, true);
    copyKey(bytes, start, key);
    bytes.set(value, start + key.length);
  }

  insertBranch(index: number, key: Uint8Array, child: number): void {
    const start = this.#openElement(index, key.length);
    const { view } = this;
    const element = this.at + PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    view.setUint32(element, start - element, true);
    view.setUint32(element + 4, key.length, true);
    writeNumber(view, element + 8, child);
    copyKey(this.bytes, start, key);
  }

  /**
   * Appends a value if `key` is above all keys and the page stays within `limit` bytes; whether it did. The key has a
   * length that is allowed.
   */
  appendLeaf(key: Uint8Array, value: Uint8Array, limit: number): boolean {
    const at = this.#append(key, value.length, limit);
    if (at < 0) return false;
    this.bytes.set(value, at);
    return true;
  }

  /** The same of the value in `source` from `start` up to `end` (exclusive), without an object for it. */
  appendLeafFrom(key: Uint8Array, source: DataView, start: number, end: number, limit: number): boolean {
    let to = this.#append(key, end - start, limit);
    if (to < 0) return false;
    const { view } = this;
    let from = start;
    for (const wordsEnd = end - 7; from < wordsEnd; from += 8, to += 8) {
      view.setBigUint64(to, source.getBigUint64(from, true), true);
    }
    for (; from < end; from++, to++) view.setUint8(to, source.getUint8(from));
    return true;
  }

  /** Appends the element of a value that is still to be copied to where this returns; -1 when it may not. */
  #append(key: Uint8Array, valueLength: number, limit: number): number {
    const { count, bytes, view } = this;
    const keyLength = key.length;
    const elementsEnd = PAGE_HEADER_BYTES + (count + 1) * ELEMENT_BYTES;
    const liveBytes = this.#liveBytes + keyLength + valueLength;
    const element = this.at + elementsEnd - ELEMENT_BYTES;
    const start = this.#dataStart - keyLength - valueLength;
    if (elementsEnd + liveBytes > limit || element + ELEMENT_BYTES > start) return -1;
    if (count > 0) {
      const before = element - ELEMENT_BYTES;
      const last = before + view.getUint32(before + 4, true);
      const lastLength = view.getUint32(before + 8, true);
      const shorter = lastLength < keyLength ? lastLength : keyLength;
      let same = 0;
      while (same < shorter && bytes[last + same] === key[same]) same++;
      if (same < shorter ? bytes[last + same]! > key[same]! : lastLength >= keyLength) return -1;
    }
    view.setUint32(element, 0, true);
    view.setUint32(element + 4, start - element, true);
    view.setUint32(element + 8, keyLength, true);
    view.setUint32(element + 12, valueLength, true);
    if (keyLength > SHORT_BYTES) bytes.set(key, start);
    else for (let i = 0; i < keyLength; i++) bytes[start + i] = key[i]!;
    this.#dataStart = start;
    this.#liveBytes = liveBytes;
    this.count = count + 1;
    return start + keyLength;
  }

  /** Becomes a copy of a page that is no longer than this one, which is empty. */
  copyFrom(source: PageView): void {
    const { bytes, view } = this;
    const { count } = source;
    let [low, high, live] = [Number.POSITIVE_INFINITY, 0, 0];
    for (let i = 0; i < count; i++) {
      const start = source.keyStart(i);
      const length = source.dataLength(i);
      if (start < low) low = start;
      if (start + length > high) high = start + length;
      live += length;
    }
    const elementsEnd = PAGE_HEADER_BYTES + count * ELEMENT_BYTES;
    const start = this.at + this.length - (high - low);
    // Where data is strewn over the page, elements are copied one by one.
    if (count === 0 || start < this.at + elementsEnd) {
      this.appendElements(source, 0, count);
      return;
    }
    const elements = source.at + PAGE_HEADER_BYTES;
    bytes.set(source.bytes.subarray(elements, source.at + elementsEnd), this.at + PAGE_HEADER_BYTES);
    bytes.set(source.bytes.subarray(low, high), start);
    const moved = start - this.at - (low - source.at);
    const end = this.at + elementsEnd;
    for (let at = this.at + PAGE_HEADER_BYTES + this.#posAt; at < end; at += ELEMENT_BYTES) {
      view.setUint32(at, view.getUint32(at, true) + moved, true);
    }
    this.count = count;
    this.#dataStart = start;
    this.#liveBytes = live;
  }

  /** A copy of the elements `from` up to `to` (exclusive) of a page, behind all there are. There is room. */
  appendElements(source: PageView, from: number, to: number): void {
    const { bytes, view } = this;
    for (let i = from; i < to; i++) {
      const start = source.keyStart(i);
      const length = source.dataLength(i);
      const target = this.#openElement(this.count, length);
      if (length > SHORT_BYTES) bytes.set(source.bytes.subarray(start, start + length), target);
      else for (let at = 0; at < length; at++) bytes[target + at] = source.bytes[start + at]!;
      const element = this.at + PAGE_HEADER_BYTES + (this.count - 1) * ELEMENT_BYTES;
      const other = source.at + PAGE_HEADER_BYTES + i * ELEMENT_BYTES;
      for (let at = 0; at < ELEMENT_BYTES; at += 4) {
        view.setUint32(element + at, source.view.getUint32(other + at, true), true);
      }
      view.setUint32(this.isLeaf ? element + 4 : element, target - element, true);
    }
  }

  remove(index: number): void {
    const { bytes, view, at, count } = this;
    this.#liveBytes -= this.dataLength(index);
    const element = at + PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    const end = at + PAGE_HEADER_BYTES + count * ELEMENT_BYTES;
    bytes.copyWithin(element, element + ELEMENT_BYTES, end);
    this.count = count - 1;
    for (let moved = element + this.#posAt; moved < end - ELEMENT_BYTES; moved += ELEMENT_BYTES) {
      view.setUint32(moved, view.getUint32(moved, true) + ELEMENT_BYTES, true);
    }
  }

  /** Of the same length as the value before. */
  overwriteValue(index: number, value: Uint8Array): void {
    this.bytes.set(value, this.keyStart(index) + this.keyLength(index));
  }

  /** By the first key of another page, which has the same length; the order stays. */
  overwriteKey(index: number, source: PageView): void {
    const { bytes } = this;
    const start = this.keyStart(index);
    const from = source.keyStart(0);
    const length = source.keyLength(0);
    if (length > SHORT_BYTES) bytes.set(source.bytes.subarray(from, from + length), start);
    else for (let i = 0; i < length; i++) bytes[start + i] = source.bytes[from + i]!;
  }

  setChild(index: number, child: number): void {
    writeNumber(this.view, this.at + PAGE_HEADER_BYTES + index * ELEMENT_BYTES + 8, child);
  }

  /** Becomes a page as it is written: with its header, and zeros where nothing is. */
  seal(): void {
    const flags = this.isLeaf ? PAGE_LEAF : PAGE_BRANCH;
    writePageHeader(this.view, this.at, this.page, flags, this.count, this.slots - 1);
    this.bytes.fill(0, this.at + PAGE_HEADER_BYTES + this.count * ELEMENT_BYTES, this.#dataStart);
  }

  /** The leaf as the image of an inline bucket, behind `headerBytes` zeros; owned by the caller. */
  image(headerBytes: number): Uint8Array {
    const length = this.usedBytes;
    const bytes = new Uint8Array(headerBytes + length);
    const view = new DataView(bytes.buffer);
    const compact = new DirtyPage(bytes, view, headerBytes, length, 0, 1, true);
    compact.appendElements(this, 0, this.count);
    compact.seal();
    return bytes;
  }

  get #posAt(): number {
    return this.isLeaf ? 4 : 0;
  }

  /** Makes room for an element and its data; returns where the data goes. The element is still to be filled. */
  #openElement(index: number, length: number): number {
    const { view, at, count } = this;
    const end = at + PAGE_HEADER_BYTES + count * ELEMENT_BYTES;
    if (this.#dataStart - end < ELEMENT_BYTES + length) this.#closeGaps();
    if (index < count) {
      const element = at + PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
      this.bytes.copyWithin(element + ELEMENT_BYTES, element, end);
      for (let moved = element + ELEMENT_BYTES + this.#posAt; moved < end + ELEMENT_BYTES; moved += 16) {
        view.setUint32(moved, view.getUint32(moved, true) - ELEMENT_BYTES, true);
      }
    }
    this.count = count + 1;
    this.#dataStart -= length;
    this.#liveBytes += length;
    return this.#dataStart;
  }

  /** Moves all data to the back. */
  #closeGaps(): void {
    const { bytes, view, at, length, count } = this;
    const before = bytes.slice(at, at + length);
    let start = at + length;
    for (let i = 0; i < count; i++) {
      const element = at + PAGE_HEADER_BYTES + i * ELEMENT_BYTES;
      const from = this.keyStart(i) - at;
      const dataLength = this.dataLength(i);
      start -= dataLength;
      bytes.set(before.subarray(from, from + dataLength), start);
      view.setUint32(element + this.#posAt, start - element, true);
    }
    this.#dataStart = start;
  }
}

function copyKey(bytes: Uint8Array, at: number, key: Uint8Array): void {
  if (key.length > SHORT_BYTES) bytes.set(key, at);
  else for (let i = 0; i < key.length; i++) bytes[at + i] = key[i]!;
}
