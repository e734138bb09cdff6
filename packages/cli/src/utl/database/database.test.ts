import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import test from "node:test";
import { Database } from "@quorate/bbolt";
import { takeFlock } from "@quorate/storage/seams/kernel-locks";
import { type Change, etcdutl, makeDatabase, makeSnapshot, scratchDirectory } from "../testing.ts";
import { encodeRevisionKey } from "./buckets.ts";

const CHANGES: readonly Change[] = [
  { put: "a", value: "1" },
  { put: "b", value: "2" },
  { put: "a", value: "3" },
  { delete: "b" },
  { put: "c", value: "4" },
];

/** Bit by bit, as the polynomial says. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** The whole content of a database, in order: names of buckets, keys and values. */
async function contentOf(file: string): Promise<{ bucket: string; key: Buffer; value: Buffer }[]> {
  await using database = await Database.open(file, { readOnly: true });
  using tx = database.beginRead();
  const found: { bucket: string; key: Buffer; value: Buffer }[] = [];
  for (const buckets = tx.cursor(); buckets.next(); ) {
    const bucket = Buffer.from(buckets.key).toString();
    found.push({ bucket, key: Buffer.from(bucket), value: Buffer.alloc(0) });
    for (const entries = tx.bucket(bucket)!.cursor(); entries.next(); )
      found.push({ bucket, key: Buffer.from(entries.key), value: Buffer.from(entries.value!) });
  }
  return found;
}

test("the status of a snapshot counts the keys that are there, and hashes all there is", async (t) => {
  const file = path.join(scratchDirectory(t), "s.db");
  await makeSnapshot(file, { changes: CHANGES });
  const all = (await contentOf(file)).flatMap(({ key, value }) => [key, value]);
  const hash = slowCrc32c(Buffer.concat(all));
  const totalSize = statSync(file).size - 32;
  const { code, stdout } = await etcdutl("snapshot", "status", file, "-w", "json");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), { hash, revision: 6, totalKey: 2, totalSize, version: "3.7.0" });
});

test("a status has the forms that etcdutl has", async (t) => {
  const file = path.join(scratchDirectory(t), "s.db");
  await makeSnapshot(file, { changes: CHANGES, storageVersion: "" });
  const { hash } = JSON.parse((await etcdutl("snapshot", "status", file, "-w", "json")).stdout);
  const of = async (format: string) => (await etcdutl("snapshot", "status", file, "-w", format)).stdout;
  const size = statSync(file).size - 32;
  assert.equal(
    await of("simple"),
    `${hash.toString(16)}, 6, 2, ${size / 1000 > 10 ? Math.round(size / 1000) : size} kB, \n`,
  );
  assert.equal(
    await of("fields"),
    `"Hash" : ${hash}\n"Revision" : 6\n"Keys" : 2\n"Size" : ${size}\n"Version" : \n`,
  );
  assert.match(await of("table"), /│ +HASH +│ REVISION │ TOTAL KEYS │ TOTAL SIZE │ VERSION │\n/);
  const { code, stderr } = await etcdutl("snapshot", "status", file, "-w", "protobuf");
  assert.deepEqual([code, stderr], [4, "Error: protobuf not supported as output format\n"]);
});

test("nothing that only reads changes a byte of a file", async (t) => {
  const file = path.join(scratchDirectory(t), "s.db");
  await makeSnapshot(file, { changes: CHANGES });
  const before = readFileSync(file);
  assert.equal((await etcdutl("snapshot", "status", file)).code, 0);
  assert.equal((await etcdutl("hashkv", file)).code, 0);
  assert.ok(before.equals(readFileSync(file)));
});

const revision = (main: number) => encodeRevisionKey(BigInt(main), 0n);
const finished = (main: number) => ["meta", Buffer.from("finishedCompactRev"), revision(main)] as const;
const scheduled = (main: number) => ["meta", Buffer.from("scheduledCompactRev"), revision(main)] as const;

