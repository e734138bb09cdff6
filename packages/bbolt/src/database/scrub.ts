import type { File } from "../disk/disk.ts";
import { META_PAGES } from "../format/meta.ts";
import { readNumber } from "../format/page.ts";
import type { PageReader } from "../pages/page-reader.ts";
import type { PageSums } from "../pages/page-sums.ts";
import type { ReadTransaction } from "./read-transaction.ts";

/** What one step of a scrub has looked at. */
export interface Scrubbed {
  /** Slots of pages that are as they were written. */
  readonly pages: number;
  /** It came to the end of the file; the next step begins at its beginning. */
  readonly isEnd: boolean;
}

/** What a step needs: a state, of which no page is written meanwhile, and which pages it does not refer to, one bit each. */
export interface ScrubbedState {
  readonly tx: ReadTransaction;
  readonly unused: Uint32Array;
  readonly file: File;
  readonly reader: PageReader;
  readonly sums: PageSums;
}

const ALL_BITS = 0xffff_ffff;
const OVERFLOW_AT = 12;

/**
 * Looks again, some pages at a time and in the order of the file, whether pages in use are still on the disk as they were written:
 * their numbers, their lengths, their sums. The two metas are not among them: each commit writes one, and each open reads both.
 */
export class Scrub {
  /** Where the next step begins: no page in use has a slot before it and one here. */
  #next = META_PAGES;
  #isStepping = false;
  /** Pages that were written while a step is on its way: page, slots. */
  #written: number[] = [];

  /** Tells of a page that a commit writes: free slots become one page, which may lie across the place where the next step begins. */
  wrote(page: number, slots: number): void {
    if (this.#isStepping) this.#written.push(page, slots);
    else this.#next = behind(this.#next, page, slots);
  }

  /**
   * Reads `mostBytes` or one page, whichever is more, off the event loop, in pieces of `mostBytes`; each piece is summed up in one go
   * after `pause`. One step at a time. Throws `DatabaseFileError` when a page is damaged: the next step of as many bytes finds
   * it again.
   */
  async step(state: ScrubbedState, mostBytes: number, pause: () => Promise<void>): Promise<Scrubbed> {
    const { highWater } = state.tx.meta;
    const from = firstInUse(state.unused, this.#next, highWater);
    if (from >= highWater) {
      this.#next = META_PAGES;
      return { pages: 0, isEnd: true };
    }
    this.#isStepping = true;
    let next = from;
    try {
      const { pages, end } = await look(state, from, mostBytes, pause);
      next = end;
      return { pages, isEnd: false };
    } finally {
      this.#isStepping = false;
      const written = this.#written;
      this.#written = [];
      for (let i = 0; i < written.length; i += 2) next = behind(next, written[i]!, written[i + 1]!);
      this.#next = next;
    }
  }
}

/** `place`, or the end of the page if that place is in the middle of it. */
function behind(place: number, page: number, slots: number): number {
  return page < place && place < page + slots ? page + slots : place;
}

/** Looks at whole pages from `from` on, which is the first slot of one; `end` is behind the last of them. */
async function look(
  state: ScrubbedState,
  from: number,
  mostBytes: number,
  pause: () => Promise<void>,
): Promise<{ readonly pages: number; readonly end: number }> {
  const { tx, unused, reader, sums } = state;
  const { highWater, pageBytes } = tx.meta;
  const slotsAtOnce = Math.max(1, Math.floor(mostBytes / pageBytes));
  const bytes = await read(state, from, Math.min(slotsAtOnce, highWater - from), pause);
  const view = new DataView(bytes.buffer);
  let pages = 0;
  let page = from;
  for (;;) {
    page = firstInUse(unused, page, highWater);
    const at = (page - from) * pageBytes;
    if (page === highWater || at >= bytes.length) return { pages, end: page };
    const slots = view.getUint32(at + OVERFLOW_AT, true) + 1;
    if (readNumber(view, at) !== page) reader.fail(page, `has the number ${readNumber(view, at)}`);
    if (slots > highWater - page) reader.fail(page, `a run of ${slots} pages leads out of the file`);
    const end = at + slots * pageBytes;
    // It is looked at by the next step, as its first.
    if (end > bytes.length && page > from) return { pages, end: page };
    let sum = sums.crc32(bytes.subarray(at, end));
    for (let more = page + slotsAtOnce; more < page + slots; more += slotsAtOnce) {
      sum = sums.crc32(await read(state, more, Math.min(slotsAtOnce, page + slots - more), pause), sum);
    }
    if (!sums.is(page, sum)) reader.failSum(page);
    pages += slots;
    page += slots;
  }
}

async function read(
  { tx, file, reader }: ScrubbedState,
  page: number,
  slots: number,
  pause: () => Promise<void>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { pageBytes } = tx.meta;
  const bytes = new Uint8Array(slots * pageBytes);
  tx.assertOpen();
  const count = await file.read(bytes, page * pageBytes);
  await pause();
  tx.assertOpen();
  if (count < bytes.length) reader.fail(page + Math.floor(count / pageBytes), "the file ends before it");
  return bytes;
}

/** From `page` on, the first that is in use, or `highWater`. */
function firstInUse(unused: Uint32Array, page: number, highWater: number): number {
  let at = page;
  while (at < highWater) {
    const word = unused[at >>> 5]!;
    if ((at & 31) === 0 && word >>> 0 === ALL_BITS) at += 32;
    else if ((word & (1 << (at & 31))) !== 0) at++;
    else return at;
  }
  return highWater;
}
