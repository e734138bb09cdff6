import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { takeFlock } from "@quorate/storage/seams/kernel-locks";
import { Member } from "./member.ts";
import { connect, get, put } from "./testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-member-test-"));
after(() => rmSync(root, { recursive: true, force: true }));
let directories = 0;
const newDirectory = () => path.join(root, String(directories++));

test("what was put is there after a restart, and the member is the same one", async () => {
  const dataDir = newDirectory();
  let first: string | undefined;
  for (let life = 1; life <= 3; life++) {
    const member = await Member.start({ dataDir });
    const client = await connect(member);
    await put(client, "k", `life ${life}`);
    const { header, kvs, count } = await get(client, "k");
    assert.equal(count, 1n);
    assert.equal(Buffer.from(kvs[0]!.value).toString(), `life ${life}`);
    assert.equal(kvs[0]!.version, BigInt(life));
    first ??= `${header!.clusterId} ${header!.memberId}`;
    assert.equal(`${header!.clusterId} ${header!.memberId}`, first);
    client.close();
    await member.close();
  }
});

test("the log is shortened on the way, and a restart needs only what is left", async () => {
  const dataDir = newDirectory();
  const options = { dataDir, snapshotCount: 100, snapshotCatchupEntries: 10 };
  const member = await Member.start(options);
  const client = await connect(member);
  for (let round = 0; round < 4; round++) {
    await Promise.all(Array.from({ length: 200 }, (_, i) => put(client, `k${i}`, `${round}`)));
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  client.close();
  await member.close();
  await using again = await Member.start(options);
  const reader = await connect(again);
  const { header, kvs } = await get(reader, "k199");
  assert.equal(header!.revision, 801n);
  assert.equal(Buffer.from(kvs[0]!.value).toString(), "3");
  reader.close();
});

test("a second process on the same data, and a port in use, are refused with a clear error", async () => {
  const dataDir = newDirectory();
  await using member = await Member.start({ dataDir });
  await assert.rejects(Member.start({ dataDir }), /lock|in use|held/i);
  const taken = member.clientUrls[0]!;
  await assert.rejects(
    Member.start({ dataDir: newDirectory(), listenClientUrls: [taken] }),
    /cannot listen on http:\/\/127\.0\.0\.1:\d+: the address is already in use/,
  );
});

test("two members on one log, and one on a database that an etcd has open, are refused; nothing is changed", async () => {
  const [dataDir, other, walDir] = [newDirectory(), newDirectory(), newDirectory()];
  const member = await Member.start({ dataDir, walDir });
  await assert.rejects(Member.start({ dataDir: other, walDir }), /lock\.tmp is locked by this process/);
  await member.close();
  await assert.rejects(Member.start({ dataDir: other, walDir }), /a new member needs a --wal-dir of its own/);

  const database = path.join(dataDir, "member/snap/db");
  const before = readFileSync(database);
  const theirs = openSync(database, "r+");
  assert.equal(takeFlock(theirs), "taken");
  await assert.rejects(Member.start({ dataDir, walDir }), /snap\/db is locked by/);
  closeSync(theirs);
  assert.equal(before.equals(readFileSync(database)), true);
  await (await Member.start({ dataDir, walDir })).close();
});

test("a database in the format of earlier versions is refused with what helps, and nothing is changed or held", async () => {
  const dataDir = newDirectory();
  await (await Member.start({ dataDir })).close();
  const database = path.join(dataDir, "member/snap/db");
  const lmdb = Buffer.alloc(8192);
  lmdb.writeUInt32LE(0xbeef_c0de, 24);
  rmSync(`${database}.sums`);
  writeFileSync(database, lmdb);
  const names = readdirSync(dataDir, { recursive: true }).sort();
  for (let i = 0; i < 2; i++) {
    await assert.rejects(Member.start({ dataDir }), /has the format of LMDB.*etcdctl snapshot save/);
    assert.ok(readFileSync(database).equals(lmdb));
    assert.deepEqual(readdirSync(dataDir, { recursive: true }).sort(), names);
  }
});

test("while a member runs, other programs find its database and its log locked", async () => {
  const dataDir = newDirectory();
  const member = await Member.start({ dataDir });
  const client = await connect(member);
  const wal = path.join(dataDir, "member/wal");
  const segment = readdirSync(wal).find((name) => name.endsWith(".wal"))!;
  const files = [path.join(dataDir, "member/snap/db"), path.join(wal, segment)];
  const held = () => files.map((file) => withFile(file, takeFlock));
  assert.deepEqual(held(), ["held", "held"]);
  // The file that takes the database's place is held, too.
  await client.unary("/etcdserverpb.Maintenance/Defragment", new Uint8Array(0));
  assert.deepEqual(held(), ["held", "held"]);
  client.close();
  await member.close();
  assert.deepEqual(held(), ["taken", "taken"]);
});

function withFile<Result>(file: string, use: (fd: number) => Result): Result {
  const fd = openSync(file, "r+");
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

test("a new member must find itself in its initial cluster", async () => {
  await assert.rejects(
    Member.start({
      dataDir: newDirectory(),
      name: "a",
      initialCluster: [{ name: "b", peerUrls: ["http://x:1"] }],
    }),
    /couldn't find local name "a" in the initial cluster configuration/,
  );
});

test("the HTTP side answers on the same port", async () => {
  await using member = await Member.start({ dataDir: newDirectory() });
  const url = member.clientUrls[0]!;
  const answers: [path: string, status: number, body: string][] = [
    ["/version", 200, '{"etcdserver":"3.7.3","etcdcluster":"3.7.0","storage":"3.7.0"}'],
    ["/health", 200, '{"health":"true","reason":""}'],
    ["/livez", 200, "ok\n"],
    [
      "/readyz?verbose&exclude=non_learner",
      200,
      "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\nok\n",
    ],
    ["/readyz/linearizable_read", 200, "ok\n"],
    ["/readyz/nope", 404, "404 page not found\n"],
    ["/nope", 404, "404 page not found\n"],
  ];
  for (const [target, status, body] of answers) {
    const response = await fetch(url + target);
    assert.deepEqual([response.status, await response.text()], [status, body], target);
  }
  const posted = await fetch(`${url}/health`, { method: "POST" });
  assert.deepEqual([posted.status, posted.headers.get("allow")], [405, "GET"]);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /^etcd_server_has_leader 1$/m);
  assert.match(metrics, /^etcd_server_health_success 1$/m);
  const kv = await fetch(`${url}/v3/kv/put`, { method: "POST", body: '{"key":"Zm9v","value":"YmFy"}' });
  assert.equal(kv.status, 200);
});

test("the metrics tell what turns of the loop have cost at most since they were read last", async () => {
  await using member = await Member.start({ dataDir: newDirectory() });
  const url = member.clientUrls[0]!;
  const client = await connect(member);
  for (let i = 0; i < 20; i++) await put(client, `key${i}`, "v".repeat(100_000));
  const costs = async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const cost = (work: string) =>
      Number(new RegExp(`^quorate_turn_work_most_bytes\\{work="${work}"\\} (\\d+)$`, "m").exec(metrics)![1]);
    return [cost("reading"), cost("applying"), cost("background"), cost("leases")];
  };
  await costs();
  const body = JSON.stringify({ key: "AA==", range_end: "AA==" });
  const range = await fetch(`${url}/v3/kv/range`, { method: "POST", body });
  assert.match(await range.text(), /"count":"20"/);
  const [reading, ...others] = await costs();
  assert.ok(reading! > 100_000, `${reading}`);
  assert.deepEqual([...others, ...(await costs())], [0, 0, 0, 0, 0, 0, 0]);
});

test("closing twice is closing once, and ends calls under way", async () => {
  const member = await Member.start({ dataDir: newDirectory() });
  const client = await connect(member);
  await put(client, "a", "b");
  const closed = client.closed;
  await Promise.all([member.close(), member.close()]);
  await closed;
  await assert.rejects(put(client, "a", "c"));
  await member.close();
});
