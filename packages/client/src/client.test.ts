import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { CuttingProxy } from "@quorate/testkit/cutting-proxy";
import { freePort } from "@quorate/testkit/ports";
import { Server } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";
import { until } from "@quorate/testkit/wait";
import { Client } from "./client.ts";
import {
  AlarmAction,
  ClientError,
  Code,
  EventType,
  PermissionType,
  WatchCanceled,
  withPrefix,
} from "./index.ts";
import type { Watcher } from "./watch/watcher.ts";

const TIMEOUT = { timeout: 60_000 };
let server: Server;
let client: Client;
before(async () => {
  server = await Server.start({ command: target().command, startTimeoutMs: 120_000 });
  client = new Client({ endpoints: [server.endpoint], requestTimeoutMs: 30_000 });
});
after(async () => {
  client.close();
  await server.stop();
});

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

test("keys are put, read, counted and deleted", TIMEOUT, async () => {
  await client.kv.put({ key: "kv/a", value: "1" });
  const { prevKv } = await client.kv.put({ key: "kv/a", value: "2", prevKv: true });
  assert.equal(text(prevKv?.value), "1");
  assert.equal(text((await client.kv.get("kv/a"))?.value), "2");
  assert.equal(await client.kv.get("kv/none"), undefined);
  assert.equal((await client.kv.range({ ...withPrefix("kv/"), countOnly: true })).count, 1n);
  assert.equal((await client.kv.deleteRange(withPrefix("kv/"))).deleted, 1n);
});

test("a client goes on with other endpoints when it is told of them", TIMEOUT, async () => {
  using before = await CuttingProxy.to(server.clientPort);
  using behind = await CuttingProxy.to(server.clientPort);
  await using moving = new Client({ endpoints: [before.endpoint], requestTimeoutMs: 30_000 });
  await moving.kv.put({ key: "moving", value: "1" });
  moving.replaceEndpoints([before.endpoint, behind.endpoint]);
  await moving.kv.put({ key: "moving", value: "2" });
  assert.deepEqual([before.accepted, behind.accepted], [1, 0]);
  moving.replaceEndpoints([behind.endpoint]);
  before.refusing = true;
  assert.equal(text((await moving.kv.get("moving"))?.value), "2");
  assert.deepEqual([before.accepted, behind.accepted], [1, 1]);
  assert.throws(() => moving.replaceEndpoints(["nowhere"]), TypeError);
});

test("a range comes in several answers when it is asked for as a stream", TIMEOUT, async () => {
  const keys = Array.from({ length: 30 }, (_, i) => `stream/${String(i).padStart(2, "0")}`);
  for (const key of keys) await client.kv.put({ key, value: "x" });
  const seen: string[] = [];
  for await (const { kvs } of client.kv.rangeStream(withPrefix("stream/"))) {
    seen.push(...kvs.map(({ key }) => text(key)));
  }
  assert.deepEqual(seen, keys);
});

test("a transaction takes the branch that its comparisons say", TIMEOUT, async () => {
  const put = (value: string) => ({ requestPut: { key: "txn", value } });
  const compare = [{ key: "txn", target: 1, result: 0, createRevision: 0 }];
  const first = await client.kv.txn({ compare, success: [put("new")], failure: [put("old")] });
  const second = await client.kv.txn({ compare, success: [put("new")], failure: [put("old")] });
  assert.deepEqual([first.succeeded, second.succeeded], [true, false]);
  assert.equal(text((await client.kv.get("txn"))?.value), "old");
});

test("errors of the API are told as they are, others with their code", TIMEOUT, async () => {
  await assert.rejects(client.kv.range({ key: "" }), (error: ClientError) => {
    assert.equal(error.message, "etcdserver: key is not provided");
    assert.equal(error.code, Code.INVALID_ARGUMENT);
    return true;
  });
  assert.equal(
    new ClientError(Code.UNKNOWN, "something else").message,
    "rpc error: code = Unknown desc = something else",
  );
});

test("a request that is larger than allowed is not sent", TIMEOUT, async () => {
  await using small = new Client({ endpoints: [server.endpoint], maxRequestBytes: 100 });
  await assert.rejects(
    small.kv.put({ key: "k", value: "x".repeat(200) }),
    /ResourceExhausted desc = trying to send message larger than max \(20\d vs\. 100\)/,
  );
});

test("nobody listens: a request waits until its deadline, or its signal", TIMEOUT, async () => {
  await using lost = new Client({ endpoints: [`127.0.0.1:${await freePort()}`] });
  await assert.rejects(lost.kv.get("k", { timeoutMs: 50 }), /^ClientError: context deadline exceeded$/);
  const stop = new AbortController();
  const waiting = lost.kv.get("k", { signal: stop.signal });
  stop.abort();
  await assert.rejects(waiting, /^ClientError: context canceled$/);
});

