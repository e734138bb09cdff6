import { ELEMENT_BYTES, PAGE_BRANCH, PAGE_HEADER_BYTES, writeNumber, writePageHeader } from "./format.ts";
import { LeafBuilder } from "./leaf-builder.ts";
import type { PageOutput } from "./page-output.ts";

/** Pages are left a tenth free, as bbolt leaves them when it writes in order. */
const FILL = 0.9;

/** References to the pages of one level that no branch page has yet. */
interface Level {
  keys: Uint8Array[];
  pages: number[];
  bytes: number;
  /** Branch pages written above this level. */
  written: number;
}

/**
 * Writes one tree, given its elements in order: each page as soon as it is full, so that memory holds one page a level.
 */
export class TreeWriter {
  readonly #output: PageOutput;
  readonly #fillBytes: number;
  readonly #leaf = new LeafBuilder();
  readonly #levels: Level[] = [];
  #leaves = 0;

  constructor(output: PageOutput) {
    this.#output = output;
    this.#fillBytes = Math.floor(output.pageBytes * FILL);
  }

  /** Empties it for the next tree. */
  begin(): void {
    this.#leaf.clear();
    this.#levels.length = 0;
    this.#leaves = 0;
  }

  /** The first `keyLength` bytes of `key`, and a piece of `value`; copied. Keys ascend. */
  add(
    flags: number,
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    start: number,
    end: number,
  ): void {
    const leaf = this.#leaf;
    const bytes = leaf.bytes + ELEMENT_BYTES + keyLength + end - start;
    // Two records share a page whenever they fit, however large they are.
    const limit = leaf.count >= 2 ? this.#fillBytes : this.#output.pageBytes;
    if (leaf.count > 0 && bytes > limit) this.#flushLeaf();
    leaf.add(flags, key, keyLength, value, start, end);
  }

  /** The tree as a leaf page's image of at most `limit` bytes; undefined when it is larger. */
  inlineImage(limit: number): Uint8Array | undefined {
    if (this.#leaves > 0 || this.#leaf.bytes > limit) return undefined;
    const image = new Uint8Array(this.#leaf.bytes);
    this.#leaf.write(image, new DataView(image.buffer), 0, 0, 0);
    return image;
  }

  /** Writes what is left; returns the root's page. */
  finish(): number {
    if (this.#leaf.count > 0 || this.#leaves === 0) this.#flushLeaf();
    for (let i = 0; ; i++) {
      const level = this.#levels[i]!;
      if (level.written === 0 && level.pages.length === 1) return level.pages[0]!;
      if (level.pages.length > 0) this.#flushBranch(i);
    }
  }

  #flushLeaf(): void {
    const output = this.#output;
    const leaf = this.#leaf;
    const pages = Math.ceil(leaf.bytes / output.pageBytes);
    const page = output.reserve(pages);
    leaf.write(output.bytes, output.view, output.at, page, pages - 1);
    output.written(pages);
    this.#leaves++;
    this.#refer(0, leaf.firstKey(), page);
    leaf.clear();
  }

  #refer(index: number, key: Uint8Array, page: number): void {
    const level = this.#level(index);
    const bytes = ELEMENT_BYTES + key.length;
    // With two keys a page, however long they are, every level has at most half as many pages as the one below.
    if (level.pages.length >= 2 && level.bytes + bytes > this.#fillBytes) this.#flushBranch(index);
    level.keys.push(key);
    level.pages.push(page);
    level.bytes += bytes;
  }

  #flushBranch(index: number): void {
    const output = this.#output;
    const level = this.#level(index);
    const { keys, pages: children } = level;
    const slots = Math.ceil(level.bytes / output.pageBytes);
    const page = output.reserve(slots);
    const { bytes, view, at } = output;
    writePageHeader(view, at, page, PAGE_BRANCH, keys.length, slots - 1);
    let element = at + PAGE_HEADER_BYTES;
    let data = element + keys.length * ELEMENT_BYTES;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      view.setUint32(element, data - element, true);
      view.setUint32(element + 4, key.length, true);
      writeNumber(view, element + 8, children[i]!);
      bytes.set(key, data);
      element += ELEMENT_BYTES;
      data += key.length;
    }
    output.written(slots);
    level.keys = [];
    level.pages = [];
    level.bytes = PAGE_HEADER_BYTES;
    level.written++;
    this.#refer(index + 1, keys[0]!, page);
  }

  #level(index: number): Level {
    let level = this.#levels[index];
    if (level === undefined) {
      level = { keys: [], pages: [], bytes: PAGE_HEADER_BYTES, written: 0 };
      this.#levels[index] = level;
    }
    return level;
  }
}
