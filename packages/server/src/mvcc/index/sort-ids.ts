import type { EntryTable } from "./entry-table.ts";

const SMALL = 12;

/**
 * Sorts ids by their keys, for building the index at start. Radix by four bytes at a time: heads and ids are packed into
 * 64-bit integers, which the engine sorts natively; groups of equal heads go on behind the prefix that they share.
 */
export function sortIds(entries: EntryTable, ids: Uint32Array): void {
  sortRange(entries, ids, 0, ids.length, 0);
}

function sortRange(entries: EntryTable, ids: Uint32Array, from: number, to: number, depth: number): void {
  const stack = [from, to, depth];
  while (stack.length > 0) {
    const known = stack.pop()!;
    const end = stack.pop()!;
    const start = stack.pop()!;
    const count = end - start;
    if (count < 2) continue;
    if (count <= SMALL) {
      insertionSort(entries, ids, start, end, known);
      continue;
    }
    const prefix = sharedPrefix(entries, ids, start, end, known);
    const packed = new BigUint64Array(count);
    const halves = new Uint32Array(packed.buffer);
    for (let i = 0; i < count; i++) {
      const id = ids[start + i]!;
      halves[2 * i] = id;
      halves[2 * i + 1] = entries.keyHead(id, prefix) ^ 0x8000_0000;
    }
    packed.sort();
    let groupStart = 0;
    for (let i = 0; i <= count; i++) {
      if (i < count) ids[start + i] = halves[2 * i]!;
      if (i === 0 || (i < count && halves[2 * i + 1] === halves[2 * groupStart + 1])) continue;
      if (i - groupStart > 1) stack.push(start + groupStart, start + i, prefix);
      groupStart = i;
    }
  }
}

/** At least `known`. Stops looking when there is nothing more to gain than the head that is read anyway. */
function sharedPrefix(
  entries: EntryTable,
  ids: Uint32Array,
  start: number,
  end: number,
  known: number,
): number {
  const first = entries.borrowKey(ids[start]!);
  let shared = first.length;
  for (let i = start + 1; i < end && shared > known; i++) {
    const key = entries.borrowKey(ids[i]!);
    const limit = Math.min(shared, key.length);
    let at = known;
    while (at < limit && key[at] === first[at]) at++;
    shared = at;
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
