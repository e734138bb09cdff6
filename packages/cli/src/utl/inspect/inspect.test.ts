import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { ConfChangeType, type Entry, EntryType, encodeConfChange } from "@quorate/raft";
import { RealDisk } from "@quorate/storage/seams/real-disk";
import { Wal } from "@quorate/storage/wal/wal";
import { encodeInternalRequest, InternalField } from "@quorate/wire/hot";
import {
  AuthUserAddRequest,
  DeleteRangeRequest,
  encodeMessage,
  LeaseGrantRequest,
  PutRequest,
  TxnRequest,
} from "@quorate/wire/messages";
import { etcdutl, makeDatabase, makeSnapshot, quorateUtl, scratchDirectory } from "../testing.ts";

const MEMBER = { nodeId: 0x8e9e05c52164694dn, clusterId: 0xcdf818194e3a8c32n };
const SEGMENT = "0000000000000000-0000000000000000.wal";

const request = (field: number, body: Uint8Array, username = "") =>
  encodeInternalRequest(field, body, 0xabcn, username, 0);
const normal = (data: Uint8Array) => ({ type: EntryType.EntryNormal, data });
const bytes = (text: string) => Buffer.from(text);

const ENTRIES: readonly { entry: Pick<Entry, "type" | "data">; text: string }[] = [
  {
    entry: {
      type: EntryType.EntryConfChange,
      data: encodeConfChange({
        type: ConfChangeType.ConfChangeAddNode,
        nodeId: MEMBER.nodeId,
        context: bytes("{}\u001b"),
      }),
    },
    text: 'add member 8e9e05c52164694d "{}\\x1b"',
  },
  { entry: normal(new Uint8Array(0)), text: "nothing: a leader's first entry" },
  {
    entry: normal(
      request(
        InternalField.put,
        encodeMessage(PutRequest, { key: bytes("a\n"), value: bytes("x".repeat(200)), lease: 255n }),
        "anna",
      ),
    ),
    text: `put "a\\n" = "${"x".repeat(120)}"… (200 bytes) lease 00000000000000ff by user "anna", request abc`,
  },
  {
    entry: normal(
      request(
        InternalField.deleteRange,
        encodeMessage(DeleteRangeRequest, { key: bytes("a"), rangeEnd: bytes("b") }),
      ),
    ),
    text: 'deleteRange "a" to "b", request abc',
  },
  {
    entry: normal(
      request(
        InternalField.txn,
        encodeMessage(TxnRequest, {
          compare: [{ key: bytes("c") }],
          success: [
            { requestPut: { key: bytes("d"), value: bytes("1") } },
            ...Array.from({ length: 12 }, () => ({ requestRange: { key: bytes("r") } })),
          ],
          failure: [
            { requestDeleteRange: { key: bytes("d") } },
            { requestTxn: { success: [], failure: [] } },
          ],
        }),
      ),
    ),
    text: `txn if ["c"] then [put "d" = "1"; ${'range "r"; '.repeat(9)}and 3 more] else [delete "d"; txn of 0], request abc`,
  },
  {
    entry: normal(request(InternalField.leaseGrant, encodeMessage(LeaseGrantRequest, { ID: 16n, TTL: 60n }))),
    text: "leaseGrant lease 0000000000000010 for 60 s, request abc",
  },
  {
    entry: normal(
      request(
        InternalField.authUserAdd,
        encodeMessage(AuthUserAddRequest, { name: "anna", password: "secret", hashedPassword: "$2a$10" }),
      ),
    ),
    text: "authUserAdd (22 bytes), request abc",
  },
  {
    entry: normal(Buffer.from([0x22, 0x7f])),
    text: "cannot be read: ",
  },
];

async function makeLog(directory: string): Promise<void> {
  const wal = await Wal.create(new RealDisk(), directory, MEMBER);
  const entries = ENTRIES.map(({ entry }, i) => ({ ...entry, term: 2, index: i + 1 }));
  wal.save({ term: 2, vote: MEMBER.nodeId, commit: entries.length }, entries);
  await wal.sync();
  await wal.close();
}

test("every record of a log is told, with what its entry has members do", async (t) => {
  const directory = scratchDirectory(t);
  const walDir = path.join(directory, "member/wal");
  mkdirSync(path.dirname(walDir));
  await makeLog(walDir);
  const { code, stdout, stderr } = await quorateUtl("inspect", "wal", directory);
  assert.deepEqual([code, stderr], [0, ""]);
  const [segment, ...lines] = stdout.trimEnd().split("\n");
  assert.equal(segment, SEGMENT);
  const told = lines.map((line) => line.split("\t").slice(1).join(" "));
  const expected = [
    "crc - 00000000",
    "metadata - member 8e9e05c52164694d of cluster cdf818194e3a8c32",
    "snapshot - at entry 0 of term 0",
    ...ENTRIES.map(({ text }, i) => `entry ${i + 1} term 2  ${text}`),
    `state - term 2, voted for 8e9e05c52164694d, committed to ${ENTRIES.length}`,
  ];
  assert.equal(told.length, expected.length);
  for (const [i, line] of told.entries()) assert.ok(line.startsWith(expected[i]!), `${line}\n${expected[i]}`);
  assert.doesNotMatch(stdout, /secret|\$2a/);

  const some = await quorateUtl(
    "inspect",
    "wal",
    "--wal-dir",
    walDir,
    "anywhere",
    "--from",
    "3",
    "--limit",
    "2",
  );
  assert.match(some.stdout, /^\S+\n\d+\tentry\t3\t.*\n\d+\tentry\t4\t.*\nand 5 more\n$/);
});

