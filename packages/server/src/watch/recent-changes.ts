import { assert } from "@quorate/storage/assert";
import type { Revision } from "@quorate/storage/seams/backend";
import type { WatchEvent } from "./watch-event.ts";

/** The changes of one write transaction that somebody watches. */
export interface RevisionEvents {
  readonly main: Revision;
  readonly events: readonly WatchEvent[];
}

/**
 * The youngest write transactions with watched changes, held in memory within two limits: what waits for delivery, and what watchers that
 * are only a little behind read instead of the store.
 */
export class RecentChanges {
  private readonly maxTransactions: number;
  private readonly maxBytes: number;
  private entries: (RevisionEvents | undefined)[] = [];
  private head = 0;
  private bytes = 0;
  /** Every change from this main revision on that was watched when it was made is held here. */
  firstRevision: Revision;

  constructor(firstRevision: Revision, maxTransactions: number, maxBytes: number) {
    this.firstRevision = firstRevision;
    this.maxTransactions = maxTransactions;
    this.maxBytes = maxBytes;
  }

  get length(): number {
    return this.entries.length - this.head;
  }

  /** 0 is the oldest. */
  at(index: number): RevisionEvents {
    return this.entries[this.head + index]!;
  }

  /** Revisions ascend from call to call. The youngest transaction is kept whatever its size. */
  push(entry: RevisionEvents): void {
    assert(entry.main >= this.firstRevision, "what is recent follows what is older");
    assert(
      this.length === 0 || entry.main > this.at(this.length - 1).main,
      "transactions come in order, once",
    );
    this.entries.push(entry);
    this.bytes += sizeOf(entry);
    while (this.length > this.maxTransactions || (this.bytes > this.maxBytes && this.length > 1))
      this.shift();
  }

  /** Forgets everything; what comes next begins with `firstRevision`. */
  reset(firstRevision: Revision): void {
    this.firstRevision = firstRevision;
    if (this.entries.length === 0) return;
    this.entries = [];
    this.head = 0;
    this.bytes = 0;
  }

  /** The index of the first transaction with `main >= revision`; `length` when there is none. */
  indexOf(revision: Revision): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle).main < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private shift(): void {
    const oldest = this.entries[this.head]!;
    this.entries[this.head] = undefined;
    this.head += 1;
    this.bytes -= sizeOf(oldest);
    this.firstRevision = oldest.main + 1;
    if (this.head >= 1024 && this.head * 2 >= this.entries.length) {
      this.entries = this.entries.slice(this.head);
      this.head = 0;
    }
  }
}

/** An estimate: readers may add the encoded event to the record, and the objects around them cost some 256 bytes. */
function sizeOf(entry: RevisionEvents): number {
  let bytes = 64;
  for (const event of entry.events) bytes += event.change.record.length * 2 + event.change.key.length + 256;
  return bytes;
}
