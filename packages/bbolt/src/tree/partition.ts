import { ELEMENT_BYTES, PAGE_HEADER_BYTES } from "../format/page.ts";
import type { DirtyPage } from "./dirty-page.ts";

/** A leaf of several elements has no more slots than this. */
const MOST_SHARED_SLOTS = 8;
/** So much of a leaf's slots may be empty before a longer one would be better, if it is not to be changed. */
const MOST_WASTE = 1 / 8;

/** The slots of a leaf for elements of `elementBytes` each: the fewest of which they leave little empty. */
export function slotsForElements(elementBytes: number, pageBytes: number): number {
  let best = 1;
  let bestFill = 0;
  for (let slots = 1; slots <= MOST_SHARED_SLOTS; slots++) {
    const room = slots * pageBytes - PAGE_HEADER_BYTES;
    const fill = (Math.floor(room / elementBytes) * elementBytes) / (slots * pageBytes);
    if (fill >= 1 - MOST_WASTE) return slots;
    if (fill > bestFill) {
      best = slots;
      bestFill = fill;
    }
  }
  return bestFill > 0 ? best : Math.ceil((PAGE_HEADER_BYTES + elementBytes) / pageBytes);
}

/** Whether a leaf would better get another element of `moreBytes` than have a new one beside it. */
export function isWasteful(usedBytes: number, moreBytes: number, pageBytes: number): boolean {
  const length = Math.ceil(usedBytes / pageBytes) * pageBytes;
  return length - usedBytes > MOST_WASTE * length && usedBytes + moreBytes <= MOST_SHARED_SLOTS * pageBytes;
}

/**
 * How the elements of a page that has become too large are divided among pages: the index at which each of them ends. The
 * first one gets half of the bytes or a little more, the others get what fits. Elements of which a single slot, or as many as
 * one of them needs, would stay empty to a large part share a leaf of several slots; a branch has two children at least,
 * however long their keys are, so that every level has at most half the pages of the one below.
 */
export function partition(page: DirtyPage, pageBytes: number): number[] {
  const { count } = page;
  if (page.usedBytes <= pageBytes) return [count];
  const half = page.usedBytes / 2;
  const least = page.isLeaf ? 1 : 2;
  const ends: number[] = [];
  let start = 0;
  let bytes = PAGE_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const more = ELEMENT_BYTES + page.dataLength(i);
    const exceeds = bytes + more > pageBytes;
    const isFull = exceeds || (ends.length === 0 && bytes >= half);
    const isShared = exceeds && page.isLeaf && isWasteful(bytes, more, pageBytes);
    if (isFull && !isShared && i - start >= least && count - i >= least) {
      ends.push(i);
      start = i;
      bytes = PAGE_HEADER_BYTES;
    }
    bytes += more;
  }
  ends.push(count);
  return ends;
}
