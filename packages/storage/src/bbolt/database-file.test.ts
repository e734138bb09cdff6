import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { memorySource } from "./byte-source.ts";
import { DatabaseFile } from "./database-file.ts";
import { DatabaseFileError } from "./errors.ts";
import { type Meta, PAGE_FREELIST, readMeta, writeMeta, writePageHeader } from "./format.ts";
import { checkIntegrity } from "./integrity.ts";
import { buildDatabase, readBuckets } from "./testing.ts";

const PAGE = 4096;
const text = (value: string): Uint8Array => Buffer.from(value);
const entries = (count: number, length = 100) =>
  Array.from({ length: count }, (_, i): [Uint8Array, Uint8Array] => [
    text(String(i).padStart(6, "0")),
    new Uint8Array(length).fill(i),
  ]);

/** Pages 2 to 4 are leaves with values of 1,000 bytes, 5 is their branch, 6 the root of all buckets. */
const small = () => buildDatabase([["key", entries(9, 1000)]]);
const view = (file: Uint8Array): DataView => new DataView(file.buffer, file.byteOffset, file.length);

function setMeta(file: Uint8Array, slot: 0 | 1, change: Partial<Meta>, pageBytes = PAGE): void {
  const page = new DataView(file.buffer, file.byteOffset + slot * pageBytes, pageBytes);
  const meta = readMeta(page);
  assert.ok(typeof meta !== "string");
  writeMeta(page, slot, { ...meta, ...change });
}

test("of two sound metas the newer one counts, wherever it is", () => {
  const file = small();
  setMeta(file, 1, { txId: 7 });
  assert.equal(new DatabaseFile(memorySource("f", file)).meta.txId, 7);
  file[PAGE + 20] = 9;
  assert.equal(new DatabaseFile(memorySource("f", file)).meta.txId, 2);
});

test("a broken first meta is no loss, whatever the page size", () => {
  for (const pageBytes of [1024, 4096, 16_384, 65_536]) {
    const file = buildDatabase([["key", entries(100)]], pageBytes);
    file[16] = 0;
    assert.equal(readBuckets(file)[0]![1].length, 100);
  }
});

test("bytes behind the last page are ignored", () => {
  const file = Buffer.concat([small(), Buffer.alloc(32, 1)]);
  checkIntegrity(memorySource("f", file));
  assert.equal(new DatabaseFile(memorySource("f", file)).sizeBytes, file.length - 32);
});

test("a stored list of free pages is checked with the pages, and otherwise ignored", () => {
  const withFreelist = (free: number[], escaped = false): Uint8Array => {
    const base = small();
    const pages = base.length / PAGE;
    // Two more pages: one that nobody uses, and the list.
    const file = Buffer.concat([base, Buffer.alloc(2 * PAGE)]);
    const list = new DataView(file.buffer, file.byteOffset + (pages + 1) * PAGE, PAGE);
    writePageHeader(list, 0, pages + 1, PAGE_FREELIST, escaped ? 0xffff : free.length, 0);
    const ids = escaped ? [free.length, ...free] : free;
    for (const [i, id] of ids.entries()) list.setBigUint64(16 + i * 8, BigInt(id), true);
    setMeta(file, 0, { freelist: pages + 1, highWater: pages + 2 });
    return file;
  };
  const unused = small().length / PAGE;
  const cases = [
    { free: [unused], want: undefined },
    { free: [unused], escaped: true, want: undefined },
    { free: [], want: /page 7: unreachable unfreed/ },
    { free: [unused, unused], want: /page 7 is free twice/ },
    { free: [3, unused], want: /page 3: reachable freed/ },
    { free: [1, unused], want: /free page 1 of 9/ },
    { free: [unused, 9], want: /free page 9 of 9/ },
  ];
  for (const { free, escaped, want } of cases) {
    const file = withFreelist(free, escaped);
    assert.equal(readBuckets(file)[0]![1].length, 9);
    const check = () => checkIntegrity(memorySource("f", file));
    if (want === undefined) check();
    else assert.throws(check, want);
  }
});

const element = (page: number, index: number, field: number): number => page * PAGE + 16 + index * 16 + field;

