import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMeta, encodeMeta, META_BYTES, type Meta } from "./meta.ts";

const FIRST: Meta = { pageBytes: 4096, root: 3, sequence: 0n, freelist: 2, highWater: 4, txId: 0 };

test("metas have the bytes that bbolt writes for an empty database", () => {
  const body =
    "edda0ced0200000000100000000000000300000000000000000000000000000002000000000000000400000000000000";
  const cases = [
    { txId: 0, slot: "00", want: "0000000000000000eefd8946116e5107" },
    { txId: 1, slot: "01", want: "01000000000000000f4879511a354c26" },
  ];
  for (const { txId, slot, want } of cases) {
    const bytes = encodeMeta({ ...FIRST, txId });
    assert.equal(Buffer.from(bytes).toString("hex"), `${slot}000000000000000400000000000000${body}${want}`);
    assert.deepEqual(decodeMeta(bytes), { ...FIRST, txId });
  }
});

test("a list of free pages that is not stored, and a sequence, are kept", () => {
  const meta: Meta = { ...FIRST, freelist: undefined, sequence: 2n ** 63n + 5n, txId: 2 ** 40 + 1 };
  assert.deepEqual(decodeMeta(encodeMeta(meta)), meta);
});

const wrong: { name: string; meta?: Partial<Meta>; at?: number; want: RegExp }[] = [
  { name: "another magic number", at: 16, want: /^invalid database$/ },
  { name: "another version", at: 20, want: /^version mismatch$/ },
  { name: "a flipped bit", at: 60, want: /^checksum error$/ },
  { name: "pages that are too small", meta: { pageBytes: 512 }, want: /^pages of 512 bytes$/ },
  { name: "pages that are too large", meta: { pageBytes: 131_072 }, want: /^pages of 131072 bytes$/ },
  { name: "pages of an odd size", meta: { pageBytes: 5000 }, want: /^pages of 5000 bytes$/ },
  { name: "a root outside of the file", meta: { root: 4 }, want: /^refers to page 4 of 4$/ },
  { name: "a root that is a meta", meta: { root: 1 }, want: /^refers to page 1 of 4$/ },
  { name: "a list outside of the file", meta: { freelist: 9 }, want: /^refers to page 9 of 4$/ },
  { name: "no pages", meta: { highWater: 2 }, want: /^a high-water mark of 2$/ },
  { name: "a transaction beyond all", meta: { txId: 2 ** 53 }, want: /^transaction 9007199254740992$/ },
];
for (const { name, meta, at, want } of wrong) {
  test(`a meta is refused with ${name}`, () => {
    const bytes = encodeMeta({ ...FIRST, ...meta });
    if (at !== undefined) bytes[at]! ^= 1;
    assert.match(String(decodeMeta(bytes)), want);
  });
}

test("a meta that is cut short is none", () => {
  assert.equal(decodeMeta(encodeMeta(FIRST).subarray(0, META_BYTES - 1)), "invalid database");
});
