import type { EntryTable } from "./entry-table.ts";

const SMALL = 12;

/**
 * Sorts ids by their keys, for building the index at start. Radix by eight bytes at a time: behind the prefix that all
 * share, two heads of four bytes, each packed with a position into 64-bit integers that the engine sorts natively;
 * groups of equal heads go on behind them. Keys are read in the order of ids, which is the order of memory.
 */
export function sortIds(entries: EntryTable, ids: Uint32Array): void {
  const stack = [0, ids.length, 0];
  while (stack.length > 0) {
    const known = stack.pop()!;
    const end = stack.pop()!;
    const start = stack.pop()!;
    if (end - start <= SMALL) insertionSort(entries, ids, start, end, known);
    else sortByHeads(entries, ids, start, end, known, stack);
  }
}

function sortByHeads(
  entries: EntryTable,
  ids: Uint32Array,
  start: number,
  end: number,
  known: number,
  stack: number[],
): void {
  const count = end - start;
  const prefix = sharedPrefix(entries, ids, start, end, known);
  const packed = new BigUint64Array(count);
  const halves = new Uint32Array(packed.buffer);
  const first = new Uint32Array(count);
  const second = new Uint32Array(count);
  const before = ids.slice(start, end);
  for (let i = 0; i < count; i++) {
    const id = before[i]!;
    first[i] = entries.keyHead(id, prefix) ^ 0x8000_0000;
    second[i] = entries.keyHead(id, prefix + 4) ^ 0x8000_0000;
    halves[2 * i] = i;
    halves[2 * i + 1] = second[i]!;
  }
  packed.sort();
  const bySecond = new Uint32Array(count);
  for (let i = 0; i < count; i++) bySecond[i] = halves[2 * i]!;
  for (let i = 0; i < count; i++) {
    halves[2 * i] = i;
    halves[2 * i + 1] = first[bySecond[i]!]!;
  }
  packed.sort();
  let groupStart = 0;
  let groupAt = -1;
  for (let i = 0; i < count; i++) {
    const at = bySecond[halves[2 * i]!]!;
    ids[start + i] = before[at]!;
    if (groupAt >= 0 && first[at] === first[groupAt] && second[at] === second[groupAt]) continue;
    if (i - groupStart > 1) pushGroup(entries, ids, start + groupStart, start + i, prefix, stack);
    groupStart = i;
    groupAt = at;
  }
  if (count - groupStart > 1) pushGroup(entries, ids, start + groupStart, end, prefix, stack);
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

/** Of keys that share `known` bytes; at least that. */
function sharedPrefix(
  entries: EntryTable,
  ids: Uint32Array,
  start: number,
  end: number,
  known: number,
): number {
  const first = entries.borrowKey(ids[start]!).slice();
  let shared = first.length;
  for (let i = start + 1; i < end && shared > known; i++) {
    shared = entries.commonPrefix(ids[i]!, first, known, shared);
  }
  return shared;
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
