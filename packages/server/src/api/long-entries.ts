import { FifoLock } from "../mvcc/fifo-lock.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { ClientOperation } from "../operations/operation.ts";

/** An entry that goes through more keys, at about a microsecond each, is long. */
const MANY_KEYS = 10_000;

/**
 * Entries are applied one after another, whatever they cost. Of the long ones this member has one at a time in the log:
 * what others write meanwhile waits for that one, and not for all of them.
 */
export class LongEntries {
  readonly #store: MvccStore;
  readonly #turns = new FifoLock();

  constructor(store: MvccStore) {
    this.#store = store;
  }

  isLong<Request>(
    { keysInEntry }: Pick<ClientOperation<Request, never>, "keysInEntry">,
    request: Request,
  ): boolean {
    return keysInEntry !== undefined && keysInEntry(request, this.#store) > MANY_KEYS;
  }

  /** Undefined when it is the caller's turn at once, else resolves when it is. `end` is owed for it. */
  begin(): Promise<void> | undefined {
    return this.#turns.acquire();
  }

  end(): void {
    this.#turns.release();
  }
}