test(
  "when nobody waits any more for the connection that a request begins, its failure is nobody's",
  TIMEOUT,
  async () => {
    for (const options of [{ signal: AbortSignal.abort() }, { timeoutMs: 0 }]) {
      await using lost = new Client({ endpoints: [`127.0.0.1:${await freePort()}`] });
      await assert.rejects(lost.kv.get("k", options), /^ClientError: context/);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  },
);

test("another endpoint takes over, at first and later", TIMEOUT, async () => {
  using one = await CuttingProxy.to(server.clientPort);
  using other = await CuttingProxy.to(server.clientPort);
  const nobody = `127.0.0.1:${await freePort()}`;
  await using both = new Client({ endpoints: [nobody, one.endpoint, `http://${other.endpoint}`] });
  await both.kv.put({ key: "failover", value: "1" });
  assert.equal(one.accepted + other.accepted, 1);
  const used = one.accepted === 1 ? one : other;
  used.refusing = true;
  used.cut();
  assert.equal(text((await both.kv.get("failover"))?.value), "1");
  assert.equal(one.accepted + other.accepted, 2);
});

/** Takes changes from a watcher, one after another. */
function changesOf(watcher: Watcher) {
  const iterator = watcher[Symbol.asyncIterator]();
  return async () => (await iterator.next()).value;
}

test("a watch misses nothing and repeats nothing over lost connections", TIMEOUT, async () => {
  using proxy = await CuttingProxy.to(server.clientPort);
  await using watching = new Client({ endpoints: [proxy.endpoint] });
  const { header } = await client.kv.put({ key: "watch/0", value: "0" });
  const watcher = watching.watch({ ...withPrefix("watch/"), startRevision: header!.revision });
  const seen: string[] = [];
  const watched = (async () => {
    for await (const { events } of watcher) for (const { kv } of events) seen.push(text(kv?.value));
  })();
  for (let i = 1; i <= 30; i++) {
    await client.kv.put({ key: `watch/${i % 3}`, value: String(i) });
    if (i % 10 === 0) proxy.cut();
  }
  await until(() => seen.length > 30);
  watcher.close();
  await watched;
  assert.deepEqual(
    seen,
    Array.from({ length: 31 }, (_, i) => String(i)),
  );
  assert.ok(proxy.accepted >= 2);
});

test("a watch that begins with what comes next goes on there after a loss", TIMEOUT, async () => {
  using proxy = await CuttingProxy.to(server.clientPort);
  await using watching = new Client({ endpoints: [proxy.endpoint] });
  const watcher = watching.watch({ key: "next" });
  const next = changesOf(watcher);
  const first = next();
  await until(() => proxy.accepted === 1);
  // It is there when it answers.
  let progress = 0;
  const asking = setInterval(() => watcher.requestProgress(), 20);
  await first.then((changes) => {
    clearInterval(asking);
    assert.deepEqual(changes?.events, []);
    progress = Number(changes?.header.revision);
  });
  assert.ok(progress > 0);
  proxy.refusing = true;
  proxy.cut();
  await client.kv.put({ key: "next", value: "while away" });
  proxy.refusing = false;
  let changes = await next();
  while (changes?.events.length === 0) changes = await next();
  assert.equal(text(changes?.events[0]?.kv?.value), "while away");
  watcher.close();
});

test("changes in several parts are given as one", TIMEOUT, async () => {
  const { header } = await client.kv.txn({
    success: Array.from({ length: 4 }, (_, i) => ({
      requestPut: { key: `parts/${i}`, value: Buffer.alloc(300_000, 65 + i) },
    })),
  });
  for (let i = 0; i < 4; i++) {
    await client.kv.put({ key: `parts/${i}`, value: Buffer.alloc(1_000_000, 65 + i) });
  }
  const watcher = client.watch({ ...withPrefix("parts/"), startRevision: header!.revision, fragment: true });
  const next = changesOf(watcher);
  let count = 0;
  for (let changes = await next(); ; changes = await next()) {
    const revisions = changes!.events.map(({ kv }) => kv!.modRevision);
    if (revisions[0] === header!.revision)
      assert.equal(revisions.filter((r) => r === header!.revision).length, 4);
    count += revisions.length;
    if (count >= 8) break;
  }
  assert.equal(count, 8);
  watcher.close();
});

test("a watch on what has been compacted ends and says so", TIMEOUT, async () => {
  const { header } = await client.kv.put({ key: "compacted", value: "1" });
  await client.kv.compact({ revision: header!.revision });
  const next = changesOf(client.watch({ key: "compacted", startRevision: 1 }));
  await assert.rejects(next(), (error: WatchCanceled) => {
    assert.ok(error instanceof WatchCanceled);
    assert.equal(error.message, "etcdserver: mvcc: required revision has been compacted");
    assert.equal(error.response?.compactRevision, header!.revision);
    return true;
  });
});

test("a lease is granted, kept alive, asked for and revoked; its keys end with it", TIMEOUT, async () => {
  const { ID, TTL } = await client.lease.grant({ TTL: 60 });
  assert.equal(TTL, 60n);
  await client.kv.put({ key: "leased", value: "x", lease: ID });
  assert.equal((await client.lease.keepAliveOnce(ID)).TTL, 60n);
  const { keys, grantedTTL } = await client.lease.timeToLive({ ID, keys: true });
  assert.deepEqual([keys.map(text), grantedTTL], [["leased"], 60n]);
  assert.ok((await client.lease.list()).leases.some((lease) => lease.ID === ID));
  await client.lease.revoke({ ID });
  assert.equal(await client.kv.get("leased"), undefined);
  await assert.rejects(client.lease.keepAliveOnce(ID), /requested lease not found/);
  const kept: bigint[] = [];
  for await (const response of client.lease.keepAlive(ID)) kept.push(response.TTL);
  assert.deepEqual(kept, []);
});

test("a lease outlives its time, and a lost connection, while it is kept alive", TIMEOUT, async () => {
  using proxy = await CuttingProxy.to(server.clientPort);
  await using keeping = new Client({ endpoints: [proxy.endpoint] });
  const { ID } = await client.lease.grant({ TTL: 2 });
  let answers = 0;
  for await (const { TTL } of keeping.lease.keepAlive(ID)) {
    assert.equal(TTL, 2n);
    if (++answers === 2) proxy.cut();
    if (answers === 5) break;
  }
  assert.equal((await client.lease.timeToLive({ ID })).grantedTTL, 2n);
});

test("members, alarms, status and hashes are asked for", TIMEOUT, async () => {
  const { members } = await client.cluster.listMembers();
  assert.deepEqual(
    members.map(({ name }) => name),
    ["m1"],
  );
  const status = await client.maintenance.status();
  assert.equal(status.leader, members[0]!.ID);
  assert.ok((await client.maintenance.hashKv({})).hash > 0);
  assert.deepEqual((await client.maintenance.alarm({ action: AlarmAction.GET })).alarms, []);
  await client.maintenance.defragment();
});

test("a snapshot comes whole, with its hash at the end", TIMEOUT, async () => {
  const parts: Uint8Array[] = [];
  for await (const { blob } of client.maintenance.snapshot()) parts.push(blob);
  const whole = Buffer.concat(parts);
  assert.equal(whole.length % 512, 32);
  const hash = createHash("sha256").update(whole.subarray(0, -32)).digest();
  assert.deepEqual(whole.subarray(-32), hash);
});

test("a user's token is fetched, and fetched again when it is refused", TIMEOUT, async () => {
  for (const name of ["root", "reader"]) await client.auth.addUser({ name, password: "secret" });
  await client.auth.addRole({ name: "root" });
  await client.auth.grantRole({ user: "root", role: "root" });
  await client.auth.addRole({ name: "reads" });
  await client.auth.grantPermission({ name: "reads", perm: { permType: PermissionType.READ, key: "mine" } });
  await client.auth.grantRole({ user: "reader", role: "reads" });
  await client.auth.enable();
  const as = (user: string, password: string) =>
    new Client({ endpoints: [server.endpoint], credentials: { user, password }, requestTimeoutMs: 30_000 });
  await using root = as("root", "secret");
  await using reader = as("reader", "secret");
  try {
    await root.authenticate();
    await root.kv.put({ key: "mine", value: "1" });
    await assert.rejects(
      reader.kv.put({ key: "mine", value: "2" }),
      /^ClientError: etcdserver: permission denied$/,
    );
    assert.equal(text((await reader.kv.get("mine"))?.value), "1");
    await assert.rejects(client.kv.get("mine"), /user name is empty/);
    await using wrong = as("root", "wrong");
    await assert.rejects(wrong.authenticate(), /authentication failed, invalid user ID or password/);
    const next = changesOf(reader.watch({ key: "mine" }, { requireLeader: true }));
    const change = next();
    // All tokens so far are of an older revision, or gone with the member's memory.
    await server.restart();
    await root.auth.addUser({ name: "another", password: "x" });
    assert.equal(text((await reader.kv.get("mine"))?.value), "1");
    await root.kv.put({ key: "mine", value: "3" });
    assert.equal((await change)?.events[0]?.type, EventType.PUT);
  } finally {
    await root.auth.disable();
  }
});
