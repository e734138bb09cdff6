import { DatabaseError } from "../format/errors.ts";
import {
  BUCKET_HEADER_BYTES,
  ELEMENT_BUCKET,
  ELEMENT_VALUE,
  LONGEST_KEY_BYTES,
  LONGEST_VALUE_BYTES,
  MOST_BUCKET_LEVELS,
  PAGE_HEADER_BYTES,
} from "../format/page.ts";
import { PageView } from "../pages/page-view.ts";
import { estimateCount } from "../tree/estimate-count.ts";
import { freeTree } from "../tree/free-tree.ts";
import { Path } from "../tree/path.ts";
import { Tree } from "../tree/tree.ts";
import { type BucketValue, readBucketValue, writeBucketHeader } from "./bucket-value.ts";
import { Cursor } from "./cursor.ts";
import type { TransactionPages } from "./transaction-pages.ts";

/** A bucket's name: bytes, or text that is taken as UTF-8. */
export type BucketName = Uint8Array | string;

/** bbolt makes a bucket inline that takes no more than this part of a page. */
const INLINE_PART = 1 / 4;
const DEFAULT_FILL = 0.9;

/**
 * Keys with values, and buckets, in one transaction. Keys have 1 to 32,768 bytes and ascend bytewise. Keys and values that
 * are handed in are copied; those that are handed out are borrowed, as `Cursor` says. Errors are `DatabaseError`, and
 * `DatabaseFileError` where the file is damaged.
 */
export class Bucket {
  readonly #tx: TransactionPages;
  readonly #tree: Tree;
  readonly #path: Path;
  /** How many buckets it lies in; the root bucket, which has buckets only, in none. */
  readonly #level: number;
  #sequence: bigint;
  /** Those that were asked for, by their names. */
  readonly #children = new Map<string, Bucket>();
  /** What its element says of it; undefined when that is not so any more. */
  #written: { readonly root: number; readonly sequence: bigint } | undefined;
  #isRemoved = false;

  constructor(tx: TransactionPages, value: BucketValue, level: number) {
    this.#tx = tx;
    this.#tree = new Tree(tx, value.root, value.image, DEFAULT_FILL);
    this.#path = new Path(tx);
    this.#level = level;
    this.#sequence = value.sequence;
    this.#written = value;
  }

