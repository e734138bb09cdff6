import { readSync } from "node:fs";
import { PAGE_BYTES } from "./lmdb-format.ts";

/** 256 KiB: a page costs a third of a `pread` of its own, and larger pieces gain nothing more. */
const MOST_PAGES = 64;

/**
 * Reads the pages of scans in pieces that grow while they are used: LMDB puts leaves that are neighbours in the tree
 * mostly side by side. One for all scans of a file; those that get in each other's way read single pages again.
 */
export class ReadAhead {
  readonly #fd: number;
  /** Made when the first scan runs. */
  #bytes: Uint8Array | undefined;
  /** One view a page: made for every page that is looked at, they would be most of a scan's garbage. */
  #views: Uint8Array[] = [];
  #first = 0;
  #pages = 0;
  /** Pages to read next time, and how many of those in memory were asked for. */
  #wanted = 1;
  #used = 0;
  /** Number of the database state that was read: a later one may have written the pages anew. */
  #stateNumber = -1;

  /** `fd` stays the caller's. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Copies page `pgno`, which is below `pageCount`; false when the file ends before it. */
  copyPage(pgno: number, pageCount: number, stateNumber: number, target: Uint8Array): boolean {
    if (stateNumber !== this.#stateNumber || pgno < this.#first || pgno >= this.#first + this.#pages) {
      this.#read(pgno, pageCount);
      this.#stateNumber = stateNumber;
      if (this.#pages === 0) return false;
    }
    this.#used++;
    target.set(this.#views[pgno - this.#first]!);
    return true;
  }

  #read(pgno: number, pageCount: number): void {
    if (this.#bytes === undefined) this.#allocate();
    this.#wanted =
      this.#used * 2 > this.#wanted
        ? Math.min(this.#wanted * 2, MOST_PAGES)
        : Math.max(1, this.#wanted >>> 1);
    const pages = Math.min(this.#wanted, pageCount - pgno);
    const length = readSync(this.#fd, this.#bytes!, 0, pages * PAGE_BYTES, pgno * PAGE_BYTES);
    this.#first = pgno;
    this.#pages = Math.floor(length / PAGE_BYTES);
    this.#used = 0;
  }

  #allocate(): void {
    const bytes = new Uint8Array(MOST_PAGES * PAGE_BYTES);
    this.#bytes = bytes;
    this.#views = Array.from({ length: MOST_PAGES }, (_, i) =>
      bytes.subarray(i * PAGE_BYTES, (i + 1) * PAGE_BYTES),
    );
  }
}