const DAMAGED: {
  name: string;
  change: (file: Uint8Array, data: DataView) => unknown;
  want: RegExp;
}[] = [
  { name: "no magic number", change: (f) => f.fill(0, 0, 2 * PAGE), want: /page 0: invalid database/ },
  {
    name: "another version",
    change: (f) => f.fill(3, 20, 21).fill(0, PAGE, PAGE + 80),
    want: /version mismatch/,
  },
  {
    name: "wrong checksums",
    change: (f) => f.fill(1, 30, 31).fill(1, PAGE + 30, PAGE + 31),
    want: /checksum error/,
  },
  { name: "an empty file", change: () => new Uint8Array(0), want: /invalid database/ },
  { name: "a file cut in a meta", change: (f) => f.slice(0, 50), want: /invalid database/ },
  { name: "a page too few", change: (f) => f.slice(0, -PAGE), want: /24576 bytes instead of 7 pages/ },
  { name: "a byte too few", change: (f) => f.slice(0, -1), want: /28671 bytes instead of 7 pages/ },
  {
    name: "pages of 3,000 bytes",
    change: (f) => [setMeta(f, 0, { pageBytes: 3000 }), setMeta(f, 1, { pageBytes: 3000 })],
    want: /page 0: pages of 3000 bytes/,
  },
  { name: "a root that is a meta", change: (f) => setMeta(f, 0, { root: 1 }), want: /refers to page 1 of 7/ },
  {
    name: "a root beyond the file",
    change: (f) => setMeta(f, 0, { root: 2 ** 40 }),
    want: /refers to page 1099511627776 of 7/,
  },
  {
    name: "an endless file",
    change: (f) => setMeta(f, 0, { highWater: 2 ** 52 }),
    want: /instead of 4503599627370496 pages/,
  },
  {
    name: "a page with another number",
    change: (_, d) => d.setUint32(3 * PAGE, 9, true),
    want: /page 3: has the number 9/,
  },
  {
    name: "a page of no kind",
    change: (_, d) => d.setUint16(3 * PAGE + 8, 7, true),
    want: /page 3: neither branch nor leaf/,
  },
  {
    name: "a branch that is its own child",
    change: (_, d) => d.setUint32(element(5, 1, 8), 5, true),
    want: /page 5: refers to page 5, which is in use/,
  },
  {
    name: "a child that is met twice",
    change: (_, d) => d.setUint32(element(5, 2, 8), 3, true),
    want: /page 5: refers to page 3, which is in use/,
  },
  {
    name: "a child beyond 2^53",
    change: (_, d) => d.setUint32(element(5, 1, 12), 0xffff_ffff, true),
    want: /page 5: refers to page/,
  },
  {
    name: "a branch without children",
    change: (_, d) => d.setUint16(5 * PAGE + 10, 0, true),
    want: /page 5: a branch without children/,
  },
  {
    name: "an endless run",
    change: (_, d) => d.setUint32(3 * PAGE + 12, 0xffff_ffff, true),
    want: /page 3: a run of 4294967296 pages/,
  },
  {
    name: "a run over the next page",
    change: (_, d) => d.setUint32(3 * PAGE + 12, 1, true),
    want: /refers to page 4, which is in use/,
  },
  {
    name: "more elements than fit",
    change: (_, d) => d.setUint16(3 * PAGE + 10, 300, true),
    want: /page 3: no room for 300 elements/,
  },
  {
    name: "data in the table of elements",
    change: (_, d) => d.setUint32(element(3, 0, 4), 16, true),
    want: /page 3: element 0: data outside/,
  },
  {
    name: "data outside of the page",
    change: (_, d) => d.setUint32(element(3, 0, 4), 0xffff_fff0, true),
    want: /element 0: data outside/,
  },
  {
    name: "a key without bytes",
    change: (_, d) => d.setUint32(element(3, 1, 8), 0, true),
    want: /element 1: a key of 0 bytes/,
  },
  {
    name: "a key that is too long",
    change: (_, d) => d.setUint32(element(3, 1, 8), 32_769, true),
    want: /a key of 32769 bytes/,
  },
  {
    name: "a value outside of the page",
    change: (_, d) => d.setUint32(element(3, 0, 12), 0xffff_ffff, true),
    want: /element 0: data outside/,
  },
  {
    name: "values that overlap",
    change: (_, d) => d.setUint32(element(3, 0, 12), 3900, true),
    want: /page 3: (elements overlap|element)/,
  },
  {
    name: "keys out of order",
    change: (f) => f.fill(0x7a, 4 * PAGE + 69, 4 * PAGE + 70),
    want: /page 4: element 1: keys out of order/,
  },
  {
    name: "keys below the parent's",
    change: (_, d) => d.setUint8(5 * PAGE + 16 + 3 * 16 + 11, 0x34),
    want: /keys below the parent's key/,
  },
  {
    name: "keys above the parent's next",
    change: (_, d) => d.setUint8(5 * PAGE + 16 + 3 * 16 + 17, 0x35),
    want: /keys above the parent's next key/,
  },
  {
    name: "a bucket in a bucket",
    change: (_, d) => d.setUint32(element(3, 0, 0), 1, true),
    want: /element 0: a bucket in a bucket/,
  },
  {
    name: "a bucket that is none",
    change: (_, d) => d.setUint32(element(6, 0, 0), 0, true),
    want: /page 6: element 0: flags 0/,
  },
  {
    name: "a bucket cut short",
    change: (_, d) => d.setUint32(element(6, 0, 12), 5, true),
    want: /page 6: bucket "key" is cut short/,
  },
  {
    name: "an inline bucket without a page",
    change: (_, d) => d.setUint32(6 * PAGE + 35, 0, true),
    want: /page 6: an inline bucket that is cut short/,
  },
];

test("each kind of damage is named with its page", async (t) => {
  for (const { name, change, want } of DAMAGED) {
    await t.test(name, () => {
      const original = small();
      const changed = change(original, view(original));
      const file = changed instanceof Uint8Array ? changed : original;
      assert.throws(
        () => checkIntegrity(memorySource("f", file)),
        (error) => error instanceof DatabaseFileError && want.test(error.message),
      );
    });
  }
});

testWithSeed("whatever bytes are changed, reading ends with the content or a named error", (seed) => {
  const random = new SeededRandom(seed);
  const originals = [
    small(),
    buildDatabase([
      ["alarm", []],
      ["key", entries(3000, 20)],
      ["lease", entries(3, 20_000)],
      ["meta", entries(4, 8)],
    ]),
  ];
  let refused = 0;
  for (let run = 0; run < 3000; run++) {
    const file = originals[run % 2]!.slice();
    for (let changes = 1 + random.below(4); changes > 0; changes--) {
      // Mostly in what gives the file its shape.
      const page = 2 + random.below(file.length / PAGE - 2);
      const at = page * PAGE + (random.below(3) > 0 ? random.below(200) : random.below(PAGE));
      file[at] = random.below(2) === 0 ? random.below(256) : file[at]! ^ (1 << random.below(8));
    }
    try {
      checkIntegrity(memorySource("f", file));
    } catch (error) {
      assert.ok(error instanceof DatabaseFileError, `run ${run}: ${error}`);
      refused++;
    }
  }
  assert.ok(refused > 300, `${refused} refused`);
});