  /** The value of a key; undefined when there is none, or a bucket. Borrowed. */
  get(key: Uint8Array): Uint8Array | undefined {
    this.#assertOpen();
    if (!this.#path.find(this.#tree, key)) return undefined;
    const { page, index } = this.#path.leaf;
    return page.elementFlags(index) === ELEMENT_VALUE ? page.value(index) : undefined;
  }

  /** Copies both. `KEY_REQUIRED`, `KEY_TOO_LARGE`, `VALUE_TOO_LARGE`; `INCOMPATIBLE_VALUE` when the key is a bucket's. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.#assertValue(key.length, value.length);
    this.#tree.putValue(key, value);
  }

  /**
   * The same of the value in `source` from `start` up to `end` (exclusive): what is appended in the order of its keys, and is
   * not long, costs no object.
   */
  putFrom(key: Uint8Array, source: DataView, start: number, end: number): void {
    this.#assertValue(key.length, end - start);
    this.#tree.putValueFrom(key, source, start, end);
  }

  /** Removes a value; whether there was one. `INCOMPATIBLE_VALUE` when the key is a bucket's. */
  delete(key: Uint8Array): boolean {
    this.#assertWritable();
    return this.#tree.remove(ELEMENT_VALUE, key);
  }

  /** Not moved yet. */
  cursor(): Cursor {
    this.#assertOpen();
    return new Cursor(this.#tx, this.#tree);
  }

  /** About how many elements there are; exact when their pages are few. */
  estimateCount(): number {
    this.#assertOpen();
    return estimateCount(this.#tx, this.#tree);
  }

  /** A bucket in this one; undefined when there is none. The same object whenever it is asked for. */
  bucket(name: BucketName): Bucket | undefined {
    this.#assertOpen();
    const key = toKey(name);
    const known = this.#children.get(toText(key));
    if (known !== undefined) return known;
    if (!this.#path.find(this.#tree, key)) return undefined;
    const { page, index } = this.#path.leaf;
    if (page.elementFlags(index) !== ELEMENT_BUCKET) {
      if (this.#level === 0) this.#tx.fail(page.page, "a value beside the buckets of the root");
      return undefined;
    }
    const value = readBucketValue(page, index);
    if (typeof value === "string") this.#tx.fail(page.page, value);
    return this.#remember(key, this.#tx.isWritable ? kept(value) : value);
  }

  /** `BUCKET_EXISTS`; `INCOMPATIBLE_VALUE` when the name is a key with a value. */
  createBucket(name: BucketName): Bucket {
    this.#assertWritable();
    const key = toKey(name);
    if (key.length === 0 || key.length > LONGEST_KEY_BYTES) throw sizeError(key.length, 0);
    if (this.#level === MOST_BUCKET_LEVELS) throw tooDeep();
    if (this.#path.find(this.#tree, key)) {
      const { page, index } = this.#path.leaf;
      if (page.elementFlags(index) === ELEMENT_BUCKET) {
        throw new DatabaseError("BUCKET_EXISTS", "there is such a bucket");
      }
    }
    this.#tree.put(ELEMENT_BUCKET, key, emptyInlineBucket());
    return this.bucket(key)!;
  }

  createBucketIfAbsent(name: BucketName): Bucket {
    return this.bucket(name) ?? this.createBucket(name);
  }

  /** With all that is in it. `BUCKET_NOT_FOUND`; `INCOMPATIBLE_VALUE` when the name is a key with a value. */
  deleteBucket(name: BucketName): void {
    this.#assertWritable();
    const key = toKey(name);
    if (!this.#path.find(this.#tree, key)) {
      throw new DatabaseError("BUCKET_NOT_FOUND", "there is no such bucket");
    }
    const child = this.bucket(key);
    if (child !== undefined) {
      child.#writeChildren();
      if (child.#tree.image === undefined) freeTree(this.#tx, child.#tree.root);
      child.#markRemoved();
      this.#children.delete(toText(key));
    }
    this.#tree.remove(ELEMENT_BUCKET, key);
  }

  /** Where its tree begins; 0 when it lies in its element. For who reads pages himself. */
  get rootPage(): number {
    this.#assertOpen();
    return this.#tree.image === undefined ? this.#tree.root : 0;
  }

  /** A number that is kept with the bucket. */
  get sequence(): bigint {
    this.#assertOpen();
    return this.#sequence;
  }

  set sequence(value: bigint) {
    this.#assertWritable();
    this.#sequence = BigInt.asUintN(64, value);
  }

  /** The next number of the sequence: 1 at first. */
  nextSequence(): bigint {
    this.sequence = this.#sequence + 1n;
    return this.#sequence;
  }

  /** How full pages become to which keys are appended in order, from 0.1 to 1; unless set, 0.9. */
  setFill(part: number): void {
    this.#tree.fill = Math.min(1, Math.max(0.1, part));
  }

  /** For the transaction, when it ends: writes all buckets below into their elements; returns the root page. */
  writeBuckets(): number {
    this.#writeChildren();
    this.#tree.settle();
    return this.#tree.root;
  }

  #writeChildren(): void {
    for (const [name, child] of this.#children) {
      child.#writeChildren();
      const value = child.#changedValue();
      if (value !== undefined) this.#tree.put(ELEMENT_BUCKET, Buffer.from(name, "latin1"), value);
    }
  }

  /** What is to be written into the bucket's element; undefined when it has not changed. */
  #changedValue(): Uint8Array | undefined {
    const tree = this.#tree;
    tree.settle();
    const leaf = tree.dirtyRootLeaf();
    const image = tree.image ?? (leaf !== undefined && this.#isInlineable(leaf) ? leaf : undefined);
    const root = image === undefined ? tree.root : 0;
    const isAsWritten = this.#written?.root === root && this.#written.sequence === this.#sequence;
    if (isAsWritten && leaf === undefined) return undefined;
    const value =
      image === undefined
        ? new Uint8Array(BUCKET_HEADER_BYTES)
        : image === leaf
          ? leaf.image(BUCKET_HEADER_BYTES)
          : imageOf(image);
    writeBucketHeader(value, root, this.#sequence);
    if (leaf !== undefined && image === leaf) {
      // From here on the bucket is the image, as if it had just been opened.
      this.#tx.free(leaf);
      tree.root = 0;
      tree.image = inlinePage(value);
      tree.version++;
    }
    this.#written = { root, sequence: this.#sequence };
    return value;
  }

  #isInlineable(leaf: PageView & { readonly usedBytes: number }): boolean {
    if (leaf.usedBytes > this.#tx.pageBytes * INLINE_PART) return false;
    for (let i = 0; i < leaf.count; i++) if (leaf.elementFlags(i) === ELEMENT_BUCKET) return false;
    return true;
  }

  #remember(key: Uint8Array, value: BucketValue): Bucket {
    if (this.#level === MOST_BUCKET_LEVELS) throw tooDeep();
    const bucket = new Bucket(this.#tx, value, this.#level + 1);
    this.#children.set(toText(key), bucket);
    return bucket;
  }

  #markRemoved(): void {
    this.#isRemoved = true;
    for (const child of this.#children.values()) child.#markRemoved();
  }

  #assertOpen(): void {
    this.#tx.assertOpen();
    if (this.#isRemoved) throw new DatabaseError("BUCKET_NOT_FOUND", "the bucket has been removed");
  }

  #assertValue(keyBytes: number, valueBytes: number): void {
    this.#assertWritable();
    if (keyBytes === 0 || keyBytes > LONGEST_KEY_BYTES || valueBytes > LONGEST_VALUE_BYTES) {
      throw sizeError(keyBytes, valueBytes);
    }
    if (this.#level === 0) throw new DatabaseError("INCOMPATIBLE_VALUE", "the root has buckets only");
  }

  #assertWritable(): void {
    this.#tx.assertWritable();
    if (this.#isRemoved) throw new DatabaseError("BUCKET_NOT_FOUND", "the bucket has been removed");
  }
}

function toKey(name: BucketName): Uint8Array {
  return typeof name === "string" ? Buffer.from(name) : name;
}

function toText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}

/** The same, of bytes that do not change. */
function kept(value: BucketValue): BucketValue {
  const { image } = value;
  if (image === undefined) return value;
  const bytes = image.bytes.slice(image.at, image.at + image.length);
  const copy = new PageView();
  copy.open(bytes, new DataView(bytes.buffer), 0, bytes.length, 0);
  return { ...value, image: copy };
}

/** A bucket's value with the leaf; its header is still to be written. */
function imageOf(leaf: PageView): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(BUCKET_HEADER_BYTES + leaf.length);
  value.set(leaf.bytes.subarray(leaf.at, leaf.at + leaf.length), BUCKET_HEADER_BYTES);
  return value;
}

function inlinePage(value: Uint8Array): PageView {
  const page = new PageView();
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  page.open(value, view, BUCKET_HEADER_BYTES, value.length - BUCKET_HEADER_BYTES, 0);
  return page;
}

function emptyInlineBucket(): Uint8Array {
  const value = new Uint8Array(BUCKET_HEADER_BYTES + PAGE_HEADER_BYTES);
  new DataView(value.buffer).setUint16(BUCKET_HEADER_BYTES + 8, 2, true);
  return value;
}

function sizeError(keyBytes: number, valueBytes: number): DatabaseError {
  if (keyBytes === 0) return new DatabaseError("KEY_REQUIRED", "a key has a byte at least");
  if (keyBytes > LONGEST_KEY_BYTES) return new DatabaseError("KEY_TOO_LARGE", `a key of ${keyBytes} bytes`);
  return new DatabaseError("VALUE_TOO_LARGE", `a value of ${valueBytes} bytes`);
}

function tooDeep(): DatabaseError {
  return new DatabaseError("BUCKETS_TOO_DEEP", `more than ${MOST_BUCKET_LEVELS} buckets in each other`);
}
