import type { EntryTable } from "./entry-table.ts";

const SMALL = 12;
/** Keys looked at before the work may be interrupted. */
const STEP = 4096;
/** What the engine sorts in about two milliseconds. */
const RUN = 1 << 15;

/** Work that may be interrupted wherever it yields. */
export type Work = Generator<undefined, void, unknown>;

/**
 * Sorts ids by their keys, for building the index at start. Radix by eight bytes at a time: behind the prefix that all
 * share, two heads of four bytes, each packed with a position into 64-bit integers that the engine sorts natively;
 * groups of equal heads go on behind them. Keys are read in the order of ids, which is the order of memory.
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
  const packed = new PackedPairs(count);
  for (let i = 0; i < count; i++) {
    const id = before[i]!;
    first[i] = entries.keyHead(id, prefix) ^ 0x8000_0000;
    second[i] = entries.keyHead(id, prefix + 4) ^ 0x8000_0000;
    packed.set(i, second[i]!, i);
    if (i % STEP === STEP - 1) yield;
  }
  yield* packed.sort();
  const bySecond = new Uint32Array(count);
  for (let i = 0; i < count; i++) bySecond[i] = packed.low(i);
  for (let i = 0; i < count; i++) {
    packed.set(i, first[bySecond[i]!]!, i);
    if (i % STEP === STEP - 1) yield;
  }
  yield* packed.sort();
  let groupStart = 0;
  let groupAt = -1;
  for (let i = 0; i < count; i++) {
    const at = bySecond[packed.low(i)]!;
    ids[start + i] = before[at]!;
    if (i % STEP === STEP - 1) yield;
    if (groupAt >= 0 && first[at] === first[groupAt] && second[at] === second[groupAt]) continue;
    if (i - groupStart > 1) pushGroup(entries, ids, start + groupStart, start + i, prefix, stack);
    groupStart = i;
    groupAt = at;
  }
  if (count - groupStart > 1) pushGroup(entries, ids, start + groupStart, end, prefix, stack);
}

/** Pairs of unsigned 32-bit integers, ordered by the first, then the second. */
class PackedPairs {
  #pairs: BigUint64Array<ArrayBuffer>;
  #halves: Uint32Array<ArrayBuffer>;

  constructor(count: number) {
    this.#pairs = new BigUint64Array(count);
    this.#halves = new Uint32Array(this.#pairs.buffer);
  }

  set(index: number, high: number, low: number): void {
    this.#halves[2 * index] = low;
    this.#halves[2 * index + 1] = high;
  }

  low(index: number): number {
    return this.#halves[2 * index]!;
  }

  /** Runs that the engine sorts at once, then merged, so that no step is long. */
  *sort(): Work {
    const count = this.#pairs.length;
    for (let start = 0; start < count; start += RUN) {
      this.#pairs.subarray(start, start + RUN).sort();
      if (count > RUN) yield;
    }
    if (count <= RUN) return;
    let from = this.#halves;
    let to: Uint32Array<ArrayBuffer> = new Uint32Array(from.length);
    for (let width = 2 * RUN; width < from.length; width *= 2) {
      for (let start = 0; start < from.length; start += 2 * width) {
        const middle = Math.min(start + width, from.length);
        const end = Math.min(start + 2 * width, from.length);
        const state = { left: start, right: middle, at: start };
        while (mergeSome(from, to, state, middle, end)) yield;
      }
      [from, to] = [to, from];
    }
    this.#halves = from;
    this.#pairs = new BigUint64Array(from.buffer);
  }
}

/** Merges up to RUN pairs of from[left..middle) and from[right..end); false when there is nothing left to merge. */
function mergeSome(
  from: Uint32Array,
  to: Uint32Array,
  state: { left: number; right: number; at: number },
  middle: number,
  end: number,
): boolean {
  let { left, right, at } = state;
  const stop = Math.min(at + 2 * RUN, end);
  while (at < stop && left < middle && right < end) {
    const leftHigh = from[left + 1]!;
    const rightHigh = from[right + 1]!;
    let taken = left;
    if (leftHigh < rightHigh || (leftHigh === rightHigh && from[left]! < from[right]!)) {
      left += 2;
    } else {
      taken = right;
      right += 2;
    }
    to[at] = from[taken]!;
    to[at + 1] = from[taken + 1]!;
    at += 2;
  }
  if (left === middle || right === end) {
    to.set(from.subarray(left, middle), at);
    at += middle - left;
    to.set(from.subarray(right, end), at);
    return false;
  }
  state.left = left;
  state.right = right;
  state.at = at;
  return true;
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
