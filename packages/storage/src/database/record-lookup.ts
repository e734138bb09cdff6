import { type Bucket, type Database, PageView, type Place } from "@quorate/bbolt";
import type { RecordSink } from "../seams/backend.ts";
import { KeyBranches } from "./key-branches.ts";

const SPAN = 0x1_0000_0000;
/** Records that are on their way from memory at the same time. */
const GROUP = 32;
const CACHE_LINE_BYTES = 64;
/** Neighbours looked at before halving begins. */
const NEAR = 8;
const REVISION_KEY_BYTES = 17;
/** Up to here a loop costs less than a call of the runtime. */
const SHORT_BYTES = 512;

const PAGE_HEADER_BYTES = 16;
const ELEMENT_BYTES = 16;
/** Header and elements of a leaf with records of some hundred bytes. */
const ELEMENTS_BYTES = 192;
const COUNT_AT = 10;
const OVERFLOW_AT = 12;
const POSITION_AT = 4;
const KEY_LENGTH_AT = 8;
const VALUE_LENGTH_AT = 12;

/**
 * Finds records of puts where they lie in the pages of bucket `key`. It finds or gives up: whatever is not as it is as a rule (no
 * such record, one that takes more than a page) is left to whoever goes the whole way from the root.
 *
 * What it costs is waiting for memory, so many records are taken in groups: the first lines of all their pages are
 * asked for, then the lines of all records, then they are copied.
 */
export class RecordLookup {
  readonly #database: Database;
  readonly #branches: KeyBranches;
  readonly #page = new PageView();
  /** Of the state for which `#levels` are known. */
  #bucket: Bucket | undefined;
  #root = 0;
  #levels = 0;
  /** The record that `find` found last. Borrowed for this turn. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  // One group: each record's leaf and where that is, and between which main revisions it lies.
  readonly #pages = new Float64Array(GROUP);
  readonly #parents = new Float64Array(GROUP);
  readonly #places: Place[] = Array.from({ length: GROUP }, () => ({
    bytes: new Uint8Array(0),
    view: new DataView(new ArrayBuffer(0)),
    at: 0,
  }));
  readonly #above = new Float64Array(GROUP);
  readonly #below = new Float64Array(GROUP);
  /** How many records each leaf has, and which of them is likely to be the one. */
  readonly #counts = new Int32Array(GROUP);
  readonly #indexes = new Int32Array(GROUP);
  /** From where to where the record is, at first as far as can be guessed. */
  readonly #starts = new Int32Array(GROUP);
  readonly #ends = new Int32Array(GROUP);
  /** Takes up what is read only to have it in cache. */
  touched = 0;

  constructor(database: Database) {
    this.#database = database;
    this.#branches = new KeyBranches(database);
  }