const hashes = [
  {
    name: "everything up to the revision, nothing being compacted",
    entries: [],
    rev: 4,
    hashed: [2, 3, 4],
    compact: -1,
  },
  { name: "the last revision when none is given", entries: [], rev: 0, hashed: [2, 3, 4, 5, 6], compact: -1 },
  {
    name: "of what is compacted only what is shown",
    entries: [finished(4)],
    rev: 0,
    hashed: [4, 5, 6],
    compact: 4,
  },
  {
    name: "no tombstone of the compacted revision",
    entries: [finished(5)],
    rev: 0,
    hashed: [4, 6],
    compact: 5,
  },
  {
    name: "a compaction that has not ended",
    entries: [finished(3), scheduled(4)],
    rev: 5,
    hashed: [4, 5],
    compact: 4,
  },
  { name: "nothing of a revision before the first", entries: [], rev: -5, hashed: [], compact: -1 },
];
for (const { name, entries, rev, hashed, compact } of hashes) {
  test(`a hash of keys covers ${name}`, async (t) => {
    const file = path.join(scratchDirectory(t), "db");
    await makeDatabase(file, { changes: CHANGES, entries });
    const records = (await contentOf(file)).filter(
      ({ bucket, key }) =>
        bucket === "key" && (key.length < 17 || hashed.includes(Number(key.readBigInt64BE(0)))),
    );
    const hash = slowCrc32c(Buffer.concat(records.flatMap(({ key, value }) => [key, value])));
    const { stdout } = await etcdutl("hashkv", file, `--rev=${rev}`, "-w", "json");
    assert.deepEqual(JSON.parse(stdout), {
      hash,
      hashRevision: rev === 0 ? 6 : rev,
      compactRevision: compact,
    });
  });
}

test("what only a compaction leaves is hashed when no key is shown any more", async (t) => {
  const file = path.join(scratchDirectory(t), "db");
  const changes: Change[] = [{ put: "a" }, { put: "a" }, { delete: "a" }];
  await makeDatabase(file, { changes, entries: [scheduled(3)] });
  const records = (await contentOf(file)).filter(({ bucket, key }) => bucket === "key" && key[7] !== 2);
  const hash = slowCrc32c(Buffer.concat(records.flatMap(({ key, value }) => [key, value])));
  const { stdout } = await etcdutl("hashkv", file);
  assert.equal(stdout, `${hash}, 4, 3\n`);
});

test("revisions that are compacted, or yet to come, have no hash", async (t) => {
  const file = path.join(scratchDirectory(t), "db");
  await makeDatabase(file, { changes: CHANGES, entries: [finished(4)] });
  const of = async (rev: number) => (await etcdutl("hashkv", file, `--rev=${rev}`)).stderr;
  assert.equal(await of(3), "Error: mvcc: required revision has been compacted\n");
  assert.equal(await of(7), "Error: mvcc: required revision is a future revision\n");
});

