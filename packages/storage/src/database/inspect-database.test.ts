import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { Database } from "@quorate/bbolt";
import { exported } from "../backend/backend-contract.testing.ts";
import { applyEntry } from "../backend/entry-model.testing.ts";
import { MemoryBackend } from "../backend/memory-backend.ts";
import { realClock } from "../seams/real-clock.ts";
import { inspectDatabase } from "./inspect-database.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-inspect-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** A database as members send it, after 500 entries. */
async function sentDatabase(): Promise<Uint8Array> {
  const backend = new MemoryBackend({ clock: realClock, flushMs: 0 });
  for (let index = 1; index <= 500; index++) {
    backend.setConsistentIndex(index, 1);
    applyEntry(index, backend);
    backend.entryApplied();
  }
  return (await exported(backend)).file;
}

test("a sound database tells the last entry that it reflects, and stays as it is", async () => {
  const file = path.join(root, "sound");
  const bytes = await sentDatabase();
  writeFileSync(file, bytes);
  assert.deepEqual(await inspectDatabase(file), { consistentIndex: 500 });
  assert.ok(Buffer.from(bytes).equals(readFileSync(file)));
});

test("a page that is overwritten is a fault with its number", async () => {
  const bytes = await sentDatabase();
  let faults = 0;
  const pages = Math.floor(bytes.length / 4096);
  for (let page = 2; page < pages; page += Math.ceil(pages / 8)) {
    const file = path.join(root, `damaged-${page}`);
    const damaged = Buffer.from(bytes);
    damaged.fill(0, page * 4096, (page + 1) * 4096);
    writeFileSync(file, damaged);
    const found = await inspectDatabase(file);
    if (!("fault" in found)) continue;
    assert.match(found.fault, new RegExp(`${file} is invalid at page \\d+ `));
    faults++;
  }
  assert.ok(faults > 2, `${faults} faults`);
});

const revision = Buffer.from("00000000000000025f0000000000000000", "hex");
type Buckets = readonly [name: string, entries: readonly [Uint8Array, Uint8Array][]][];

const CONTENT: { name: string; buckets: Buckets; want: RegExp }[] = [
  {
    name: "a key that is no revision",
    buckets: [["key", [[Buffer.from("k"), Buffer.from("v")]]]],
    want: /is invalid at page \d+ \(offset \d+\): a key of bucket key is no revision/,
  },
  {
    name: "a put and a deletion in one",
    buckets: [
      [
        "key",
        [
          [revision, Buffer.from("v")],
          [Buffer.concat([revision, Buffer.from("t")]), Buffer.from("v")],
        ],
      ],
    ],
    want: /two records of revision 2\.0/,
  },
  {
    name: "an index beyond what can be counted",
    buckets: [["meta", [[Buffer.from("consistent_index"), Buffer.alloc(8, 0xff)]]]],
    want: /consistent_index is no index/,
  },
];

for (const { name, buckets, want } of CONTENT) {
  test(`${name} is a fault`, async () => {
    const file = path.join(root, name);
    await using database = await Database.open(file);
    const tx = database.beginWrite();
    for (const [bucket, entries] of buckets)
      for (const [key, value] of entries) tx.createBucketIfAbsent(bucket).put(key, value);
    await tx.commit();
    assert.match(((await inspectDatabase(file)) as { fault: string }).fault, want);
  });
}

for (const [what, length] of [
  ["cut short", 40_000],
  ["empty", 0],
] as const) {
  test(`a database that is ${what} is a fault`, async () => {
    const file = path.join(root, what);
    writeFileSync(file, (await sentDatabase()).subarray(0, length));
    assert.match(((await inspectDatabase(file)) as { fault: string }).fault, /is invalid at page/);
  });
}

test("one that cannot be read is no fault of its content", async () => {
  await assert.rejects(inspectDatabase(path.join(root, "none")), /ENOENT/);
});
