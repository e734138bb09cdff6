import { type EntryTable, plainId } from "./entry-table.ts";

const SMALL = 12;
/** Keys looked at before the work may be interrupted. */
const STEP = 4096;
/** Positions moved in well below a millisecond. */
const RUN = 1 << 15;
/** Up to here the engine's own sort is faster than eight passes. */
const FEW = 2048;

/** Work that may be interrupted wherever it yields. */
export type Work = Generator<undefined, void, unknown>;

/**
 * Sorts ids by their keys, for building the index at start. An id may be given as its complement, which stands for the
 * same key. Radix by eight bytes at a time: behind the prefix that all share, two heads of four bytes; groups of equal
 * heads go on behind them. Keys are read in the order of ids, which is the order of memory, and only for their heads.
 */
export function* sortIds(entries: EntryTable, ids: Int32Array): Work {
  const stack = [0, ids.length, 0];
  let untilStep = STEP;
  while (stack.length > 0) {
    const known = stack.pop()!;
    const end = stack.pop()!;
    const start = stack.pop()!;
    if (end - start > STEP) {
      yield* sortByHeads(entries, ids, start, end, known, stack);
      continue;
    }
    if (end - start <= SMALL) insertionSort(entries, ids, start, end, known);
    else for (const _ of sortByHeads(entries, ids, start, end, known, stack));
    untilStep -= end - start;
    if (untilStep > 0) continue;
    untilStep = STEP;
    yield;
  }
}

/** Ids and the heads of their keys, side by side: what sorting moves is read in order. */
interface Columns {
  readonly ids: Int32Array;
  readonly first: Uint32Array;
  readonly second: Uint32Array;
}

function newColumns(count: number): Columns {
  return { ids: new Int32Array(count), first: new Uint32Array(count), second: new Uint32Array(count) };
}

function* sortByHeads(
  entries: EntryTable,
  ids: Int32Array,
  start: number,
  end: number,
  known: number,
  stack: number[],
): Work {
  const count = end - start;
  const columns = newColumns(count);
  columns.ids.set(ids.subarray(start, end));
  const keyOfFirst = entries.borrowKey(plainId(ids[start]!)).slice();
  let prefix = keyOfFirst.length;
  for (let i = 0; i < count; i += STEP) {
    prefix = entries.commonPrefix(columns.ids, i, Math.min(count, i + STEP), keyOfFirst, known, prefix);
    if (count > STEP) yield;
  }
  for (let i = 0; i < count; i += STEP) {
    const stop = Math.min(count, i + STEP);
    entries.readHeads(columns.ids, i, stop, prefix, columns.first);
    entries.readHeads(columns.ids, i, stop, prefix + 4, columns.second);
    if (count > STEP) yield;
  }
  const sorted = count > FEW ? yield* byDigits(columns) : byPacking(columns);
  ids.set(sorted.ids, start);
  const { first, second } = sorted;
  let groupStart = 0;
  for (let i = 1; i <= count; i++) {
    if (i % RUN === 0) yield;
    if (i < count && first[i] === first[groupStart] && second[i] === second[groupStart]) continue;
    if (i - groupStart > 1) pushGroup(entries, ids, start + groupStart, start + i, prefix, stack);
    groupStart = i;
  }
}

/** Sorted by (first, second), by one byte after the other from the last; bytes that all share cost nothing. */
function* byDigits(columns: Columns): Generator<undefined, Columns, unknown> {
  const count = columns.ids.length;
  let from = columns;
  let to = newColumns(count);
  const places = yield* countDigits(columns);
  for (let digit = 0; digit < 8; digit++) {
    const shift = (digit & 3) * 8;
    const words = digit < 4 ? from.second : from.first;
    const next = places.subarray(digit * 256, (digit + 1) * 256);
    if (next[(words[0]! >>> shift) & 255] === count) continue;
    let sum = 0;
    for (let i = 0; i < 256; i++) {
      const number = next[i]!;
      next[i] = sum;
      sum += number;
    }
    for (let i = 0; i < count; i += RUN) {
      moveByDigit(from, to, words, shift, next, i, Math.min(count, i + RUN));
      yield;
    }
    [from, to] = [to, from];
  }
  return from;
}

