import { assert } from "../assert.ts";
import {
  BUCKET_HEADER_BYTES,
  DEFAULT_PAGE_BYTES,
  ELEMENT_BUCKET,
  LONGEST_KEY_BYTES,
  LONGEST_VALUE_BYTES,
  type Meta,
  writeMeta,
  writeNumber,
} from "./format.ts";
import { type ByteSink, PageOutput } from "./page-output.ts";
import { TreeWriter } from "./tree-writer.ts";

const META_PAGES = 2;
/** Of the newer meta; even, since transaction t writes slot t mod 2. */
const TX_ID = 2;
const NO_BYTES: Uint8Array = new Uint8Array(0);

/**
 * Writes a bbolt file from scratch, given its buckets and their entries in ascending order of their bytes: no free
 * pages, no stored list of them, and a length of exactly its pages. Holds little more than a page a level in memory.
 */
export class DatabaseWriter {
  readonly #sink: ByteSink;
  readonly #output: PageOutput;
  readonly #root: TreeWriter;
  readonly #bucket: TreeWriter;
  #name: Uint8Array | undefined;
  #lastName = NO_BYTES;
  #lastKey = new Uint8Array(64);
  #lastKeyLength = 0;

  constructor(sink: ByteSink, pageBytes: number = DEFAULT_PAGE_BYTES) {
    this.#sink = sink;
    this.#output = new PageOutput(sink, pageBytes, META_PAGES);
    this.#root = new TreeWriter(this.#output);
    this.#bucket = new TreeWriter(this.#output);
  }

  /** Begins the bucket that the next entries belong to. Names ascend. */
  beginBucket(name: string): void {
    this.#endBucket();
    const bytes = Buffer.from(name);
    assert(bytes.length > 0 && bytes.length <= LONGEST_KEY_BYTES, "length of a bucket's name");
    assert(Buffer.compare(bytes, this.#lastName) > 0, "names of buckets ascend");
    this.#lastName = bytes;
    this.#name = bytes;
    this.#bucket.begin();
    this.#lastKeyLength = 0;
  }

  /**
   * The first `keyLength` bytes of `key` (1 to 32,768) and the bytes from `start` to `end` of `value`; copied. Throws a
   * RangeError for what the format cannot hold.
   */
  put(key: Uint8Array, keyLength: number, value: Uint8Array, start: number, end: number): void {
    if (keyLength === 0 || keyLength > LONGEST_KEY_BYTES) {
      throw new RangeError(`a bbolt file cannot hold a key of ${keyLength} bytes`);
    }
    if (end - start > LONGEST_VALUE_BYTES) {
      throw new RangeError(`a bbolt file cannot hold a value of ${end - start} bytes`);
    }
    assert(this.#isAboveLast(key, keyLength), "keys ascend");
    this.#bucket.add(0, key, keyLength, value, start, end);
  }

  /** Writes the rest and the metas. Returns the file's length in bytes. */
  finish(): number {
    this.#endBucket();
    const root = this.#root.finish();
    const output = this.#output;
    output.flush();
    const { pageBytes, nextPage: highWater } = output;
    const metas = new Uint8Array(META_PAGES * pageBytes);
    const meta: Meta = { pageBytes, root, freelist: undefined, highWater, txId: TX_ID };
    writeMeta(new DataView(metas.buffer, 0, pageBytes), 0, meta);
    writeMeta(new DataView(metas.buffer, pageBytes, pageBytes), 1, { ...meta, txId: TX_ID - 1 });
    this.#sink.write(metas, 0);
    return highWater * pageBytes;
  }

  #endBucket(): void {
    const name = this.#name;
    if (name === undefined) return;
    this.#name = undefined;
    // As bbolt does it: a bucket of one small leaf lies in its element.
    const image = this.#bucket.inlineImage(this.#output.pageBytes / 4);
    const value = new Uint8Array(BUCKET_HEADER_BYTES + (image ?? NO_BYTES).length);
    if (image !== undefined) value.set(image, BUCKET_HEADER_BYTES);
    else writeNumber(new DataView(value.buffer), 0, this.#bucket.finish());
    this.#root.add(ELEMENT_BUCKET, name, name.length, value, 0, value.length);
  }

  #isAboveLast(key: Uint8Array, keyLength: number): boolean {
    const last = this.#lastKey;
    const lastLength = this.#lastKeyLength;
    const shorter = Math.min(lastLength, keyLength);
    let i = 0;
    while (i < shorter && last[i] === key[i]) i++;
    const above = i < shorter ? key[i]! > last[i]! : keyLength > lastLength;
    if (keyLength > last.length) this.#lastKey = new Uint8Array(2 * keyLength);
    for (let j = this.#lastKey === last ? i : 0; j < keyLength; j++) this.#lastKey[j] = key[j]!;
    this.#lastKeyLength = keyLength;
    return above;
  }
}
