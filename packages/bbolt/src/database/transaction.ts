import { Bucket, type BucketName } from "../bucket/bucket.ts";
import type { Cursor } from "../bucket/cursor.ts";
import type { TransactionPages } from "../bucket/transaction-pages.ts";
import { DatabaseError } from "../format/errors.ts";
import type { Meta } from "../format/meta.ts";
import type { PageReader } from "../pages/page-reader.ts";
import type { PageView } from "../pages/page-view.ts";
import type { DirtyPage } from "../tree/dirty-page.ts";

/** What all transactions of a database share. */
export interface Shared {
  readonly reader: PageReader;
  readonly isClosed: boolean;
}

/** One state of the database: whatever is committed meanwhile, it stays the same. */
export abstract class Transaction implements TransactionPages {
  abstract readonly isWritable: boolean;
  readonly pageBytes: number;
  /** The state that it began with. */
  readonly meta: Meta;
  /** Has buckets only. */
  readonly root: Bucket;
  protected readonly shared: Shared;
  #isEnded = false;

  constructor(shared: Shared, meta: Meta) {
    this.shared = shared;
    this.meta = meta;
    this.pageBytes = meta.pageBytes;
    this.root = new Bucket(this, { root: meta.root, sequence: meta.sequence, image: undefined }, 0);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  bucket(name: BucketName): Bucket | undefined {
    return this.root.bucket(name);
  }

  /** Over the buckets. */
  cursor(): Cursor {
    return this.root.cursor();
  }

  /** Ends it; what it has handed out may change from now on. Idempotent. A write transaction is rolled back. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.released();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  assertOpen(): void {
    if (this.#isEnded) throw new DatabaseError("TRANSACTION_ENDED", "the transaction has ended");
    if (this.shared.isClosed) throw new DatabaseError("CLOSED", "the database is closed");
  }

  abstract assertWritable(): void;
  abstract load(page: number, into: PageView, parent: number): PageView;
  abstract touch(page: PageView): DirtyPage;
  abstract create(isLeaf: boolean, usedBytes: number): DirtyPage;
  abstract free(page: PageView): void;

  fail(page: number, what: string): never {
    this.shared.reader.fail(page, what);
  }

  protected abstract released(): void;
}
