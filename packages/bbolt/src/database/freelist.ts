import { META_PAGES } from "../format/meta.ts";

/** Pages that one transaction no longer refers to, and that older ones may still reach. */
interface Batch {
  /** The transaction that freed them. */
  readonly freedBy: number;
  /** For each run: page, slots, and the transaction that made it, or 0 when that is not known. */
  runs: number[];
  /** Only readers may still reach them, no meta. */
  isSettled: boolean;
}

/**
 * Which pages may be written: one bit each. A page that transaction f freed and transaction a had made is reached by the
 * states a to f - 1; it is free again when no reader and neither of the two metas on the disk is at one of those. So both
 * metas always name whole trees, and a damaged one costs a transaction and not the database.
 */
export class Freelist {
  /** Slots in use; grows when nothing is free. */
  highWater: number;
  #bits: Uint32Array;
  /** Free pages. */
  #count = 0;
  #batches: Batch[] = [];
  #pendingCount = 0;
  /** Where the search for a run of so many slots goes on. */
  readonly #cursors = new Map<number, number>();
  /** Which transaction made a page: of those made while older states were read. */
  readonly #madeBy = new Map<number, number>();
  // The transaction under way.
  #startHighWater = 0;
  /** Runs that it took: page, slots. */
  #taken: number[] = [];
  #freed: number[] = [];
  #tracksMakers = false;
  #readerEnded = false;

  /** All pages that `isUsed` does not have are free. */
  constructor(highWater: number, isUsed: (page: number) => boolean) {
    this.highWater = highWater;
    this.#bits = new Uint32Array(wordsFor(highWater));
    for (let page = META_PAGES; page < highWater; page++) if (!isUsed(page)) this.#setFree(page);
  }

  get freePages(): number {
    return this.#count;
  }

  /** Freed, but still reached by readers or metas. */
  get pendingPages(): number {
    return this.#pendingCount;
  }

