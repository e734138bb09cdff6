import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import test from "node:test";
import { Database } from "@quorate/bbolt";
import { decodeConfChange } from "@quorate/raft";
import { RealDisk } from "@quorate/storage/seams/real-disk";
import { loadNewestSnapFile } from "@quorate/storage/snap/snap-directory";
import { readWal } from "@quorate/storage/wal/recovery";
import { findStart } from "@quorate/storage/wal/snapshot-records";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { encodeRevisionKey } from "../database/buckets.ts";
import { type DatabaseContent, etcdutl, makeDatabase, makeSnapshot, scratchDirectory } from "../testing.ts";

const CONTENT: DatabaseContent = {
  changes: [{ put: "a", value: "1" }, { put: "b", value: "2" }, { delete: "a" }],
  entries: [
    ["members", Buffer.from("abc"), Buffer.from('{"id":2748,"peerURLs":["http://old:1"]}')],
    ["members_removed", Buffer.from("def"), Buffer.from("removed")],
    ["lease", Buffer.alloc(8, 1), Buffer.of(8, 1, 16, 60)],
    ["alarm", Buffer.of(8, 1, 16, 1), Buffer.alloc(0)],
  ],
};
const CLUSTER = "a=http://localhost:1,b=http://localhost:2,c=http://localhost:3";
const IDENTITY = [
  "--name",
  "b",
  "--initial-cluster",
  CLUSTER,
  "--initial-advertise-peer-urls",
  "http://localhost:2",
];

async function bucketText(dataDir: string, bucket: string): Promise<[string, string][]> {
  await using database = await Database.open(path.join(dataDir, "member/snap/db"), { readOnly: true });
  using tx = database.beginRead();
  const found: [string, string][] = [];
  for (const cursor = tx.bucket(bucket)!.cursor(); cursor.next(); )
    found.push([Buffer.from(cursor.key).toString("latin1"), Buffer.from(cursor.value!).toString("latin1")]);
  return found;
}

test("a restored directory is that of a new cluster's member that has applied its first entries", async (t) => {
  const directory = scratchDirectory(t);
  const snapshot = path.join(directory, "s.db");
  await makeSnapshot(snapshot, CONTENT);
  const before = readFileSync(snapshot);
  const dataDir = path.join(directory, "data");
  const { code, stdout, stderr } = await etcdutl(
    "snapshot",
    "restore",
    snapshot,
    "--data-dir",
    dataDir,
    ...IDENTITY,
  );
  assert.deepEqual([code, stdout], [0, ""], stderr);
  assert.equal(stderr.match(/\tadded member\t/g)?.length, 3);
  assert.ok(before.equals(readFileSync(snapshot)));
  assert.deepEqual(readdirSync(path.join(dataDir, "member")), ["snap", "wal"]);
  assert.deepEqual(readdirSync(path.join(dataDir, "member/snap")), [
    "0000000000000001-0000000000000003.snap",
    "db",
  ]);
  assert.deepEqual(readdirSync(path.join(dataDir, "member/wal")), ["0000000000000000-0000000000000000.wal"]);

  const disk = new RealDisk();
  const wal = path.join(dataDir, "member/wal");
  const { snapshot: start } = await findStart(disk, wal);
  const { content } = await readWal(disk, wal, { index: 0, term: 0 });
  const changes = content.entries.map(({ data }) => decodeConfChange(data));
  const ids = changes.map(({ nodeId }) => nodeId);
  assert.deepEqual(
    ids,
    ids.toSorted((a, b) => (a < b ? -1 : 1)),
  );
  assert.deepEqual([start.index, start.term, start.confState?.voters], [3, 1, ids]);
  assert.deepEqual(content.hardState, { term: 1, vote: ids[0], commit: 3 });
  const snap = await loadNewestSnapFile(disk, path.join(dataDir, "member/snap"));
  assert.deepEqual(snap.content.confState.voters, ids);

  const members = await bucketText(dataDir, "members");
  assert.deepEqual(members.map(([id]) => id).sort(), ids.map((id) => id.toString(16)).sort());
  const contexts = changes.map(({ context }) => Buffer.from(context!).toString());
  assert.deepEqual(members.map(([, json]) => json).sort(), contexts.toSorted());
  assert.equal(
    content.metadata!.nodeId,
    ids.find((_, i) => contexts[i]!.includes('"name":"b"')) ?? content.metadata!.nodeId,
  );
  assert.deepEqual(await bucketText(dataDir, "members_removed"), []);
  assert.equal((await bucketText(dataDir, "lease")).length, 1);
  assert.equal((await bucketText(dataDir, "alarm")).length, 1);
  const meta = Object.fromEntries(await bucketText(dataDir, "meta"));
  assert.deepEqual([meta.consistent_index, meta.term], ["\0\0\0\0\0\0\0\x03", "\0\0\0\0\0\0\0\x01"]);
});

