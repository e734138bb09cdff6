import type { ByteSource } from "./byte-source.ts";
import { DatabaseFileError } from "./errors.ts";
import { type Meta, PAGE_HEADER_BYTES, readNumber } from "./format.ts";

/** A run of pages in memory: one page and what overflows it. */
export interface PageRun {
  readonly page: number;
  readonly flags: number;
  readonly count: number;
  readonly slots: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Longest run that is read: far above the largest request that a server takes. */
const MOST_RUN_BYTES = 2 ** 29;
const WINDOW_BYTES = 256 << 10;

/**
 * Reads pages and believes nothing: every number is checked before it is used. One goes over a file once, and notices
 * when a page is met twice, so that no cycle can hold it.
 */
export class PageReader {
  readonly source: ByteSource;
  readonly meta: Meta;
  /** One bit a page that was met. */
  readonly #met: Uint8Array;
  /** Bytes read ahead, where pages follow each other. */
  readonly #window: Uint8Array;
  #windowStart = 0;
  #windowEnd = 0;

  constructor(source: ByteSource, meta: Meta) {
    this.source = source;
    this.meta = meta;
    this.#met = new Uint8Array((meta.highWater >>> 3) + 1);
    this.#window = new Uint8Array(Math.max(WINDOW_BYTES, meta.pageBytes));
  }

  /** Reads the run that begins at `page`, to which page `parent` refers. The caller owns it. */
  read(page: number, parent: number): PageRun {
    const { pageBytes, highWater } = this.meta;
    if (!(page >= 2 && page < highWater)) this.invalid(parent, `refers to page ${page} of ${highWater}`);
    const header = new Uint8Array(pageBytes);
    this.#copy(page, header);
    const headerView = new DataView(header.buffer);
    const id = readNumber(headerView, 0);
    if (id !== page) this.invalid(page, `has the number ${id}`);
    const flags = headerView.getUint16(8, true);
    const count = headerView.getUint16(10, true);
    const slots = headerView.getUint32(12, true) + 1;
    if (slots > highWater - page) this.invalid(page, `a run of ${slots} pages leads out of the file`);
    if (slots * pageBytes > MOST_RUN_BYTES) this.invalid(page, `a run of ${slots} pages is too long`);
    for (let i = page; i < page + slots; i++) this.#meet(i, parent);
    if (slots === 1) return { page, flags, count, slots, bytes: header, view: headerView };
    const bytes = new Uint8Array(slots * pageBytes);
    bytes.set(header);
    const rest = bytes.subarray(pageBytes);
    if (this.source.read(rest, (page + 1) * pageBytes) !== rest.length)
      this.invalid(page, "the file ends in it");
    return { page, flags, count, slots, bytes, view: new DataView(bytes.buffer) };
  }

  hasMet(page: number): boolean {
    return (this.#met[page >>> 3]! & (1 << (page & 7))) !== 0;
  }

  invalid(page: number, what: string): never {
    throw new DatabaseFileError(this.source.path, page, what);
  }

  #meet(page: number, parent: number): void {
    if (this.hasMet(page)) this.invalid(parent, `refers to page ${page}, which is in use already`);
    this.#met[page >>> 3]! |= 1 << (page & 7);
  }

  #copy(page: number, target: Uint8Array): void {
    const { pageBytes } = this.meta;
    const start = page * pageBytes;
    const end = start + pageBytes;
    if (start < this.#windowStart || end > this.#windowEnd) {
      // Leaves mostly follow each other, but for a branch page or a long value now and then.
      const near = start >= this.#windowStart && start < this.#windowEnd + WINDOW_BYTES;
      const wanted = this.#window.subarray(0, near ? this.#window.length : pageBytes);
      const length = this.source.read(wanted, start);
      this.#windowStart = start;
      this.#windowEnd = start + length;
      if (length < Math.max(pageBytes, PAGE_HEADER_BYTES)) this.invalid(page, "the file ends in it");
    }
    const offset = start - this.#windowStart;
    target.set(this.#window.subarray(offset, offset + pageBytes));
  }
}
