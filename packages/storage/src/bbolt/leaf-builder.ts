import { ELEMENT_BYTES, PAGE_HEADER_BYTES, PAGE_LEAF, writePageHeader } from "./format.ts";

/** The elements of a leaf page while it fills. */
export class LeafBuilder {
  count = 0;
  /** Of the page, if it were written now. */
  bytes = PAGE_HEADER_BYTES;
  #flags = new Uint8Array(256);
  #keyLengths = new Uint32Array(256);
  #valueLengths = new Uint32Array(256);
  /** Keys and values, one behind the other. */
  #data = new Uint8Array(8192);
  #used = 0;

  add(
    flags: number,
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (this.count === this.#flags.length) this.#growElements();
    const length = keyLength + end - start;
    if (this.#used + length > this.#data.length) this.#growData(length);
    this.#flags[this.count] = flags;
    this.#keyLengths[this.count] = keyLength;
    this.#valueLengths[this.count] = end - start;
    const data = this.#data;
    let at = this.#used;
    // Mostly the 17 bytes of a revision, for which a view would cost more than the copy.
    for (let i = 0; i < keyLength; i++) data[at++] = key[i]!;
    if (end > start) data.set(value.subarray(start, end), at);
    this.#used += length;
    this.bytes += ELEMENT_BYTES + length;
    this.count++;
  }

  /** An owned copy; empty in an empty leaf. */
  firstKey(): Uint8Array {
    return this.#data.slice(0, this.count === 0 ? 0 : this.#keyLengths[0]!);
  }

  /** Writes the page of `this.bytes` bytes at `at`. */
  write(bytes: Uint8Array, view: DataView, at: number, page: number, overflow: number): void {
    writePageHeader(view, at, page, PAGE_LEAF, this.count, overflow);
    let element = at + PAGE_HEADER_BYTES;
    let data = element + this.count * ELEMENT_BYTES;
    bytes.set(this.#data.subarray(0, this.#used), data);
    for (let i = 0; i < this.count; i++) {
      const keyLength = this.#keyLengths[i]!;
      const valueLength = this.#valueLengths[i]!;
      view.setUint32(element, this.#flags[i]!, true);
      view.setUint32(element + 4, data - element, true);
      view.setUint32(element + 8, keyLength, true);
      view.setUint32(element + 12, valueLength, true);
      element += ELEMENT_BYTES;
      data += keyLength + valueLength;
    }
  }

  clear(): void {
    this.count = 0;
    this.bytes = PAGE_HEADER_BYTES;
    this.#used = 0;
  }

  #growElements(): void {
    const capacity = this.#flags.length * 2;
    const flags = new Uint8Array(capacity);
    flags.set(this.#flags);
    this.#flags = flags;
    this.#keyLengths = widened(this.#keyLengths, capacity);
    this.#valueLengths = widened(this.#valueLengths, capacity);
  }

  #growData(more: number): void {
    const wider = new Uint8Array(Math.max(this.#data.length * 2, this.#used + more));
    wider.set(this.#data.subarray(0, this.#used));
    this.#data = wider;
  }
}

function widened(column: Uint32Array, capacity: number): Uint32Array<ArrayBuffer> {
  const wider = new Uint32Array(capacity);
  wider.set(column);
  return wider;
}
