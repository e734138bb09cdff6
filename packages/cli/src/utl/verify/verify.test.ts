import assert from "node:assert/strict";
import {
  appendFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import test from "node:test";
import { Database, type WriteTransaction } from "@quorate/bbolt";
import { encodeKeyValue } from "@quorate/wire/hot";
import { encodeRevisionKey, encodeUint64 } from "../database/buckets.ts";
import { etcdutl, makeDatabase, makeSnapshot, quorateUtl, scratchDirectory } from "../testing.ts";
import { Faults } from "./faults.ts";

const CONTENT = { changes: [{ put: "a", value: "1" }, { put: "b", value: "2" }, { delete: "a" }] };

async function change(file: string, write: (tx: WriteTransaction) => void): Promise<void> {
  await using database = await Database.open(file);
  using tx = database.beginWrite();
  write(tx);
  await tx.commit();
}

test("under etcdutl's name there is nothing that etcdutl has not", async () => {
  for (const name of ["check", "verify"]) {
    const { code, stderr } = await etcdutl(name, "--help");
    assert.equal(code, 1);
    assert.match(stderr, /^Error: unknown command/);
    assert.equal((await quorateUtl(name, "--help")).code, 0);
  }
});

test("a sound file is said to be sound", async (t) => {
  const file = path.join(scratchDirectory(t), "db");
  await makeSnapshot(file, CONTENT);
  const { code, stdout } = await quorateUtl("check", file);
  assert.equal(code, 0);
  assert.match(stdout, /db is sound: 10 buckets, 6 entries, 1 keys at revision 4, \d+ kB\n$/);
});

test("a database in the format of earlier versions is called by its name", async (t) => {
  const file = path.join(scratchDirectory(t), "db");
  const lmdb = Buffer.alloc(8192);
  lmdb.writeUInt32LE(0xbeef_c0de, 24);
  writeFileSync(file, lmdb);
  const { code, stderr } = await quorateUtl("check", file);
  assert.equal(code, 1);
  assert.match(stderr, /has the format of LMDB.*etcdctl snapshot save/);
  assert.ok(readFileSync(file).equals(lmdb));
});

const key = (main: number, sub = 0) => encodeRevisionKey(BigInt(main), BigInt(sub));
const put = (created: number, modified: number, version: number, lease = 0n) =>
  encodeKeyValue(Buffer.from("k"), created, modified, version, Buffer.alloc(0), lease);

const contents: readonly { name: string; write: (tx: WriteTransaction) => void; fault: string }[] = [
  {
    name: "a missing bucket",
    write: (tx) => tx.deleteBucket("members"),
    fault: 'there is no bucket "members"',
  },
  {
    name: "an index of another length",
    write: (tx) => tx.bucket("meta")!.put(Buffer.from("consistent_index"), Buffer.alloc(7)),
    fault: "meta: consistent_index has 7 bytes, not 8",
  },
  {
    name: "a version that is none",
    write: (tx) => tx.bucket("meta")!.put(Buffer.from("storageVersion"), Buffer.from("three")),
    fault: 'meta: storageVersion "three" is no version',
  },
  {
    name: "a compaction without a revision",
    write: (tx) => tx.bucket("meta")!.put(Buffer.from("finishedCompactRev"), Buffer.from("4")),
    fault: "meta: finishedCompactRev: invalid revision length: 1",
  },
  {
    name: "a member under another's name",
    write: (tx) => tx.bucket("members")!.put(Buffer.from("ab"), Buffer.from('{"id":172}')),
    fault: "members: ab says that it is ac",
  },
  {
    name: "a lease that is none",
    write: (tx) => tx.bucket("lease")!.put(Buffer.from("x"), Buffer.alloc(0)),
    fault: "lease: a key of 1 bytes",
  },
  {
    name: "a record of another revision",
    write: (tx) => tx.bucket("key")!.put(key(9), put(2, 8, 1)),
    fault: "key: revision 9.0: says that it is of revision 8",
  },
  {
    name: "a key created later",
    write: (tx) => tx.bucket("key")!.put(key(9), put(10, 9, 1)),
    fault: "key: revision 9.0: says that its key was created in revision 10",
  },
  {
    name: "a key without a version",
    write: (tx) => tx.bucket("key")!.put(key(9), put(9, 9, 0)),
    fault: "key: revision 9.0: says that it is version 0",
  },
  {
    name: "a deletion of nothing",
    write: (tx) => tx.bucket("key")!.put(Buffer.concat([key(9), Buffer.from("t")]), Buffer.alloc(0)),
    fault: "key: revision 9.0: deletes nothing",
  },
  {
    name: "two records of one revision",
    write: (tx) => tx.bucket("key")!.put(Buffer.concat([key(3), Buffer.from("t")]), Buffer.from("\x0a\x01b")),
    fault: "key: revision 3.0 has two records",
  },
  {
    name: "a lease that there is none of",
    write: (tx) => tx.bucket("key")!.put(key(9), put(9, 9, 1, 0xabn)),
    fault: 'key: "k" has lease ab, which there is none of',
  },
];
for (const { name, write, fault } of contents) {
  test(`a check finds ${name}`, async (t) => {
    const file = path.join(scratchDirectory(t), "db");
    await makeDatabase(file, CONTENT);
    await change(file, write);
    assert.deepEqual(await quorateUtl("check", file), {
      code: 1,
      stdout: "",
      stderr: `Error: ${file}: 1 faults found\n${fault}\n`,
    });
  });
}

test("the record of a bumped revision is no fault", async (t) => {
  const file = path.join(scratchDirectory(t), "db");
  await makeDatabase(file, CONTENT);
  await change(file, (tx) => tx.bucket("key")!.put(key(1000), new Uint8Array(0)));
  assert.equal((await quorateUtl("check", file)).code, 0);
});

test("of very many faults the first ones are told, and how many there are", () => {
  const faults = new Faults();
  for (let i = 0; i < 1_200; i++) faults.add(`fault ${i}`);
  const lines = faults.text("db").split("\n");
  assert.deepEqual([lines[0], lines[1], lines.at(-1)], ["db: 1200 faults found", "fault 0", "and 200 more"]);
});

const damages: readonly {
  name: string;
  damage: (directory: string) => void | Promise<void>;
  told: RegExp;
}[] = [
  { name: "a log without segments", damage: (d) => rmSync(segmentOf(d)), told: /log: wal: file not found/ },
  { name: "a byte of the log", damage: (d) => flip(segmentOf(d), 150), told: /log: walpb: crc mismatch/ },
  {
    name: "a byte of a snapshot file",
    damage: (d) => flip(snapFileOf(d), 20),
    told: /\.snap: snap: crc mismatch/,
  },
  {
    name: "a database that is ahead of the log",
    damage: (d) =>
      change(databaseOf(d), (tx) =>
        tx.bucket("meta")!.put(Buffer.from("consistent_index"), encodeUint64(8n)),
      ),
    told: /the database is the state after entry 8, and the log ends with entry 3/,
  },
  {
    name: "a database that is behind the log",
    damage: (d) =>
      change(databaseOf(d), (tx) =>
        tx.bucket("meta")!.put(Buffer.from("consistent_index"), encodeUint64(2n)),
      ),
    told: /the database is the state after entry 2, and the log begins after entry 3/,
  },
  {
    name: "a database of another term",
    damage: (d) =>
      change(databaseOf(d), (tx) => tx.bucket("meta")!.put(Buffer.from("term"), encodeUint64(7n))),
    told: /the database says that entry 3 is of term 7, and the log that it is of term 1/,
  },
  {
    name: "another member's log",
    damage: (d) =>
      change(databaseOf(d), (tx) => {
        for (const cursor = tx.bucket("members")!.cursor(); cursor.next(); ) cursor.delete();
      }),
    told: /the log is that of member \w+, of which the database knows nothing/,
  },
];

test("all files of a member are looked at, and whether they belong together", async (t) => {
  const directory = scratchDirectory(t);
  const snapshot = path.join(directory, "s.db");
  await makeSnapshot(snapshot, CONTENT);
  const whole = path.join(directory, "whole");
  const cluster = "default=http://localhost:2380,b=http://localhost:2,c=http://localhost:3";
  const restored = await etcdutl(
    "snapshot",
    "restore",
    snapshot,
    "--data-dir",
    whole,
    "--initial-cluster",
    cluster,
  );
  assert.equal(restored.code, 0, restored.stderr);
  // What is behind the records is empty, and takes long to copy.
  truncateSync(segmentOf(whole), 4096);
  const sound = await quorateUtl("verify", "--data-dir", whole);
  assert.equal(sound.code, 0, sound.stderr);
  assert.match(
    sound.stdout,
    /^.*whole is sound\n.*\nlog: a snapshot at 3, entries to 3, committed to 3, term 1\n/,
  );
  for (const { name, damage, told } of damages) {
    await t.test(`finds ${name}`, async () => {
      const copy = path.join(directory, "copy");
      cpSync(whole, copy, { recursive: true });
      await damage(copy);
      const { code, stdout, stderr } = await quorateUtl("verify", "--data-dir", copy);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, told);
      rmSync(copy, { recursive: true });
    });
  }
  await t.test("says that the last write was cut off, which is no fault", async () => {
    const copy = path.join(directory, "copy");
    cpSync(whole, copy, { recursive: true });
    const bytes = readFileSync(segmentOf(copy));
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
    truncateSync(segmentOf(copy), Math.ceil(end / 8) * 8);
    appendFileSync(segmentOf(copy), Buffer.of(40, 0, 0, 0, 0, 0, 0, 0, 8, 2));
    const { code, stdout, stderr } = await quorateUtl("verify", "--data-dir", copy);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /the last write to the log was cut off/);
  });
});

const databaseOf = (directory: string) => path.join(directory, "member/snap/db");
const segmentOf = (directory: string) =>
  path.join(directory, "member/wal/0000000000000000-0000000000000000.wal");

function snapFileOf(directory: string): string {
  const snap = path.join(directory, "member/snap");
  return path.join(snap, readdirSync(snap).find((name) => name.endsWith(".snap"))!);
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at]! ^= 0x10;
  writeFileSync(file, bytes);
}