test("the IDs are etcd's", async (t) => {
  const directory = scratchDirectory(t);
  const snapshot = path.join(directory, "s.db");
  await makeSnapshot(snapshot, CONTENT);
  const { stderr } = await etcdutl(
    "snapshot",
    "restore",
    snapshot,
    "--data-dir",
    path.join(directory, "data"),
  );
  assert.match(stderr, /"cluster-id": "cdf818194e3a8c32".*"added-peer-id": "8e9e05c52164694d"/);
});

test("a bumped revision has a record without a key, and all before it are compacted", async (t) => {
  const directory = scratchDirectory(t);
  const snapshot = path.join(directory, "s.db");
  await makeSnapshot(snapshot, CONTENT);
  const dataDir = path.join(directory, "data");
  const bump = ["--bump-revision", "1000", "--mark-compacted"];
  assert.equal((await etcdutl("snapshot", "restore", snapshot, "--data-dir", dataDir, ...bump)).code, 0);
  const bumped = Buffer.from(encodeRevisionKey(1004n, 0n)).toString("latin1");
  assert.deepEqual((await bucketText(dataDir, "key")).at(-1), [bumped, ""]);
  assert.equal(Object.fromEntries(await bucketText(dataDir, "meta")).scheduledCompactRev, bumped);
  const tooFar = [
    "--bump-revision",
    "9223372036854775807",
    "--mark-compacted",
    "--data-dir",
    path.join(directory, "far"),
  ];
  const { code, stderr } = await etcdutl("snapshot", "restore", snapshot, ...tooFar);
  assert.equal(code, 1);
  assert.match(stderr, /Error: --bump-revision: revision 9223372036854775811 is beyond the last one/);
  assert.ok(!existsSync(path.join(directory, "far")));
});

test("the log may lie elsewhere, and an empty directory may be there", async (t) => {
  const directory = scratchDirectory(t);
  const snapshot = path.join(directory, "s.db");
  await makeSnapshot(snapshot, CONTENT);
  const [dataDir, walDir] = [path.join(directory, "data"), path.join(directory, "logs/of/wal")];
  mkdirSync(dataDir);
  const inode = statSync(dataDir).ino;
  const line = ["snapshot", "restore", snapshot, "--data-dir", dataDir, "--wal-dir", walDir];
  assert.equal((await etcdutl(...line)).code, 0);
  assert.equal(statSync(dataDir).ino, inode, "it may be where a volume is mounted");
  assert.deepEqual(readdirSync(path.join(dataDir, "member")), ["snap"]);
  assert.deepEqual(readdirSync(path.dirname(walDir)), ["wal"]);
  assert.deepEqual(await etcdutl(...line), {
    code: 1,
    stdout: "",
    stderr: `Error: data-dir ${JSON.stringify(dataDir)} not empty or could not be read\n`,
  });
  const other = [
    "snapshot",
    "restore",
    snapshot,
    "--data-dir",
    path.join(directory, "other"),
    "--wal-dir",
    walDir,
  ];
  assert.equal((await etcdutl(...other)).stderr, `Error: wal-dir ${JSON.stringify(walDir)} exists\n`);
});

const refused = [
  { flags: ["--name", "x"], error: `couldn't find local name "x" in the initial cluster configuration` },
  {
    flags: ["--initial-cluster", "default=http://a"],
    error: 'URL address does not have the form "host:port": http://a',
  },
  { flags: ["--initial-advertise-peer-urls", ""], error: "URL scheme must be http, https, unix, or unixs: " },
  {
    flags: ["--initial-cluster", "default=http://localhost:2380,b=http://localhost:2380"],
    error: "initial cluster b=http://localhost:2380,default=http://localhost:2380 has duplicate url",
  },
  {
    flags: ["--initial-advertise-peer-urls", "http://localhost:1"],
    error:
      "--initial-cluster has default=http://localhost:2380 but missing from " +
      '--initial-advertise-peer-urls=http://localhost:1 (resolved urls: "http://localhost:1" != "http://localhost:2380")',
  },
];
for (const { flags, error } of refused) {
  test(`${flags.join(" ")} makes no cluster`, async (t) => {
    const directory = scratchDirectory(t);
    const snapshot = path.join(directory, "s.db");
    await makeSnapshot(snapshot, CONTENT);
    const dataDir = path.join(directory, "data");
    assert.deepEqual(await etcdutl("snapshot", "restore", snapshot, "--data-dir", dataDir, ...flags), {
      code: 1,
      stdout: "",
      stderr: `Error: ${error}\n`,
    });
    assert.ok(!existsSync(dataDir));
  });
}

interface Damage {
  readonly name: string;
  readonly damage: (file: string) => void | Promise<void>;
  readonly flags?: readonly string[];
  readonly error: RegExp;
}