test("a defragmented database is smaller and has all that it had", async (t) => {
  const directory = scratchDirectory(t);
  const file = path.join(directory, "member/snap/db");
  mkdirSync(path.dirname(file), { recursive: true });
  const changes = Array.from({ length: 2_000 }, (_, i) => ({ put: `key-${i}`, value: "x".repeat(100) }));
  await makeDatabase(file, { changes });
  {
    await using database = await Database.open(file);
    using tx = database.beginWrite();
    for (let i = 0; i < 1_500; i++) tx.bucket("key")!.delete(revision(i + 2));
    await tx.commit();
  }
  const before = { content: await contentOf(file), size: statSync(file).size };
  const { code, stdout, stderr } = await etcdutl("defrag", "--data-dir", directory);
  assert.deepEqual([code, stdout], [0, ""]);
  assert.match(
    stderr,
    /\tfinished defragmenting directory\t\{"path": ".*", "current-db-size-bytes-diff": -\d+/,
  );
  assert.deepEqual(await contentOf(file), before.content);
  assert.ok(statSync(file).size < before.size / 2, `${statSync(file).size} of ${before.size} bytes`);
  assert.deepEqual(readdirSync(path.dirname(file)), ["db"]);
});

test("a database that others have open is waited for, and then left alone", async (t) => {
  const directory = scratchDirectory(t);
  const file = path.join(directory, "member/snap/db");
  mkdirSync(path.dirname(file), { recursive: true });
  await makeDatabase(file, { changes: CHANGES });
  const holder = await open(file, "r");
  t.after(() => holder.close());
  if (takeFlock(holder.fd) !== "taken") return t.skip("no locks of files here");
  for (const line of [
    ["defrag", "--data-dir", directory],
    ["hashkv", file],
    ["snapshot", "status", file],
  ]) {
    const { code, stderr } = await etcdutl(...line, "--timeout", "20ms");
    assert.equal(code, 1, line[0]);
    assert.match(stderr, /timeout: .* has .*db open/, line[0]);
  }
});

test("those who only read do not keep each other out", async (t) => {
  const file = path.join(scratchDirectory(t), "db");
  await makeDatabase(file, { changes: CHANGES });
  const reader = await open(file, "r");
  t.after(() => reader.close());
  if (takeFlock(reader.fd, "shared") !== "taken") return t.skip("no locks of files here");
  assert.equal((await etcdutl("snapshot", "status", file, "--timeout", "20ms")).code, 0);
});

test("a database of a member that is not bbolt's is told from a damaged one", async (t) => {
  const file = path.join(scratchDirectory(t), "db");
  const bytes = Buffer.alloc(8192);
  bytes.writeUInt32LE(0xbeef_c0de, 24);
  writeFileSync(file, bytes);
  const { code, stderr } = await etcdutl("hashkv", file);
  assert.equal(code, 1);
  assert.match(stderr, /^Error: .* has the format of LMDB, which earlier versions of Quorate wrote/);
});

test("all that is wrong with a snapshot is told", async (t) => {
  const directory = scratchDirectory(t);
  const whole = path.join(directory, "whole");
  const changes = Array.from({ length: 500 }, (_, i) => ({ put: `key-${i}`, value: "x".repeat(200) }));
  await makeDatabase(whole, { changes });
  const damaged = path.join(directory, "damaged");
  copyFileSync(whole, damaged);
  const bytes = readFileSync(damaged);
  // The numbers of two pages, by which everybody knows that they are where they belong.
  const places = await leafPages(whole);
  for (const page of places.slice(1, 3)) bytes.writeBigUInt64LE(99_999n, page * 4096);
  writeFileSync(damaged, bytes);
  const { code, stderr } = await etcdutl("snapshot", "status", damaged);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^Error: snapshot file integrity check failed\. 2 errors found\.\n.*page.*\n.*page.*\n$/,
  );
  truncateSync(damaged, 4096 * 3);
  assert.match((await etcdutl("snapshot", "status", damaged)).stderr, /the file has 12288 bytes instead of/);
});

/** Numbers of pages that leaves of a file have. */
async function leafPages(file: string): Promise<number[]> {
  const bytes = readFileSync(file);
  const pages = Array.from({ length: bytes.length / 4096 }, (_, page) => page);
  return pages.filter(
    (page) => bytes.readUInt16LE(page * 4096 + 8) === 2 && bytes.readUInt16LE(page * 4096 + 10) > 8,
  );
}

const contents = [
  {
    name: "a key that is no revision",
    key: Buffer.from("short"),
    value: Buffer.alloc(0),
    error: /invalid revision length: 5/,
  },
  {
    name: "a key with another separator",
    key: Buffer.from(revision(9)).fill(0x2d, 8, 9),
    value: Buffer.alloc(0),
    error: /invalid separator in bucket key: '\\x2d'/,
  },
  {
    name: "a negative revision",
    key: revision(-1),
    value: Buffer.alloc(0),
    error: /negative revision: main=-1 sub=0/,
  },
  {
    name: "a value that is no message",
    key: revision(9),
    value: Buffer.of(0x0a, 9),
    error: /cannot unmarshal value/,
  },
];
for (const { name, key, value, error } of contents) {
  test(`${name} is an error of a status, not of the program`, async (t) => {
    const file = path.join(scratchDirectory(t), "db");
    await makeDatabase(file, { changes: CHANGES, entries: [["key", key, value]] });
    const { code, stdout, stderr } = await etcdutl("snapshot", "status", file);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, error);
  });
}
