import type { File } from "../disk/disk.ts";
import { encodeMeta, META_PAGES, type Meta } from "../format/meta.ts";
import { PAGE_HEADER_BYTES, readNumber } from "../format/page.ts";
import type { PageReader } from "../pages/page-reader.ts";
import type { PageSums } from "../pages/page-sums.ts";
import type { ReadTransaction } from "./read-transaction.ts";

/** Of a page that is being read in pieces: how much of it is still to come, and what there is sums up to. */
interface Run {
  page: number;
  leftBytes: number;
  sum: number;
}

/**
 * One state as the bytes of a database file: two metas and the pages of the state where they are, with zeros where it has
 * none. Holds those pages until it is released, so that the file may grow by as much as is written meanwhile.
 */
export class Snapshot {
  readonly sizeBytes: number;
  readonly tx: ReadTransaction;
  readonly #file: File;
  readonly #reader: PageReader;
  readonly #unused: Uint32Array;
  readonly #sums: PageSums | undefined;

  constructor(
    tx: ReadTransaction,
    file: File,
    reader: PageReader,
    unused: Uint32Array,
    sums: PageSums | undefined,
  ) {
    this.tx = tx;
    this.sizeBytes = tx.meta.highWater * tx.meta.pageBytes;
    this.#file = file;
    this.#reader = reader;
    this.#unused = unused;
    this.#sums = sums;
  }

  /**
   * The bytes from the beginning, in chunks of `chunkBytes`, a multiple of the page size; owned by who takes them. Throws
   * `DatabaseFileError` where a page is damaged, and `TRANSACTION_ENDED` after the release. May be called several times.
   */
  async *read(chunkBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { pageBytes } = this.tx.meta;
    const run: Run = { page: 0, leftBytes: 0, sum: 0 };
    for (let position = 0; position < this.sizeBytes; position += chunkBytes) {
      const bytes = new Uint8Array(Math.min(chunkBytes, this.sizeBytes - position));
      this.tx.assertOpen();
      const count = await this.#file.read(bytes, position);
      this.tx.assertOpen();
      const view = new DataView(bytes.buffer);
      for (let at = 0; at < bytes.length; at += pageBytes) {
        const page = (position + at) / pageBytes;
        if (page < META_PAGES) this.#writeMeta(bytes, at, page);
        else if (this.#isUnused(page)) bytes.fill(0, at, at + pageBytes);
        else if (at + pageBytes > count) this.#fail(page, "the file ends before it");
        else this.#look(run, page, bytes, view, at);
      }
      yield bytes;
    }
  }

  /** Idempotent. */
  release(): void {
    this.tx.end();
  }

  /** The newer meta is the state's, the older one the same but for its number, as in bbolt's copies. */
  #writeMeta(bytes: Uint8Array, at: number, slot: number): void {
    const { meta, pageBytes } = this.tx;
    bytes.fill(0, at, at + pageBytes);
    const txId = slot === meta.txId % META_PAGES ? meta.txId : meta.txId - 1;
    const written: Meta = { ...meta, txId: Math.max(0, txId) };
    bytes.set(encodeMeta(written), at);
  }

  /** Looks at a page on the way: whether it, or the run of pages that it belongs to, is what was written. */
  #look(run: Run, page: number, bytes: Uint8Array, view: DataView, at: number): void {
    const { highWater, pageBytes } = this.tx.meta;
    if (run.leftBytes === 0) {
      const slots = view.getUint32(at + PAGE_HEADER_BYTES - 4, true) + 1;
      if (readNumber(view, at) !== page) this.#fail(page, `has the number ${readNumber(view, at)}`);
      if (slots > highWater - page) this.#fail(page, `a run of ${slots} pages leads out of the file`);
      run.page = page;
      run.leftBytes = slots * pageBytes;
      run.sum = 0;
    }
    run.leftBytes -= pageBytes;
    if (this.#sums === undefined) return;
    run.sum = this.#sums.crc32(bytes.subarray(at, at + pageBytes), run.sum);
    if (run.leftBytes > 0 || this.#sums.is(run.page, run.sum)) return;
    this.#reader.failSum(run.page);
  }

  #isUnused(page: number): boolean {
    return (this.#unused[page >>> 5]! & (1 << (page & 31))) !== 0;
  }

  #fail(page: number, what: string): never {
    this.#reader.fail(page, what);
  }
}
