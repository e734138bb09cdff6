import assert from "node:assert/strict";
import { test } from "node:test";
import { slotsForElements } from "./partition.ts";

const PAGE = 4096;

const cases = [
  { bytes: 30, slots: 1, why: "small ones fill a page" },
  { bytes: 800, slots: 1, why: "five leave little empty" },
  { bytes: 1_100, slots: 2, why: "seven fit into two pages, and only three into one" },
  { bytes: 2_100, slots: 4, why: "one would leave half of a page empty" },
  { bytes: 3_900, slots: 1, why: "one fills a page" },
  { bytes: 4_200, slots: 7, why: "one would leave half of its second page empty" },
  { bytes: 8_100, slots: 2, why: "one fills two pages" },
  { bytes: 33_000, slots: 9, why: "longer than leaves that are shared" },
  { bytes: 1_500_000, slots: 367, why: "a page that is half empty does not matter" },
];
for (const { bytes, slots, why } of cases) {
  test(`elements of ${bytes} bytes have leaves of ${slots} pages: ${why}`, () => {
    assert.equal(slotsForElements(bytes, PAGE), slots);
  });
}