function moveByDigit(
  from: Columns,
  to: Columns,
  words: Uint32Array,
  shift: number,
  next: Uint32Array,
  start: number,
  end: number,
): void {
  for (let i = start; i < end; i++) {
    const value = (words[i]! >>> shift) & 255;
    const place = next[value]!;
    next[value] = place + 1;
    to.ids[place] = from.ids[i]!;
    to.first[place] = from.first[i]!;
    to.second[place] = from.second[i]!;
  }
}

/** How often each value of each of the eight bytes occurs, the last byte's 256 values first. */
function* countDigits({ first, second }: Columns): Generator<undefined, Uint32Array, unknown> {
  const places = new Uint32Array(8 * 256);
  for (let i = 0; i < first.length; i += RUN) {
    const end = Math.min(first.length, i + RUN);
    countWords(second, i, end, places, 0);
    countWords(first, i, end, places, 4 * 256);
    yield;
  }
  return places;
}

function countWords(words: Uint32Array, start: number, end: number, places: Uint32Array, base: number): void {
  for (let i = start; i < end; i++) {
    const word = words[i]!;
    places[base + (word & 255)]!++;
    places[base + 256 + ((word >>> 8) & 255)]!++;
    places[base + 512 + ((word >>> 16) & 255)]!++;
    places[base + 768 + (word >>> 24)]!++;
  }
}

/** As `byDigits`, of few: each half is packed with a position into 64-bit integers that the engine sorts natively. */
function byPacking({ ids, first, second }: Columns): Columns {
  const count = ids.length;
  const pairs = new BigUint64Array(count);
  const halves = new Uint32Array(pairs.buffer);
  for (let i = 0; i < count; i++) {
    halves[2 * i] = i;
    halves[2 * i + 1] = second[i]!;
  }
  pairs.sort();
  const bySecond = new Uint32Array(count);
  for (let i = 0; i < count; i++) bySecond[i] = halves[2 * i]!;
  for (let i = 0; i < count; i++) {
    halves[2 * i] = i;
    halves[2 * i + 1] = first[bySecond[i]!]!;
  }
  pairs.sort();
  const sorted = newColumns(count);
  for (let i = 0; i < count; i++) {
    const at = bySecond[halves[2 * i]!]!;
    sorted.ids[i] = ids[at]!;
    sorted.first[i] = first[at]!;
    sorted.second[i] = second[at]!;
  }
  return sorted;
}

/** Keys with equal heads: the few that end within them differ in length only, the others share all of it. */
function pushGroup(
  entries: EntryTable,
  ids: Int32Array,
  start: number,
  end: number,
  prefix: number,
  stack: number[],
): void {
  const headEnd = prefix + 8;
  let next = start;
  for (let i = start; i < end; i++) {
    const id = ids[i]!;
    if (entries.keyLength(plainId(id)) > headEnd) continue;
    ids.copyWithin(next + 1, next, i);
    ids[next++] = id;
  }
  insertionSort(entries, ids, start, next, prefix);
  if (end - next > 1) stack.push(next, end, headEnd);
}

function insertionSort(
  entries: EntryTable,
  ids: Int32Array,
  start: number,
  end: number,
  known: number,
): void {
  for (let i = start + 1; i < end; i++) {
    const id = ids[i]!;
    const key = entries.borrowKey(plainId(id));
    let at = i;
    while (at > start && entries.compareKey(plainId(ids[at - 1]!), key, known) > 0) {
      ids[at] = ids[at - 1]!;
      at -= 1;
    }
    ids[at] = id;
  }
}
