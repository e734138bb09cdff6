/** Where a file is written: bytes in any order of positions, most of them one behind the other. */
export interface ByteSink {
  /** Borrows `bytes` until it returns. */
  write(bytes: Uint8Array, position: number): void;
}

const BUFFER_BYTES = 1 << 20;

/** Gives out page numbers and gathers pages into larger writes. */
export class PageOutput {
  readonly pageBytes: number;
  /** The next page's number. */
  nextPage: number;
  readonly #sink: ByteSink;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  /** Position in the file of the buffer's first byte. */
  #position: number;
  #used = 0;
  /** After `reserve`: where the run is to be written. */
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;
  at = 0;

  constructor(sink: ByteSink, pageBytes: number, firstPage: number) {
    this.#sink = sink;
    this.pageBytes = pageBytes;
    this.nextPage = firstPage;
    this.#position = firstPage * pageBytes;
    this.#bytes = new Uint8Array(BUFFER_BYTES + 16 * pageBytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.bytes = this.#bytes;
    this.view = this.#view;
  }

  /**
   * The number of a new run of `pages` pages. The caller fills the run (zeroed) at `at` of `bytes` and `view`, then calls
   * `written`.
   */
  reserve(pages: number): number {
    const length = pages * this.pageBytes;
    const fits = length <= this.#bytes.length;
    if (!fits || this.#used + length > this.#bytes.length) this.flush();
    if (fits) {
      this.bytes = this.#bytes;
      this.view = this.#view;
      this.at = this.#used;
      this.#bytes.fill(0, this.at, this.at + length);
    } else {
      this.bytes = new Uint8Array(length);
      this.view = new DataView(this.bytes.buffer);
      this.at = 0;
    }
    const page = this.nextPage;
    this.nextPage += pages;
    return page;
  }

  written(pages: number): void {
    const length = pages * this.pageBytes;
    if (this.bytes === this.#bytes) {
      this.#used += length;
      return;
    }
    this.#sink.write(this.bytes, this.#position);
    this.#position += length;
    this.bytes = this.#bytes;
    this.view = this.#view;
  }

  flush(): void {
    if (this.#used === 0) return;
    this.#sink.write(this.#bytes.subarray(0, this.#used), this.#position);
    this.#position += this.#used;
    this.#used = 0;
  }
}
