import assert from "node:assert/strict";
import test from "node:test";
import { fc } from "@quorate/testkit/property";
import type { KeyInterval } from "./interval-tree.ts";
import { intervalOf, KeyIntervals } from "./key-intervals.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");
const granted = (...grants: readonly (readonly [key: string, rangeEnd: string])[]) =>
  new KeyIntervals(grants.map(([key, rangeEnd]) => intervalOf(bytes(key), bytes(rangeEnd))));
const OPEN = "\0";

const cases = [
  {
    grants: [
      ["a", "c"],
      ["x", "z"],
    ],
    asked: ["a", "z"],
    want: false,
  },
  {
    grants: [
      ["a", "f"],
      ["c", "d"],
      ["f", "z"],
    ],
    asked: ["a", "z"],
    want: true,
  },
  {
    grants: [
      ["a", "d"],
      ["a", "b"],
      ["c", "f"],
    ],
    asked: ["a", "f"],
    want: true,
  },
  {
    grants: [
      ["a", "d"],
      ["a", "b"],
      ["c", "f"],
    ],
    asked: ["a", OPEN],
    want: false,
  },
  { grants: [["a", OPEN]], asked: ["a", OPEN], want: true },
  { grants: [[OPEN, OPEN]], asked: [OPEN, OPEN], want: true },
  {
    grants: [
      ["a", "d"],
      ["a", "b"],
      ["c", "f"],
    ],
    asked: ["d", ""],
    want: true,
  },
  {
    grants: [
      ["a", "d"],
      ["a", "b"],
      ["c", "f"],
    ],
    asked: ["f", ""],
    want: false,
  },
  { grants: [["foo", ""]], asked: ["foo", ""], want: true },
  { grants: [["foo", ""]], asked: ["foo", "foo\0"], want: true },
  { grants: [["foo", ""]], asked: ["foo", OPEN], want: false },
  { grants: [["foo", ""]], asked: ["foo", "fop"], want: false },
  { grants: [["foo", ""]], asked: ["fo", ""], want: false },
  { grants: [["/prefix/", "/prefix0"]], asked: ["/prefix0", ""], want: false },
  { grants: [["/prefix/", "/prefix0"]], asked: ["/prefix2/x", ""], want: false },
  { grants: [["z", OPEN]], asked: ["\xff\xff", ""], want: true },
  { grants: [["z", OPEN]], asked: ["x", ""], want: false },
  {
    grants: [
      ["a", "c"],
      ["c", "e"],
    ],
    asked: ["a", "e"],
    want: true,
  },
  {
    grants: [
      ["a", "c"],
      ["d", "e"],
    ],
    asked: ["a", "e"],
    want: false,
  },
  { grants: [["b", "d"]], asked: ["d", "d"], want: false },
  { grants: [["b", "d"]], asked: ["b", "b"], want: true },
  { grants: [["b", "d"]], asked: ["b", "a"], want: true },
  { grants: [["b", "d"]], asked: ["c", "b"], want: true },
  { grants: [["b", "d"]], asked: ["e", "a"], want: false },
  {
    grants: [
      ["d", "b"],
      ["a", "b"],
    ],
    asked: ["c", ""],
    want: false,
  },
  // Which of several is found depends on the order in which they were granted, as in members of etcd.
  {
    grants: [
      ["p", "q"],
      ["m", "z"],
    ],
    asked: ["r", "a"],
    want: false,
  },
  {
    grants: [
      ["m", "z"],
      ["p", "q"],
    ],
    asked: ["r", "a"],
    want: true,
  },
  {
    grants: [
      ["p", "q"],
      ["m", "z"],
    ],
    asked: ["r", "r"],
    want: true,
  },
  { grants: [], asked: ["a", ""], want: false },
] as const;
for (const { grants, asked, want } of cases) {
  test(`permission for ${JSON.stringify(grants)} ${want ? "covers" : "does not cover"} ${JSON.stringify(asked)}`, () => {
    assert.equal(granted(...grants).covers(bytes(asked[0]), bytes(asked[1])), want);
  });
}

/** Keys of a single small letter, so that all can be gone through; an end is one of them, none, or open. */
const letter = fc.integer({ min: 0x61, max: 0x6c }).map((code) => Uint8Array.of(code));
const rangeEnd = fc.oneof(letter, fc.constant(new Uint8Array(0)), fc.constant(Uint8Array.of(0)));
const request = fc.record({ key: letter, rangeEnd });

/** By looking at each key, and at places between two of them. */
function coversByCounting(grants: readonly KeyInterval[], key: number, end: number): boolean {
  for (let at = key; at < end; at += 0.5) {
    const probe = Number.isInteger(at) ? Uint8Array.of(at) : Uint8Array.of(Math.floor(at), 0x80);
    const isGranted = grants.some(
      ({ begin, end }) =>
        Buffer.compare(begin, probe) <= 0 && (end === undefined || Buffer.compare(probe, end) < 0),
    );
    if (!isGranted) return false;
  }
  return true;
}

test("a request is covered if and only if each of its keys is", () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 8 }), request, (grants, asked) => {
      const intervals = grants.map(({ key, rangeEnd }) => intervalOf(key, rangeEnd));
      const key = asked.key[0]!;
      const end = asked.rangeEnd[0];
      // A key behind all letters stands for those without an end.
      const last = end === undefined ? key + 0.5 : end === 0 ? 0x80 : Math.max(end, key + 0.5);
      if (end !== undefined && end !== 0 && end < key) return;
      assert.equal(
        new KeyIntervals(intervals).covers(asked.key, asked.rangeEnd),
        coversByCounting(intervals, key, last),
      );
    }),
  );
});

test("a tree of one interval says of a request without keys what the union says of its first key", () => {
  fc.assert(
    fc.property(request, request, (grant, asked) => {
      const end = asked.rangeEnd[0];
      if (end === undefined || end === 0 || end >= asked.key[0]!) return;
      const intervals = new KeyIntervals([intervalOf(grant.key, grant.rangeEnd)]);
      assert.equal(
        intervals.covers(asked.key, asked.rangeEnd),
        intervals.covers(asked.key, new Uint8Array(0)),
      );
    }),
  );
});