test("of a damaged log what comes before the damage is told, and where it is", async (t) => {
  const walDir = path.join(scratchDirectory(t), "wal");
  await makeLog(walDir);
  const file = path.join(walDir, SEGMENT);
  const whole = readFileSync(file);
  const at = whole.indexOf("xxxx");
  whole[at] = 0;
  writeFileSync(file, whole);
  const { code, stdout, stderr } = await quorateUtl("inspect", "wal", "--wal-dir", walDir, ".");
  assert.equal(code, 1);
  assert.match(stdout, /\tentry\t2\t.*\n$/);
  assert.match(stderr, /^Error: .*wal.*crc.*\n$/);
});

test("a log that is cut off in its last record says so", async (t) => {
  const walDir = path.join(scratchDirectory(t), "wal");
  await makeLog(walDir);
  const file = path.join(walDir, SEGMENT);
  const whole = readFileSync(file);
  writeFileSync(file, whole.subarray(0, whole.indexOf("anna") + 2));
  const { code, stdout } = await quorateUtl("inspect", "wal", "--wal-dir", walDir, ".");
  assert.equal(code, 0);
  assert.match(stdout, /the last write was cut off \(.*\): a member that starts leaves it out\n$/);
});

const CONTENT = {
  changes: [
    { put: "a/1", value: "x".repeat(50) },
    { put: "a/2", value: "y" },
    { put: "a/2", value: "y" },
    { put: "b c", value: "z".repeat(500) },
    { delete: "b c" },
  ],
  entries: [["lease", Buffer.alloc(8), Buffer.alloc(4)]] as [string, Uint8Array, Uint8Array][],
};

test("buckets are told with their sizes, of a file and of a data directory", async (t) => {
  const directory = scratchDirectory(t);
  mkdirSync(path.join(directory, "member/snap"), { recursive: true });
  const file = path.join(directory, "member/snap/db");
  await makeDatabase(file, CONTENT);
  const { code, stdout } = await quorateUtl("inspect", "buckets", directory);
  assert.equal(code, 0);
  assert.match(stdout, /^ENTRIES\tKEYS\tVALUES\tBUCKET\n/);
  assert.match(stdout, /^5\t86\t\d+\tkey\n1\t8\t4\tlease\n/m);
  assert.deepEqual(await quorateUtl("inspect", "buckets", file), { code, stdout, stderr: "" });
});

test("keys are told with what they take, those that take most first", async (t) => {
  const file = path.join(scratchDirectory(t), "snapshot.db");
  await makeSnapshot(file, CONTENT);
  const told = async (...flags: string[]) => {
    const { code, stdout, stderr } = await quorateUtl("inspect", "keys", file, ...flags);
    assert.deepEqual([code, stderr], [0, ""]);
    return stdout;
  };
  assert.match(
    await told(),
    /^SIZE\tTOTAL\tREVISIONS\tLAST\tKEY\n63\t63\t1\t2\ta\/1\n14\t28\t2\t4\ta\/2\n0\t\d+\t2\t6\t"b c"\n$/,
  );
  assert.match(
    await told("--by", "total", "--limit", "1"),
    /\n0\t\d+\t2\t6\t"b c"\nand 2 more, 91 in all\n$/,
  );
  assert.match(
    await told("--by", "revisions", "--prefix", "a/"),
    /KEY\n14\t28\t2\t4\ta\/2\n63\t63\t1\t2\ta\/1\n$/,
  );
});

const refused = [
  { name: "no file", args: ["keys", "none"], error: /^Error: stat none: no such file or directory\n$/ },
  { name: "no log", args: ["wal", "none"], error: /^Error: .*none\/member\/wal.*\n$/ },
  { name: "two files", args: ["keys", "a", "b"], error: /^Error: accepts 1 arg\(s\), received 2\n/ },
  {
    name: "an order that there is none of",
    args: ["keys", "a", "--by", "age"],
    code: 128,
    error: /--by is size, total or revisions, not "age"/,
  },
];
for (const { name, args, code = 1, error } of refused)
  test(`inspect refuses ${name}`, async () => {
    const result = await quorateUtl("inspect", ...args);
    assert.deepEqual([result.code, result.stdout], [code, ""]);
    assert.match(result.stderr, error);
  });

test("a file that is no database is refused", async (t) => {
  const file = path.join(scratchDirectory(t), "db");
  appendFileSync(file, "not a database ".repeat(1_000));
  for (const what of ["keys", "buckets"]) {
    const { code, stdout, stderr } = await quorateUtl("inspect", what, file);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^Error: .*\n$/);
  }
});

test("under etcdutl's name there is no inspect", async () => {
  assert.match(
    (await etcdutl("inspect", "keys", "x")).stderr,
    /^Error: unknown command "inspect" for "etcdutl"/,
  );
});
