import {
  ELEMENT_BUCKET,
  ELEMENT_BYTES,
  LONGEST_KEY_BYTES,
  PAGE_BRANCH,
  PAGE_HEADER_BYTES,
  PAGE_LEAF,
  readNumber,
} from "../format/page.ts";

/**
 * What is wrong with the elements of the branch or leaf page of `length` bytes at `at`; undefined when each lies inside of
 * the page, none overlaps another, and their keys ascend. Its number is not looked at: inline buckets have none.
 */
export function wrongInElements(view: DataView, at: number, length: number): string | undefined {
  const flags = view.getUint16(at + 8, true);
  const count = view.getUint16(at + 10, true);
  if (flags !== PAGE_LEAF && flags !== PAGE_BRANCH) return `neither branch nor leaf (flags ${flags})`;
  const isLeaf = flags === PAGE_LEAF;
  if (count === 0) return isLeaf ? undefined : "a branch without children";
  const data = PAGE_HEADER_BYTES + count * ELEMENT_BYTES;
  if (data > length) return `no room for ${count} elements`;
  const end = at + length;
  let room = length - data;
  let before = 0;
  let beforeLength = 0;
  let beforeEnd = 0;
  const positionAt = isLeaf ? 4 : 0;
  // bbolt lays data out in the order of the keys, and so do we where they were appended, from the end.
  let isAscending = true;
  let isDescending = true;
  for (let i = 0; i < count; i++) {
    const element = at + PAGE_HEADER_BYTES + i * ELEMENT_BYTES;
    if (isLeaf && view.getUint32(element, true) > ELEMENT_BUCKET) {
      return `element ${i}: flags ${view.getUint32(element, true)}`;
    }
    const start = element + view.getUint32(element + positionAt, true);
    const keyLength = view.getUint32(element + positionAt + 4, true);
    const dataLength = keyLength + (isLeaf ? view.getUint32(element + 12, true) : 0);
    if (keyLength === 0 || keyLength > LONGEST_KEY_BYTES) return `element ${i}: a key of ${keyLength} bytes`;
    if (start < at + data || start + dataLength > end) return `element ${i}: data outside of the page`;
    // Together they are no more than what there is.
    room -= dataLength;
    if (room < 0) return "elements overlap";
    if (i > 0 && compareIn(view, before, beforeLength, start, keyLength) >= 0) {
      return `element ${i}: keys out of order`;
    }
    if (i > 0 && start < beforeEnd) isAscending = false;
    if (i > 0 && start + dataLength > before) isDescending = false;
    before = start;
    beforeLength = keyLength;
    beforeEnd = start + dataLength;
  }
  return isAscending || isDescending || areApart(view, at, count, isLeaf) ? undefined : "elements overlap";
}

let starts = new Uint32Array(256);
let ends = new Uint32Array(256);

/** Whether no data shares bytes with other data: then each ends, in the order of the ends, before the next one starts. */
function areApart(view: DataView, at: number, count: number, isLeaf: boolean): boolean {
  if (count > starts.length) {
    starts = new Uint32Array(2 * count);
    ends = new Uint32Array(2 * count);
  }
  for (let i = 0; i < count; i++) {
    const element = PAGE_HEADER_BYTES + i * ELEMENT_BYTES;
    const start = element + view.getUint32(at + element + (isLeaf ? 4 : 0), true);
    const keyLength = view.getUint32(at + element + (isLeaf ? 8 : 4), true);
    starts[i] = start;
    ends[i] = start + keyLength + (isLeaf ? view.getUint32(at + element + 12, true) : 0);
  }
  starts.subarray(0, count).sort();
  ends.subarray(0, count).sort();
  for (let i = 1; i < count; i++) if (starts[i]! < ends[i - 1]!) return false;
  return true;
}

/** The same of a whole page, which is to have the number `page`. */
export function wrongInPage(view: DataView, at: number, length: number, page: number): string | undefined {
  const id = readNumber(view, at);
  return id === page ? wrongInElements(view, at, length) : `has the number ${id}`;
}

function compareIn(view: DataView, a: number, aLength: number, b: number, bLength: number): number {
  const shorter = aLength < bLength ? aLength : bLength;
  let i = 0;
  // Neighbours begin alike, so words at a time; in this byte order they compare as their bytes do.
  for (; i + 4 <= shorter; i += 4) {
    const difference = view.getUint32(a + i) - view.getUint32(b + i);
    if (difference !== 0) return difference;
  }
  for (; i < shorter; i++) {
    const difference = view.getUint8(a + i) - view.getUint8(b + i);
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}