  /** Finds the record of a put. `bucket` is that of the latest state. Throws `DatabaseFileError` where a page is damaged. */
  find(bucket: Bucket, main: number, sub: number): boolean {
    this.#use(bucket);
    if (!this.#seek(main, sub, 0) || !this.#guess(main, 0) || !this.#locate(main, sub, 0)) return false;
    this.bytes = this.#places[0]!.bytes;
    this.start = this.#starts[0]!;
    this.end = this.#ends[0]!;
    return true;
  }

  /**
   * Copies the records of the puts `from` up to `to` (exclusive) of two columns, in their order. Stops before the first
   * that it does not find, and after about `mostBytes`; returns where it stopped.
   */
  copy(
    bucket: Bucket,
    mains: Float64Array,
    subs: Int32Array,
    from: number,
    to: number,
    mostBytes: number,
    sink: RecordSink,
  ): number {
    this.#use(bucket);
    let left = mostBytes;
    let at = from;
    while (at < to && left > 0) {
      let count = Math.min(GROUP, to - at);
      for (let i = 0; i < count; i++) if (!this.#seek(mains[at + i]!, subs[at + i]!, i)) count = i;
      this.#touchPages(count);
      for (let i = 0; i < count; i++) if (!this.#guess(mains[at + i]!, i)) count = i;
      this.#touchRecords(count);
      for (let i = 0; i < count; i++) if (!this.#locate(mains[at + i]!, subs[at + i]!, i)) count = i;
      if (count === 0) return at;
      for (let i = 0; i < count; i++, at++) {
        const start = this.#starts[i]!;
        const end = this.#ends[i]!;
        const target = sink.begin(end - start);
        copyBytes(this.#places[i]!, start, end, sink, target);
        left -= end - start;
        if (left <= 0) return at + 1;
      }
    }
    return at;
  }

  #use(bucket: Bucket): void {
    if (bucket === this.#bucket) return;
    this.#bucket = bucket;
    this.#root = bucket.rootPage;
    this.#levels = this.#root === 0 ? 0 : this.#branches.levelsAbove(this.#root);
  }

  /** Finds the leaf for slot `i` of the group. */
  #seek(main: number, sub: number, i: number): boolean {
    if (this.#levels === 0 || sub >= SPAN) return false;
    const branches = this.#branches;
    const page = branches.findLeaf(this.#root, this.#levels, main, 2 * sub);
    if (page < 0 || page >= this.#database.latest.meta.highWater) return false;
    this.#database.reader.place(page, this.#places[i]!);
    this.#pages[i] = page;
    this.#parents[i] = branches.parent;
    this.#above[i] = branches.separator;
    this.#below[i] = branches.nextSeparator;
    return true;
  }

  /** Makes sure that the leaf of slot `i` is sound, and tells where in it the record is likely to be. */
  #guess(main: number, i: number): boolean {
    const place = this.#places[i]!;
    const { view, at } = place;
    const page = this.#pages[i]!;
    const { reader, latest } = this.#database;
    if (view.getUint32(at + OVERFLOW_AT, true) !== 0) return false;
    if (!reader.isChecked(page)) {
      reader.load(page, latest.meta.highWater, this.#page, this.#parents[i]!);
      if (!this.#page.isLeaf) return false;
    }
    const count = view.getUint16(at + COUNT_AT, true);
    if (count === 0) return false;
    const above = this.#above[i]!;
    const below = this.#below[i]!;
    // Revisions are spread about evenly. In the last leaf, mostly every main revision has one record.
    const guess = (main - above) * (below === Number.POSITIVE_INFINITY ? 1 : count / (below - above));
    const index = guess >= 0 && guess < count ? guess | 0 : count - 1;
    const element = at + PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    const key = element + view.getUint32(element + POSITION_AT, true);
    this.#counts[i] = count;
    this.#indexes[i] = index;
    this.#starts[i] = key;
    this.#ends[i] =
      key + view.getUint32(element + KEY_LENGTH_AT, true) + view.getUint32(element + VALUE_LENGTH_AT, true);
    return true;
  }

  /** Finds the record in the leaf of slot `i`. */
  #locate(main: number, sub: number, i: number): boolean {
    const { view, at } = this.#places[i]!;
    const element = search(view, at + PAGE_HEADER_BYTES, this.#counts[i]!, this.#indexes[i]!, main, sub);
    if (element < 0) return false;
    const start = element + view.getUint32(element + POSITION_AT, true) + REVISION_KEY_BYTES;
    this.#starts[i] = start;
    this.#ends[i] = start + view.getUint32(element + VALUE_LENGTH_AT, true);
    return true;
  }

  /** Asks for the first lines of each leaf, and nothing else: the fewer steps lie between, the more are under way. */
  #touchPages(count: number): void {
    let touched = 0;
    for (let i = 0; i < count; i++) {
      const { bytes, at } = this.#places[i]!;
      for (let line = at; line < at + ELEMENTS_BYTES; line += CACHE_LINE_BYTES) touched ^= bytes[line]!;
    }
    this.touched = touched;
  }

  /** Asks for the lines in which the records probably are. */
  #touchRecords(count: number): void {
    let touched = 0;
    for (let i = 0; i < count; i++) {
      const { bytes } = this.#places[i]!;
      const end = this.#ends[i]!;
      for (let line = this.#starts[i]!; line < end; line += CACHE_LINE_BYTES) touched ^= bytes[line]!;
    }
    this.touched = touched;
  }
}

/**
 * Offset of the element with the record of a put, or -1; probably it is the one at `guess`. Its neighbours are tried one by
 * one, because the memory they are in is fetched at the same time.
 */
function search(
  view: DataView,
  elements: number,
  count: number,
  guess: number,
  main: number,
  sub: number,
): number {
  const high = Math.floor(main / SPAN);
  const low = main >>> 0;
  let index = guess;
  let from = 0;
  let to = count;
  for (let tried = 0; from < to; tried++) {
    const element = elements + index * ELEMENT_BYTES;
    const order = compare(view, element, high, low, sub);
    if (order === 0) return element;
    if (order < 0) from = index + 1;
    else to = index;
    if (tried >= NEAR) index = (from + to) >>> 1;
    else index = order < 0 ? from : to - 1;
  }
  return -1;
}

/** The sign of an element's key less that of a put of (high * 2^32 + low, sub). */
function compare(view: DataView, element: number, high: number, low: number, sub: number): number {
  const length = view.getUint32(element + KEY_LENGTH_AT, true);
  // Shorter ones are no revisions: whoever goes the whole way says so.
  if (length < REVISION_KEY_BYTES) return 1;
  const key = element + view.getUint32(element + POSITION_AT, true);
  const ownHigh = view.getUint32(key);
  if (ownHigh !== high) return ownHigh < high ? -1 : 1;
  const ownLow = view.getUint32(key + 4);
  if (ownLow !== low) return ownLow < low ? -1 : 1;
  const ownSub = view.getUint32(key + 13);
  if (view.getUint32(key + 9) !== 0 || ownSub > sub) return 1;
  if (ownSub < sub) return -1;
  return length === REVISION_KEY_BYTES ? 0 : 1;
}

function copyBytes(
  { bytes, view }: Place,
  start: number,
  end: number,
  sink: RecordSink,
  target: number,
): void {
  if (end - start > SHORT_BYTES) {
    sink.bytes.set(bytes.subarray(start, end), target);
    return;
  }
  const { view: targetView } = sink;
  let from = start;
  let to = target;
  for (const wordsEnd = end - 7; from < wordsEnd; from += 8, to += 8) {
    targetView.setBigUint64(to, view.getBigUint64(from, true), true);
  }
  for (; from < end; from++, to++) targetView.setUint8(to, view.getUint8(from));
}
