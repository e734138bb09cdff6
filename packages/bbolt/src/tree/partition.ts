import { ELEMENT_BYTES, PAGE_HEADER_BYTES } from "../format/page.ts";
import type { DirtyPage } from "./dirty-page.ts";

/**
 * How the elements of a page that has become too large are divided among pages: the index at which each of them ends. The
 * first one gets half of the bytes or a little more, the others get what fits. An element that does not fit has
 * a leaf of its own, of several slots; a branch has two children at least, however long their keys are, so that every level
 * has at most half the pages of the one below.
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
    const isFull = bytes + more > pageBytes || (ends.length === 0 && bytes >= half);
    if (isFull && i - start >= least && count - i >= least) {
      ends.push(i);
      start = i;
      bytes = PAGE_HEADER_BYTES;
    }
    bytes += more;
  }
  ends.push(count);
  return ends;
}
