import assert from "node:assert/strict";
import { test } from "node:test";
import { PAGE_BRANCH, PAGE_LEAF, writePageHeader } from "../format/page.ts";
import { wrongInElements } from "./page-check.ts";

const PAGE_BYTES = 1024;

/** A leaf whose elements have keys of one letter, a, b, ..., each with a value of 9 bytes behind it, at these positions of the page. */
function leafWith(positions: readonly number[], keys = "abcdefgh"): Uint8Array {
  const bytes = new Uint8Array(PAGE_BYTES);
  const view = new DataView(bytes.buffer);
  writePageHeader(view, 0, 7, PAGE_LEAF, positions.length, 0);
  for (const [i, position] of positions.entries()) {
    const element = 16 + 16 * i;
    view.setUint32(element + 4, position - element, true);
    view.setUint32(element + 8, 1, true);
    view.setUint32(element + 12, 9, true);
    bytes[position] = keys.charCodeAt(i);
  }
  return bytes;
}

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  new DataView(bytes.buffer).setUint32(at, value, true);
  return bytes;
}

const leaves: { name: string; bytes: Uint8Array; want: string | undefined }[] = [
  { name: "no elements", bytes: leafWith([]), want: undefined },
  { name: "data in the order of the keys", bytes: leafWith([100, 110, 300]), want: undefined },
  { name: "data from the end", bytes: leafWith([1014, 1004, 200]), want: undefined },
  { name: "data in any order", bytes: leafWith([500, 510, 110, 100, 700]), want: undefined },
  { name: "data that overlaps the one before", bytes: leafWith([100, 109]), want: "elements overlap" },
  { name: "data that overlaps another one", bytes: leafWith([500, 100, 509]), want: "elements overlap" },
  {
    name: "data within the elements",
    bytes: leafWith([47, 100]),
    want: "element 0: data outside of the page",
  },
  { name: "data behind the page", bytes: leafWith([100, 1015]), want: "element 1: data outside of the page" },
  {
    name: "keys out of order",
    bytes: leafWith([100, 110, 120], "acb"),
    want: "element 2: keys out of order",
  },
  { name: "a key twice", bytes: leafWith([100, 110], "aa"), want: "element 1: keys out of order" },
  { name: "an empty key", bytes: changed(leafWith([100]), 24, 0), want: "element 0: a key of 0 bytes" },
  {
    name: "a long key",
    bytes: changed(leafWith([100]), 24, 40_000),
    want: "element 0: a key of 40000 bytes",
  },
  { name: "odd flags", bytes: changed(leafWith([100]), 16, 2), want: "element 0: flags 2" },
  {
    name: "a value that is longer than all",
    bytes: changed(leafWith([100]), 28, 2 ** 32 - 1),
    want: "element 0: data outside of the page",
  },
  {
    name: "too many elements",
    bytes: changed(leafWith([100]), 8, 2 | (64 << 16)),
    want: "no room for 64 elements",
  },
  {
    name: "a branch without children",
    bytes: changed(leafWith([]), 8, PAGE_BRANCH),
    want: "a branch without children",
  },
  { name: "another kind", bytes: changed(leafWith([]), 8, 0x10), want: "neither branch nor leaf (flags 16)" },
];
for (const { name, bytes, want } of leaves) {
  test(`a page with ${name} is ${want === undefined ? "sound" : "refused"}`, () => {
    assert.equal(wrongInElements(new DataView(bytes.buffer), 0, PAGE_BYTES), want);
  });
}
