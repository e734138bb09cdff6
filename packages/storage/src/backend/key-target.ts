import { NODE_HEADER_BYTES, PAGE_BYTES } from "./lmdb-format.ts";
import type { Page } from "./page-file.ts";

/** Longest key of any table, in bytes. */
export const MAX_KEY_BYTES = 1026;

/** A key to look for; its memory is reused, so one exists a reader. */
export class KeyTarget {
  /** A page long, so that not even a damaged key is too long for it. */
  readonly bytes = new Uint8Array(PAGE_BYTES);
  readonly view = new DataView(this.bytes.buffer);
  length = 0;

  set(key: Uint8Array): void {
    this.bytes.set(key);
    this.length = key.length;
  }

  copyFrom(page: Page, at: number): void {
    const { bytes, view } = page;
    const length = view.getUint16(at + 6, true);
    // Mostly the 17 bytes of a revision, for which a view would cost more than the copy.
    for (let i = 0; i < length; i++) this.bytes[i] = bytes[at + NODE_HEADER_BYTES + i]!;
    this.length = length;
  }
}

/** Compares the keys of two nodes, as LMDB does. */
export function compareNodes(page: Page, at: number, otherPage: Page, other: number): number {
  const length = page.view.getUint16(at + 6, true);
  const otherLength = otherPage.view.getUint16(other + 6, true);
  const shorter = Math.min(length, otherLength);
  const from = at + NODE_HEADER_BYTES;
  const otherFrom = other + NODE_HEADER_BYTES;
  let i = 0;
  for (; i + 4 <= shorter; i += 4) {
    const a = page.view.getUint32(from + i);
    const b = otherPage.view.getUint32(otherFrom + i);
    if (a !== b) return a < b ? -1 : 1;
  }
  for (; i < shorter; i++) {
    const difference = page.bytes[from + i]! - otherPage.bytes[otherFrom + i]!;
    if (difference !== 0) return difference;
  }
  return length - otherLength;
}

/** Compares the key of the node at `at` with the target, as LMDB does: by bytes, a prefix first. */
export function compareNode(page: Page, at: number, target: KeyTarget): number {
  const length = page.view.getUint16(at + 6, true);
  const shorter = Math.min(length, target.length);
  const from = at + NODE_HEADER_BYTES;
  let i = 0;
  for (; i + 4 <= shorter; i += 4) {
    const a = page.view.getUint32(from + i);
    const b = target.view.getUint32(i);
    if (a !== b) return a < b ? -1 : 1;
  }
  for (; i < shorter; i++) {
    const difference = page.bytes[from + i]! - target.bytes[i]!;
    if (difference !== 0) return difference;
  }
  return length - target.length;
}
