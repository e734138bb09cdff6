import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { memorySource } from "./byte-source.ts";
import { DatabaseFile } from "./database-file.ts";
import { DatabaseWriter } from "./database-writer.ts";
import { fnv1a64, type Meta, readMeta, writeMeta } from "./format.ts";
import { checkIntegrity } from "./integrity.ts";
import { type Buckets, buildDatabase, readBuckets } from "./testing.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const text = (value: string): Uint8Array => Buffer.from(value);

test("the checksum of metas is FNV-1a", () => {
  const bytes = Buffer.from("xfoobar");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  assert.equal(fnv1a64(view, 1, 7), 0x8594_4171_f739_67e8n);
});

test("metas are written as a fresh database of bbolt has them", () => {
  const cases = [
    { slot: 0, txId: 0, tail: "0000000000000000eefd8946116e5107" },
    { slot: 1, txId: 1, tail: "01000000000000000f4879511a354c26" },
  ] as const;
  for (const { slot, txId, tail } of cases) {
    const bytes = new Uint8Array(4096);
    const meta: Meta = { pageBytes: 4096, root: 3, freelist: 2, highWater: 4, txId };
    writeMeta(new DataView(bytes.buffer), slot, meta);
    assert.equal(hex(bytes.subarray(0, 16)), `0${slot}000000000000000400000000000000`);
    const body =
      "edda0ced02000000001000000000000003000000000000000000000000000000020000000000000004000000000000000";
    assert.equal(hex(bytes.subarray(16, 80)), body.slice(0, 96) + tail);
    assert.deepEqual(readMeta(new DataView(bytes.buffer)), meta);
  }
});

test("empty buckets lie in the root page, as bbolt puts them there", () => {
  const names = "alarm auth authRoles authUsers cluster key lease members members_removed meta".split(" ");
  const file = buildDatabase(names.map((name) => [name, []]));
  assert.equal(file.length, 3 * 4096);
  const root = file.subarray(2 * 4096);
  assert.equal(hex(root.subarray(0, 16)), "020000000000000002000a0000000000");
  assert.equal(hex(root.subarray(16, 32)), "01000000a00000000500000020000000");
  assert.equal(hex(root.subarray(176, 181)), hex(text("alarm")));
  assert.equal(hex(root.subarray(181, 213)), `${"00".repeat(24)}0200000000000000`);
  assert.deepEqual(
    readBuckets(file).map(([name]) => name),
    names,
  );
});

test("a bucket lies in its element up to a quarter of a page", () => {
  // Headers of page and element, 5 bytes of key.
  const most = 1024 - 16 - 16 - 5;
  const pagesWith = (length: number): number =>
    buildDatabase([["key", [[text("abcde"), new Uint8Array(length)]]]]).length / 4096;
  assert.equal(pagesWith(most), 3);
  assert.equal(pagesWith(most + 1), 4);
});

test("leaves are filled to nine tenths, and long values get pages of their own", () => {
  const entry = (i: number, length: number): [Uint8Array, Uint8Array] => [
    Buffer.from(String(i).padStart(8, "0")),
    new Uint8Array(length),
  ];
  const leafPages = (count: number, length: number): number =>
    buildDatabase([["key", Array.from({ length: count }, (_, i) => entry(i, length))]]).length / 4096 - 3;
  // 9 of 394 bytes reach nine tenths: 50 need 6 leaves and a branch.
  assert.equal(leafPages(50, 370), 7);
  // Two of 2,040 bytes fit, though that is more than nine tenths.
  assert.equal(leafPages(10, 2016), 6);
  assert.equal(leafPages(3, 10_000), 3 * 3 + 1);
});

test("what the format cannot hold is refused", () => {
  const writer = new DatabaseWriter({ write: () => {} });
  writer.beginBucket("a");
  assert.throws(() => writer.put(new Uint8Array(0), 0, text("v"), 0, 1), RangeError);
  assert.throws(() => writer.put(new Uint8Array(32_769), 32_769, text("v"), 0, 1), RangeError);
  writer.put(text("b"), 1, text("v"), 0, 1);
  assert.throws(() => writer.put(text("b"), 1, text("v"), 0, 1), /keys ascend/);
  assert.throws(() => writer.beginBucket("a"), /names of buckets ascend/);
});

function randomBuckets(random: SeededRandom): Buckets {
  const lengths = [0, 1, 17, 300, 1000, 5000, 70_000];
  const keyLengths = [1, 17, 18, 200, 3000, 32_768];
  return Array.from({ length: 1 + random.below(5) }, (_, b) => {
    const mostKey = random.below(4);
    const mostValue = random.below(lengths.length);
    const entries = new Map<string, [Uint8Array, Uint8Array]>();
    const count = mostValue > 4 || mostKey > 2 ? random.below(60) : random.below(3000);
    for (let i = 0; i < count; i++) {
      const key = Buffer.alloc(
        1 +
          random.below(keyLengths[random.below(mostKey + 1)]! + (mostKey === 3 && i % 9 === 0 ? 30_000 : 0)),
      );
      for (let at = 0; at < Math.min(key.length, 12); at++) key[at] = random.below(256);
      const value = Buffer.alloc(random.below(lengths[random.below(mostValue + 1)]! + 1), random.below(256));
      entries.set(key.toString("latin1"), [key, value]);
    }
    return [`bucket${b}`, [...entries.values()].sort(([x], [y]) => Buffer.compare(x, y))] as const;
  });
}

testWithSeed("what is written is read again, every page is in use, for any content and page size", (seed) => {
  for (let run = 0; run < 60; run++) {
    const random = new SeededRandom(seed + run);
    const buckets = randomBuckets(random);
    const pageBytes = 1024 << random.below(7);
    const file = buildDatabase(buckets, pageBytes);
    const source = memorySource("test.db", file);
    checkIntegrity(source);
    const database = new DatabaseFile(source);
    assert.equal(database.sizeBytes, file.length);
    const found = readBuckets(file);
    assert.equal(found.length, buckets.length, `seed ${seed + run}`);
    buckets.forEach(([name, entries], i) => {
      const [foundName, foundEntries] = found[i]!;
      assert.equal(foundName, name);
      assert.equal(foundEntries.length, entries.length, `seed ${seed + run}`);
      const same = entries.every(
        ([key, value], j) =>
          Buffer.compare(key, foundEntries[j]![0]) === 0 && Buffer.compare(value, foundEntries[j]![1]) === 0,
      );
      assert.ok(same, `seed ${seed + run}`);
    });
    const reader = database.newReader();
    for (const { scan } of database.buckets(reader)) while (scan.visit(1000, () => {}) === 1000);
    for (let page = 2; page < database.meta.highWater; page++) assert.ok(reader.hasMet(page), `page ${page}`);
  }
});
