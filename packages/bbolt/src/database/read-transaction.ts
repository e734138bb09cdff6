import { DatabaseError } from "../format/errors.ts";
import type { Meta } from "../format/meta.ts";
import type { PageView } from "../pages/page-view.ts";
import type { DirtyPage } from "../tree/dirty-page.ts";
import { type Shared, Transaction } from "./transaction.ts";

/** Reads one state of the database. As long as it is open, none of its pages is written; so end it. */
export class ReadTransaction extends Transaction {
  readonly isWritable = false;
  readonly #onEnd: (txId: number) => void;

  constructor(shared: Shared, meta: Meta, onEnd: (txId: number) => void) {
    super(shared, meta);
    this.#onEnd = onEnd;
  }

  load(page: number, into: PageView, parent: number): PageView {
    this.shared.reader.load(page, this.meta.highWater, into, parent);
    return into;
  }

  assertWritable(): never {
    this.assertOpen();
    throw new DatabaseError("NOT_WRITABLE", "the transaction only reads");
  }

  touch(): DirtyPage {
    this.assertWritable();
  }

  create(): DirtyPage {
    this.assertWritable();
  }

  free(): void {
    this.assertWritable();
  }

  protected released(): void {
    this.#onEnd(this.meta.txId);
  }
}
