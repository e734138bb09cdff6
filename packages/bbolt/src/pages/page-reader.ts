import type { File } from "../disk/disk.ts";
import { DatabaseFileError } from "../format/errors.ts";
import { META_PAGES } from "../format/meta.ts";
import { LONGEST_RUN_BYTES } from "../format/page.ts";
import { MappedPages } from "./mapped-pages.ts";
import { wrongInPage } from "./page-check.ts";
import type { PageSource, Place } from "./page-source.ts";
import type { PageSums } from "./page-sums.ts";
import type { PageView } from "./page-view.ts";
import { ReadAheadPages } from "./read-ahead.ts";

/** Reads pages and believes nothing: each is checked when it is first met, and again when its bytes are read again. */
export class PageReader {
  /** Names the file in errors. */
  path: string;
  readonly pageBytes: number;
  /**
   * Whether each page is known to have one parent, with whose keys its own were compared when it was checked: then that need not
   * be done again as long as its bytes are the same.
   */
  isTreeChecked = false;
  /** What each page's bytes are to sum up to; undefined when nobody has noted it. */
  sums: PageSums | undefined;
  /** Told of pages that are about to be written, for who keeps something of them. */
  onForget: (page: number, slots: number) => void = () => {};
  readonly #source: PageSource;
  readonly #place: Place = { bytes: new Uint8Array(0), view: new DataView(new ArrayBuffer(0)), at: 0 };

  constructor(source: PageSource, path: string, pageBytes: number) {
    this.#source = source;
    this.path = path;
    this.pageBytes = pageBytes;
  }

  /** Sets `into` to a branch or leaf page below `highWater`, to which page `parent` refers. */
  load(page: number, highWater: number, into: PageView, parent: number): void {
    const slots = this.#locate(page, highWater, parent);
    const { bytes, view, at } = this.#place;
    const length = slots * this.pageBytes;
    const isChecked = this.#source.isChecked(page);
    if (!isChecked) {
      this.#checkSum(page, bytes, at, length);
      const wrong = wrongInPage(view, at, length, page);
      if (wrong !== undefined) this.fail(page, wrong);
      this.#source.markChecked(page);
    }
    into.open(bytes, view, at, length, page);
    into.isTrusted = isChecked && this.isTreeChecked;
  }

  /** Where the run of pages is that begins at `page`; only its length is checked, and its sum. Good until the next call. */
  locate(page: number, highWater: number, parent: number): Readonly<Place> {
    const slots = this.#locate(page, highWater, parent);
    this.#checkSum(page, this.#place.bytes, this.#place.at, slots * this.pageBytes);
    return this.#place;
  }

  /**
   * Sets `place` to the first slot of a page, which is in the file; nothing of it is checked, and mapped memory is not even
   * touched. For who asks for many pages first, and looks at them then.
   */
  place(page: number, place: Place): void {
    this.#source.locate(page, 1, place);
  }

  /** Whether the page that `place` found last has been checked since it was written. */
  isChecked(page: number): boolean {
    return this.#source.isChecked(page);
  }

  forget(page: number, slots: number): void {
    this.#source.forget(page, slots);
    this.onForget(page, slots);
  }

  /** Nobody knows which of the two is damaged, the page or the file with its sum. */
  failSum(page: number): never {
    this.fail(page, `its checksum is not the one in ${this.path}.sums`);
  }

  fail(page: number, what: string): never {
    throw new DatabaseFileError(this.path, page, page * this.pageBytes, what);
  }

  /**
   * Another reader of the same file, for who goes over many pages in order: it reads ahead, and a leaf that it has found
   * is good until it is asked for another page. What it reads is that of now, so that it is good for one state.
   */
  ahead(file: File): PageReader {
    const mapped = this.#source instanceof MappedPages ? this.#source : undefined;
    const source = new ReadAheadPages(file, this.pageBytes, mapped);
    const reader = new PageReader(source, this.path, this.pageBytes);
    reader.sums = this.sums;
    reader.isTreeChecked = this.isTreeChecked;
    return reader;
  }

  close(): void {
    this.#source.close();
  }

  #checkSum(page: number, bytes: Uint8Array, at: number, length: number): void {
    if (this.sums?.matches(page, bytes, at, length) === false) this.failSum(page);
  }

  #locate(page: number, highWater: number, parent: number): number {
    if (!(page >= META_PAGES && page < highWater))
      this.fail(parent, `refers to page ${page} of ${highWater}`);
    const place = this.#place;
    this.#source.locate(page, 1, place);
    const slots = place.view.getUint32(place.at + 12, true) + 1;
    if (slots === 1) return 1;
    if (slots > highWater - page) this.fail(page, `a run of ${slots} pages leads out of the file`);
    if (slots * this.pageBytes > LONGEST_RUN_BYTES) this.fail(page, `a run of ${slots} pages is too long`);
    this.#source.locate(page, slots, place);
    return slots;
  }
}
