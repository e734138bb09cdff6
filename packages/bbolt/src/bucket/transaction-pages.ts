import type { TreePages } from "../tree/tree.ts";

/** What a bucket and a cursor need of the transaction that they belong to. */
export interface TransactionPages extends TreePages {
  readonly isWritable: boolean;
  /** Throws `TRANSACTION_ENDED` or `CLOSED`. */
  assertOpen(): void;
  /** The same, and `NOT_WRITABLE`. */
  assertWritable(): void;
}