  /**
   * Begins a transaction. The two metas on the disk are at `durable` and the one before; `readers` are the states that are
   * read, in ascending order.
   */
  begin(durable: number, readers: readonly number[]): void {
    this.#startHighWater = this.highWater;
    this.#tracksMakers = readers.length > 0;
    if (!this.#tracksMakers) this.#madeBy.clear();
    this.#release(durable, readers);
    this.#cursors.clear();
  }

  /** A reader has ended: pages that it has kept may be free. */
  readerEnded(): void {
    this.#readerEnded = true;
  }

  /** The first of `slots` pages that follow each other, for transaction `txId`. */
  allocate(slots: number, txId: number): number {
    let page = this.#findRun(slots);
    if (page < 0) {
      page = this.highWater;
      this.highWater += slots;
      if (wordsFor(this.highWater) > this.#bits.length) this.#grow();
    } else {
      for (let i = page; i < page + slots; i++) this.#setUsed(i);
    }
    this.#taken.push(page, slots);
    if (this.#tracksMakers) this.#madeBy.set(page, txId);
    return page;
  }

  /** Pages that the transaction under way has made, and does not want. */
  giveBack(page: number, slots: number): void {
    for (let i = page; i < page + slots; i++) this.#setFree(i);
    this.#madeBy.delete(page);
    for (const [wanted, from] of this.#cursors) if (page < from) this.#cursors.set(wanted, page);
  }

  /** Pages of an older transaction that the one under way does not refer to. */
  free(page: number, slots: number): void {
    this.#freed.push(page, slots, this.#madeBy.get(page) ?? 0);
    this.#madeBy.delete(page);
  }

  /** Pages above all others that were made and given back need not be in the file. */
  trim(): void {
    while (this.highWater > this.#startHighWater && this.#isFree(this.highWater - 1)) {
      this.highWater--;
      this.#setUsed(this.highWater);
    }
  }

  /** All pages that are free or will be, in ascending order: what a stored list has. */
  listed(): number[] {
    const isListed = this.#bits.slice();
    const add = (runs: readonly number[]) => {
      for (let i = 0; i < runs.length; i += 3) {
        const page = runs[i]!;
        for (let j = page; j < page + runs[i + 1]!; j++) isListed[j >>> 5]! |= 1 << (j & 31);
      }
    };
    for (const { runs } of this.#batches) add(runs);
    add(this.#freed);
    const pages: number[] = [];
    for (let page = META_PAGES; page < this.highWater; page++) {
      if ((isListed[page >>> 5]! & (1 << (page & 31))) !== 0) pages.push(page);
    }
    return pages;
  }

  /** Which pages the last durable state does not refer to: one bit each, as they are now. */
  unused(): Uint32Array {
    const unused = this.#bits.slice();
    const add = (runs: readonly number[], fields: number) => {
      for (let i = 0; i < runs.length; i += fields) {
        const end = Math.min(runs[i]! + runs[i + 1]!, unused.length * 32);
        for (let page = runs[i]!; page < end; page++) unused[page >>> 5]! |= 1 << (page & 31);
      }
    };
    for (const { runs } of this.#batches) add(runs, 3);
    add(this.#taken, 2);
    return unused;
  }

  /** The transaction under way, `txId`, ends and is part of the database. */
  commit(txId: number): void {
    if (this.#freed.length > 0) {
      this.#batches.push({ freedBy: txId, runs: this.#freed, isSettled: false });
      this.#pendingCount += slotsOf(this.#freed);
    }
    this.#freed = [];
    this.#taken = [];
  }

  /** The transaction under way ends as if it had never been. */
  rollback(): void {
    for (let i = 0; i < this.#taken.length; i += 2) {
      const page = this.#taken[i]!;
      const end = page + this.#taken[i + 1]!;
      this.#madeBy.delete(page);
      for (let j = page; j < end; j++) {
        if (j < this.#startHighWater) this.#setFree(j);
        else this.#setUsed(j);
      }
    }
    for (let i = 0; i < this.#freed.length; i += 3) {
      if (this.#freed[i + 2] !== 0) this.#madeBy.set(this.#freed[i]!, this.#freed[i + 2]!);
    }
    this.highWater = this.#startHighWater;
    this.#freed = [];
    this.#taken = [];
  }

  #release(durable: number, readers: readonly number[]): void {
    const kept: Batch[] = [];
    for (const batch of this.#batches) {
      const isReached = batch.freedBy > durable - 1;
      if (!isReached && (!batch.isSettled || this.#readerEnded)) {
        this.#releaseRuns(batch, readers);
        batch.isSettled = true;
      }
      if (batch.runs.length > 0) kept.push(batch);
    }
    this.#batches = kept;
    this.#readerEnded = false;
  }

  #releaseRuns(batch: Batch, readers: readonly number[]): void {
    // The latest reader below it is the one that could reach the most of it.
    let latest = -1;
    for (const reader of readers) if (reader < batch.freedBy) latest = reader;
    const kept: number[] = [];
    for (let i = 0; i < batch.runs.length; i += 3) {
      const page = batch.runs[i]!;
      const slots = batch.runs[i + 1]!;
      if (latest >= batch.runs[i + 2]!) {
        kept.push(page, slots, batch.runs[i + 2]!);
        continue;
      }
      for (let j = page; j < page + slots; j++) this.#setFree(j);
      this.#pendingCount -= slots;
    }
    batch.runs = kept;
  }

  #findRun(slots: number): number {
    if (this.#count < slots) return -1;
    const end = this.highWater;
    let page = this.#cursors.get(slots) ?? META_PAGES;
    let found = -1;
    while (page + slots <= end) {
      const word = this.#bits[page >>> 5]!;
      if (word >>> (page & 31) === 0) {
        page = (page | 31) + 1;
        continue;
      }
      let length = 0;
      while (length < slots && this.#isFree(page + length)) length++;
      if (length === slots) {
        found = page;
        break;
      }
      page += length + 1;
    }
    this.#cursors.set(slots, found < 0 ? end : found + slots);
    return found;
  }

  #isFree(page: number): boolean {
    return (this.#bits[page >>> 5]! & (1 << (page & 31))) !== 0;
  }

  #setFree(page: number): void {
    if (this.#isFree(page)) return;
    this.#bits[page >>> 5]! |= 1 << (page & 31);
    this.#count++;
  }

  #setUsed(page: number): void {
    if (!this.#isFree(page)) return;
    this.#bits[page >>> 5]! &= ~(1 << (page & 31));
    this.#count--;
  }

  #grow(): void {
    const wider = new Uint32Array(Math.max(this.#bits.length * 2, wordsFor(this.highWater)));
    wider.set(this.#bits);
    this.#bits = wider;
  }
}

function wordsFor(pages: number): number {
  return (pages >>> 5) + 1;
}

function slotsOf(runs: readonly number[]): number {
  let slots = 0;
  for (let i = 1; i < runs.length; i += 3) slots += runs[i]!;
  return slots;
}
