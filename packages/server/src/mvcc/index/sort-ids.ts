import type { EntryTable } from "./entry-table.ts";

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
 * Sorts ids by their keys, for building the index at start. Radix by eight bytes at a time: behind the prefix that all
 * share, two heads of four bytes; groups of equal heads go on behind them. Keys are read in the order of ids, which is the order of memory.
 */
export function* sortIds(entries: EntryTable, ids: Uint32Array): Work {
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

function* sortByHeads(
  entries: EntryTable,
  ids: Uint32Array,
  start: number,
  end: number,
  known: number,
  stack: number[],
): Work {
  const count = end - start;
  const before = ids.slice(start, end);
  const keyOfFirst = entries.borrowKey(before[0]!).slice();
  let prefix = keyOfFirst.length;
  for (let i = 1; i < count && prefix > known; i++) {
    prefix = entries.commonPrefix(before[i]!, keyOfFirst, known, prefix);
    if (i % STEP === 0) yield;
  }
  const first = new Uint32Array(count);
  const second = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const id = before[i]!;
    first[i] = entries.keyHead(id, prefix) ^ 0x8000_0000;
    second[i] = entries.keyHead(id, prefix + 4) ^ 0x8000_0000;
    if (i % STEP === STEP - 1) yield;
  }
  const order = count > FEW ? yield* byDigits(first, second) : byPacking(first, second);
  let groupStart = 0;
  let groupAt = -1;
  for (let i = 0; i < count; i++) {
    const at = order[i]!;
    ids[start + i] = before[at]!;
    if (i % STEP === STEP - 1) yield;
    if (groupAt >= 0 && first[at] === first[groupAt] && second[at] === second[groupAt]) continue;
    if (i - groupStart > 1) pushGroup(entries, ids, start + groupStart, start + i, prefix, stack);
    groupStart = i;
    groupAt = at;
  }
  if (count - groupStart > 1) pushGroup(entries, ids, start + groupStart, end, prefix, stack);
}

/** Positions in the order of (first, second), by one byte after the other from the last; bytes that all share cost little. */
function* byDigits(first: Uint32Array, second: Uint32Array): Generator<undefined, Uint32Array, unknown> {
  const count = first.length;
  let from = new Uint32Array(count);
  let to = new Uint32Array(count);
  for (let i = 0; i < count; i++) from[i] = i;
  const places = new Uint32Array(257);
  for (let digit = 0; digit < 8; digit++) {
    const words = digit < 4 ? second : first;
    const shift = (digit & 3) * 8;
    places.fill(0);
    for (let i = 0; i < count; i++) {
      const place = ((words[i]! >>> shift) & 255) + 1;
      places[place] = places[place]! + 1;
      if (i % RUN === RUN - 1) yield;
    }
    if (places[((words[0]! >>> shift) & 255) + 1] === count) continue;
    for (let i = 1; i < 256; i++) places[i] = places[i]! + places[i - 1]!;
    for (let i = 0; i < count; i++) {
      const at = from[i]!;
      const place = (words[at]! >>> shift) & 255;
      const next = places[place]!;
      to[next] = at;
      places[place] = next + 1;
      if (i % RUN === RUN - 1) yield;
    }
    [from, to] = [to, from];
  }
  return from;
}

/** As `byDigits`, of few: each half is packed with a position into 64-bit integers that the engine sorts natively. */
function byPacking(first: Uint32Array, second: Uint32Array): Uint32Array {
  const count = first.length;
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
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = bySecond[halves[2 * i]!]!;
  return order;
}

/** Keys with equal heads: the few that end within them differ in length only, the others share all of it. */
function pushGroup(
  entries: EntryTable,
  ids: Uint32Array,
  start: number,
  end: number,
  prefix: number,
  stack: number[],
): void {
  const headEnd = prefix + 8;
  let next = start;
  for (let i = start; i < end; i++) {
    const id = ids[i]!;
    if (entries.keyLength(id) > headEnd) continue;
    ids.copyWithin(next + 1, next, i);
    ids[next++] = id;
  }
  insertionSort(entries, ids, start, next, prefix);
  if (end - next > 1) stack.push(next, end, headEnd);
}

function insertionSort(
  entries: EntryTable,
  ids: Uint32Array,
  start: number,
  end: number,
  known: number,
): void {
  for (let i = start + 1; i < end; i++) {
    const id = ids[i]!;
    const key = entries.borrowKey(id);
    let at = i;
    while (at > start && entries.compareKey(ids[at - 1]!, key, known) > 0) {
      ids[at] = ids[at - 1]!;
      at -= 1;
    }
    ids[at] = id;
  }
}
