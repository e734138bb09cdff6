import type { Bucket } from "../bucket/bucket.ts";
import { DatabaseError } from "../format/errors.ts";
import type { Database } from "./database.ts";
import type { ReadTransaction } from "./read-transaction.ts";
import type { WriteTransaction } from "./write-transaction.ts";

/** Of keys and values in one transaction of the copy, unless given. */
const DEFAULT_TRANSACTION_BYTES = 1 << 20;

/**
 * Copies what a transaction sees into a database that is empty, in order, so that its pages are full and few are free. Loses
 * nothing and changes nothing, sequences included; what is damaged is no part of the copy, but ends it with
 * `DatabaseFileError`. `BUCKET_EXISTS` when `target` is not empty. The copy is whole when the promise resolves.
 */
export async function compact(
  source: ReadTransaction,
  target: Database,
  transactionBytes: number = DEFAULT_TRANSACTION_BYTES,
): Promise<void> {
  const copy = new Copy(source, target, transactionBytes);
  try {
    await copy.bucket(source.root, []);
    await copy.end();
  } catch (error) {
    copy.giveUp();
    throw error;
  }
}

class Copy {
  readonly #source: ReadTransaction;
  /** Root pages of buckets. A damaged file may have one in several places, and so be endless. */
  readonly #met = new Set<number>();
  readonly #target: Database;
  readonly #transactionBytes: number;
  #tx: WriteTransaction;
  #bytes = 0;

  constructor(source: ReadTransaction, target: Database, transactionBytes: number) {
    this.#source = source;
    this.#target = target;
    this.#transactionBytes = transactionBytes;
    this.#tx = target.beginWrite();
    if (this.#tx.cursor().first()) {
      this.#tx.end();
      throw new DatabaseError("BUCKET_EXISTS", "the database is not empty");
    }
  }

  /** Copies a bucket into the one at `path`, which is there. */
  async bucket(source: Bucket, path: readonly Uint8Array[]): Promise<void> {
    const { rootPage } = source;
    if (rootPage !== 0 && this.#met.has(rootPage)) this.#source.fail(rootPage, "the root of two buckets");
    this.#met.add(rootPage);
    let target = this.#bucketAt(path);
    target.sequence = source.sequence;
    target.setFill(1);
    const cursor = source.cursor();
    while (cursor.next()) {
      const { key, value } = cursor;
      if (value !== undefined && path.length === 0) {
        this.#source.fail(rootPage, "a value beside the buckets of the root");
      }
      if (value === undefined) {
        const name = key.slice();
        target.createBucket(name);
        await this.bucket(source.bucket(name)!, [...path, name]);
      } else {
        target.put(key, value);
        this.#bytes += key.length + value.length;
        if (this.#bytes < this.#transactionBytes) continue;
        await this.#tx.commit();
        this.#tx = this.#target.beginWrite();
        this.#bytes = 0;
      }
      target = this.#bucketAt(path);
      target.setFill(1);
    }
  }

  async end(): Promise<void> {
    await this.#tx.commit();
  }

  giveUp(): void {
    this.#tx.end();
  }

  #bucketAt(path: readonly Uint8Array[]): Bucket {
    let bucket = this.#tx.root;
    for (const name of path) bucket = bucket.bucket(name)!;
    return bucket;
  }
}
