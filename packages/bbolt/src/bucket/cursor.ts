import { DatabaseError } from "../format/errors.ts";
import { ELEMENT_BUCKET, ELEMENT_VALUE } from "../format/page.ts";
import type { ElementPlace } from "../pages/element-place.ts";
import { Path } from "../tree/path.ts";
import type { Tree } from "../tree/tree.ts";
import type { TransactionPages } from "./transaction-pages.ts";

const NO_BYTES = new Uint8Array(0);

/**
 * Goes over the elements of a bucket in the order of their keys, buckets among them. Every move says whether it has found
 * an element. In a write transaction the bucket may be changed meanwhile: the next move then goes on from the key that the
 * cursor was at, whether that is still there or not.
 *
 * `key`, `value` and `place` are borrowed: in a read transaction until it ends, in a write transaction until the next change
 * in the database. They must not be written to.
 */
export class Cursor {
  readonly #tx: TransactionPages;
  readonly #tree: Tree;
  readonly #path: Path;
  #isAtElement = false;
  /** In a write transaction: the change of the tree that the path is good for, and the key that it is at. */
  #version = -1;
  #key = NO_BYTES;
  #keyLength = 0;

  constructor(tx: TransactionPages, tree: Tree) {
    this.#tx = tx;
    this.#tree = tree;
    this.#path = new Path(tx);
  }

  first(): boolean {
    this.#tx.assertOpen();
    return this.#at(this.#path.first(this.#tree));
  }

  last(): boolean {
    this.#tx.assertOpen();
    return this.#at(this.#path.last(this.#tree));
  }

  /** To the first element whose key is not below `key`. */
  seek(key: Uint8Array): boolean {
    this.#tx.assertOpen();
    return this.#at(this.#path.seek(this.#tree, key));
  }

  /** To the element behind; the first one when the cursor has not been moved yet. */
  next(): boolean {
    this.#tx.assertOpen();
    if (this.#version === -1) return this.first();
    if (!this.#isAtElement) return false;
    if (this.#version === this.#tree.version) return this.#at(this.#path.next());
    const isThere = this.#path.find(this.#tree, this.#currentKey());
    if (!isThere) this.#path.leaf.index--;
    return this.#at(this.#path.next());
  }

  previous(): boolean {
    this.#tx.assertOpen();
    if (this.#version === -1) return this.last();
    if (!this.#isAtElement) return false;
    if (this.#version !== this.#tree.version) this.#path.find(this.#tree, this.#currentKey());
    return this.#at(this.#path.previous());
  }

  /** Whether the last move has found an element. */
  get isAtElement(): boolean {
    return this.#isAtElement;
  }

  get isBucket(): boolean {
    const { page, index } = this.#element();
    return page.elementFlags(index) === ELEMENT_BUCKET;
  }

  get key(): Uint8Array {
    const { page, index } = this.#element();
    return page.key(index);
  }

  /** Undefined when the element is a bucket. */
  get value(): Uint8Array | undefined {
    const { page, index } = this.#element();
    return page.elementFlags(index) === ELEMENT_VALUE ? page.value(index) : undefined;
  }

  /** Which page the element is on; 0 for an inline bucket's. */
  get page(): number {
    return this.#element().page.page;
  }

  /** Fills `into` with where the element lies. */
  place(into: ElementPlace): void {
    const { page, index } = this.#element();
    page.place(index, into);
  }

  /** Removes the value that the cursor is at; `next` goes on behind it. `INCOMPATIBLE_VALUE` when it is a bucket. */
  delete(): void {
    this.#tx.assertWritable();
    this.#element();
    this.#tree.remove(ELEMENT_VALUE, this.#currentKey());
  }

  #element() {
    this.#tx.assertOpen();
    if (!this.#isAtElement) throw new DatabaseError("KEY_REQUIRED", "the cursor is at no element");
    if (this.#version !== this.#tree.version && !this.#path.find(this.#tree, this.#currentKey())) {
      throw new DatabaseError("KEY_REQUIRED", "the element at the cursor has been removed");
    }
    this.#version = this.#tree.version;
    return this.#path.leaf;
  }

  #at(isThere: boolean): boolean {
    this.#isAtElement = isThere;
    this.#version = this.#tree.version;
    if (isThere && this.#tx.isWritable) this.#rememberKey();
    return isThere;
  }

  #rememberKey(): void {
    const { page, index } = this.#path.leaf;
    const start = page.keyStart(index);
    const length = page.keyLength(index);
    if (this.#key.length < length) this.#key = new Uint8Array(2 * length);
    const key = this.#key;
    for (let i = 0; i < length; i++) key[i] = page.bytes[start + i]!;
    this.#keyLength = length;
  }

  #currentKey(): Uint8Array {
    return this.#key.subarray(0, this.#keyLength);
  }
}