const SKIP = ["--skip-hash-check"];
const damages: readonly Damage[] = [
  {
    name: "without its sum",
    damage: (file) => truncateSync(file, statSync(file).size - 32),
    error: /snapshot missing hash/,
  },
  { name: "cut in the middle", damage: (file) => truncateSync(file, 9_000), error: /snapshot missing hash/ },
  {
    name: "cut by a page",
    damage: (file) => truncateSync(file, statSync(file).size - 4096),
    error: /expected sha256 \[\d+ .*\], got \[\d+ /,
  },
  {
    name: "cut, and taken without its sum",
    damage: (file) => truncateSync(file, 9_000),
    flags: SKIP,
    error: /the file has 9000 bytes instead of/,
  },
  { name: "with a byte that is another one", damage: (file) => flip(file, 5_000), error: /expected sha256/ },
  { name: "empty", damage: (file) => truncateSync(file, 0), error: /seek .*: invalid argument/ },
  {
    name: "empty, and taken without its sum",
    damage: (file) => truncateSync(file, 0),
    flags: SKIP,
    error: /seek .*: invalid argument/,
  },
  {
    name: "of noise",
    damage: (file) => writeFileSync(file, Buffer.alloc(8192, 0xa5)),
    flags: SKIP,
    error: /is invalid at page 0/,
  },
  {
    name: "of another program",
    damage: async (file) => {
      rmSync(file);
      await (await Database.open(file)).close();
    },
    flags: SKIP,
    error: /no database of etcd's: it has no bucket "meta"/,
  },
];
for (const { name, damage, flags = [], error } of damages) {
  test(`a snapshot ${name} is refused, and nothing is left of the restore`, async (t) => {
    const directory = scratchDirectory(t);
    const snapshot = path.join(directory, "s.db");
    await makeSnapshot(snapshot, CONTENT);
    await damage(snapshot);
    const { code, stderr } = await etcdutl(
      "snapshot",
      "restore",
      snapshot,
      "--data-dir",
      path.join(directory, "x/data"),
      ...flags,
    );
    assert.equal(code, 1);
    assert.match(stderr.split("\n").at(-2)!, error);
    assert.deepEqual(readdirSync(directory), ["s.db"]);
  });
}

test("what another restore is making stays as it is", async (t) => {
  const directory = scratchDirectory(t);
  const snapshot = path.join(directory, "s.db");
  await makeSnapshot(snapshot, CONTENT);
  const [dataDir, walDir] = [path.join(directory, "data"), path.join(directory, "wal")];
  const theirs = `${walDir}.unfinished`;
  mkdirSync(theirs);
  writeFileSync(path.join(theirs, "0"), "");
  const line = ["snapshot", "restore", snapshot, "--data-dir", dataDir, "--wal-dir", walDir];
  const { code, stderr } = await etcdutl(...line);
  assert.equal(code, 1);
  assert.match(stderr, /Error: .*wal\.unfinished exists: a restore is under way, or one was cut off/);
  assert.deepEqual(readdirSync(theirs), ["0"]);
  assert.deepEqual(readdirSync(directory), ["s.db", "wal.unfinished"]);
});

test("a directory is no snapshot", async (t) => {
  const directory = scratchDirectory(t);
  const { code, stderr } = await etcdutl(
    "snapshot",
    "restore",
    directory,
    "--data-dir",
    path.join(directory, "data"),
  );
  assert.equal(code, 1);
  assert.match(stderr, /Error: read .*: is a directory\n$/);
});

testWithSeed(
  "a snapshot with any bytes changed is restored or refused, and never ends the program",
  async (seed, t) => {
    const random = new SeededRandom(seed);
    const directory = scratchDirectory(t);
    const whole = path.join(directory, "whole");
    await makeDatabase(whole, CONTENT);
    const bytes = readFileSync(whole);
    const rounds = searchRuns(8, 300);
    for (let i = 0; i < rounds; i++) {
      const copy = Buffer.from(bytes);
      for (let flips = random.below(4) + 1; flips > 0; flips--)
        copy[random.below(copy.length)]! ^= 1 << random.below(8);
      const file = path.join(directory, "damaged");
      writeFileSync(file, copy);
      const dataDir = path.join(directory, `data-${i}`);
      const { code, stderr } = await etcdutl(
        "snapshot",
        "restore",
        file,
        "--data-dir",
        dataDir,
        "--skip-hash-check",
      );
      assert.equal(existsSync(dataDir), code === 0, `round ${i}: ${stderr}`);
      assert.ok(code === 0 || /^Error: .+/m.test(stderr), `round ${i}: ${stderr}`);
      for (const line of [
        ["snapshot", "status", file],
        ["hashkv", file],
      ]) {
        const told = await etcdutl(...line);
        assert.ok(told.code === 0 || /^Error: .+/m.test(told.stderr), `round ${i}: ${told.stderr}`);
      }
    }
  },
);

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at]! ^= 0x10;
  writeFileSync(file, bytes);
}
