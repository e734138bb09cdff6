import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AlarmAction, Client, Code, EventType, PermissionType, Session, withPrefix } from "@quorate/client";
import { GrpcClient } from "@quorate/rpc/client";
import { CuttingProxy } from "@quorate/testkit/cutting-proxy";
import { Server } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";
import { until } from "@quorate/testkit/wait";
import {
  decodeMessage,
  type Event,
  encodeMessage,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LockRequest,
  LockResponse,
  UnlockRequest,
} from "@quorate/wire/messages";
import { metricOf, type StartedProxy, startProxy } from "./testing.ts";

const TIMEOUT = { timeout: 120_000 };
const PATIENT = { requestTimeoutMs: 60_000, connectTimeoutMs: 30_000 };
let server: Server;
let direct: Client;
before(async () => {
  server = await Server.start({ command: target().command, startTimeoutMs: 120_000 });
  direct = new Client({ endpoints: [server.endpoint], ...PATIENT });
});
after(async () => {
  direct.close();
  await server.stop();
});

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

function clientOf(t: { after(end: () => void): void }, { endpoint }: StartedProxy): Client {
  const client = new Client({ endpoints: [endpoint], ...PATIENT });
  t.after(() => client.close());
  return client;
}

async function serializable(client: Client, key: string): Promise<string> {
  return text((await client.kv.range({ key, serializable: true })).kvs[0]?.value);
}

test("keys are put, read, deleted and compared through the proxy", TIMEOUT, async (t) => {
  const client = clientOf(t, await startProxy(t, [server.endpoint]));
  await client.kv.put({ key: "kv/a", value: "1" });
  const { prevKv } = await client.kv.put({ key: "kv/a", value: "2", prevKv: true });
  assert.equal(text(prevKv?.value), "1");
  assert.equal(text((await client.kv.get("kv/a"))?.value), "2");
  const compare = [{ key: "kv/a", target: 3, result: 0, value: "2" }];
  const { succeeded } = await client.kv.txn({
    compare,
    success: [{ requestPut: { key: "kv/b", value: "3" } }],
  });
  assert.equal(succeeded, true);
  assert.equal((await direct.kv.range({ ...withPrefix("kv/"), countOnly: true })).count, 2n);
  assert.equal((await client.kv.deleteRange(withPrefix("kv/"))).deleted, 2n);
});

test("errors of members are those of the proxy", TIMEOUT, async (t) => {
  const client = clientOf(t, await startProxy(t, [server.endpoint], { maxSendBytes: 1_000 }));
  await assert.rejects(client.kv.put({ key: "", value: "1" }), {
    code: Code.INVALID_ARGUMENT,
    details: "etcdserver: key is not provided",
  });
  await assert.rejects(client.kv.put({ key: "a", value: Buffer.alloc(2_000) }), {
    code: Code.RESOURCE_EXHAUSTED,
    details: /^trying to send message larger than max \(\d+ vs\. 1000\)$/,
  });
  const stream = client.kv.rangeStream({ key: "a" })[Symbol.asyncIterator]();
  await assert.rejects(stream.next(), {
    code: Code.UNIMPLEMENTED,
    details: "RangeStream is not supported by the gRPC proxy",
  });
  await assert.rejects(client.cluster.promoteMember({ ID: 1n }), { details: "not implemented" });
});

test(
  "serializable reads are answered from the cache until somebody writes through the proxy",
  TIMEOUT,
  async (t) => {
    const started = await startProxy(t, [server.endpoint]);
    const client = clientOf(t, started);
    await client.kv.put({ key: "cache/a", value: "1" });
    await client.kv.get("cache/a");
    await direct.kv.put({ key: "cache/a", value: "2" });
    assert.equal(await serializable(client, "cache/a"), "1");
    assert.equal(await metricOf(started, "etcd_grpc_proxy_cache_hits_total"), 1);
    assert.equal(text((await client.kv.get("cache/a"))?.value), "2");
    await client.kv.put({ key: "cache/a", value: "3" });
    assert.equal(await serializable(client, "cache/a"), "3");
    const lease = await client.lease.grant({ TTL: 600 });
    await client.kv.put({ key: "cache/leased", value: "1", lease: lease.ID });
    assert.equal(await serializable(client, "cache/leased"), "1");
    await client.lease.revoke({ ID: lease.ID });
    assert.equal(await serializable(client, "cache/leased"), "");
  },
);

test("with a namespace clients see nothing else, and their own keys without it", TIMEOUT, async (t) => {
  const client = clientOf(t, await startProxy(t, [server.endpoint], { namespace: "ns/" }));
  await direct.kv.put({ key: "nsa", value: "outside" });
  await direct.kv.put({ key: "ns0", value: "outside" });
  const { ID: lease } = await client.lease.grant({ TTL: 600 });
  await direct.kv.put({ key: "elsewhere", value: "x", lease });
  const watcher = client
    .watch({ key: "\0", rangeEnd: "\0", prevKv: true, startRevision: 1 })
    [Symbol.asyncIterator]();
  await client.kv.put({ key: "a", value: "1", lease });
  assert.equal(text((await direct.kv.get("ns/a"))?.value), "1");
  const { kvs } = await client.kv.range({ key: "\0", rangeEnd: "\0" });
  assert.deepEqual(
    kvs.map(({ key }) => text(key)),
    ["a"],
  );
  const { keys } = await client.lease.timeToLive({ ID: lease, keys: true });
  assert.deepEqual(keys.map(text), ["a"]);
  const nested = { requestTxn: { success: [{ requestRange: { key: "a" } }] } };
  const compare = [{ key: "a", target: 3, result: 0, value: "1" }];
  const { succeeded, responses } = await client.kv.txn({ compare, success: [nested] });
  const found = responses[0]?.responseTxn?.responses[0]?.responseRange?.kvs[0];
  assert.deepEqual([succeeded, text(found?.key)], [true, "a"]);
  assert.equal((await client.kv.deleteRange({ key: "\0", rangeEnd: "\0" })).deleted, 1n);
  const events: Event[] = [];
  while (events.length < 2) events.push(...(await watcher.next()).value!.events);
  assert.deepEqual(
    events.map(({ type, kv, prevKv }) => [type, text(kv?.key), text(prevKv?.key)]),
    [
      [EventType.PUT, "a", ""],
      [EventType.DELETE, "a", "a"],
    ],
  );
  await assert.rejects(client.kv.get(""), { details: "etcdserver: key is not provided" });
  assert.equal(text((await direct.kv.get("nsa"))?.value), "outside");
});

test(
  "many keep-alives of a lease are one, each client gets its answer, and hears when the lease is lost",
  TIMEOUT,
  async (t) => {
    const { endpoint } = await startProxy(t, [server.endpoint]);
    const { ID } = await direct.lease.grant({ TTL: 600 });
    const answered: bigint[][] = [];
    const clients = await Promise.all(
      Array.from({ length: 3 }, () => GrpcClient.connect({ address: endpoint })),
    );
    t.after(() => clients.forEach((client) => void client.close()));
    const streams = clients.map((client, i) => {
      answered[i] = [];
      const stream = client.stream("/etcdserverpb.Lease/LeaseKeepAlive");
      stream.onMessage = (message) => answered[i]!.push(decodeMessage(LeaseKeepAliveResponse, message).TTL);
      return stream;
    });
    const askAll = () => {
      for (const stream of streams) stream.send(encodeMessage(LeaseKeepAliveRequest, { ID }));
    };
    askAll();
    streams[0]!.send(encodeMessage(LeaseKeepAliveRequest, { ID }));
    await until(() => answered[0]!.length === 2 && answered[1]!.length === 1 && answered[2]!.length === 1);
    assert.deepEqual(answered.flat(), [600n, 600n, 600n, 600n]);
    await direct.lease.revoke({ ID });
    askAll();
    await until(() => answered.flat().length === 7);
    assert.deepEqual(
      answered.flatMap((each) => each.slice(-1)),
      [0n, 0n, 0n],
    );
    const ended = Promise.withResolvers<number>();
    streams[0]!.onEnd = ({ code }) => ended.resolve(code);
    streams[0]!.halfClose();
    assert.equal(await ended.promise, Code.OK);
  },
);

test("clients are told of the proxies that are registered, for as long as those live", TIMEOUT, async (t) => {
  const registry = { prefix: "proxies", ttlSeconds: 60 };
  const first = await startProxy(t, [server.endpoint], { registry, advertiseUrl: "p1:1", name: "one" });
  const second = await startProxy(t, [server.endpoint], { registry, advertiseUrl: "p2:2", name: "two" });
  const client = clientOf(t, first);
  const listed = async () => {
    const { members } = await client.cluster.listMembers();
    return members.map(({ name, clientURLs }) => `${name} ${clientURLs}`).sort();
  };
  await until(async () => (await listed()).length === 2);
  assert.deepEqual(await listed(), ["one p1:1", "two p2:2"]);
  assert.equal(
    text((await direct.kv.get("proxies/p1:1"))?.value),
    '{"Op":0,"Addr":"p1:1","Metadata":"{\\"name\\":\\"one\\"}"}',
  );
  await second.proxy.close();
  await until(async () => (await listed()).length === 1);
  assert.deepEqual(await listed(), ["one p1:1"]);
  assert.deepEqual(await direct.kv.get("proxies/p2:2"), undefined);
});

test(
  "without a registry the proxy tells of itself, and of the members when it has no URL",
  TIMEOUT,
  async (t) => {
    const own = clientOf(t, await startProxy(t, [server.endpoint], { advertiseUrl: "p:1", name: "me" }));
    const [only, ...others] = (await own.cluster.listMembers()).members;
    assert.deepEqual([only?.name, only?.clientURLs, only?.ID, others.length], ["me", ["p:1"], 0n, 0]);
    const plain = clientOf(t, await startProxy(t, [server.endpoint]));
    assert.deepEqual(
      (await plain.cluster.listMembers()).members,
      (await direct.cluster.listMembers()).members,
    );
  },
);

test("snapshots, status, locks and elections come from a member", TIMEOUT, async (t) => {
  const { endpoint, ...started } = await startProxy(t, [server.endpoint]);
  const client = clientOf(t, { endpoint, ...started });
  let bytes = 0;
  for await (const { blob } of client.maintenance.snapshot()) bytes += blob.length;
  assert.ok(bytes > 10_000, `${bytes}`);
  assert.equal((await client.maintenance.status()).version, (await direct.maintenance.status()).version);
  assert.deepEqual((await client.maintenance.alarm({ action: AlarmAction.GET })).alarms, []);
  const raw = await GrpcClient.connect({ address: endpoint });
  t.after(() => raw.close());
  const session = await Session.open(client);
  const lock = encodeMessage(LockRequest, { name: "lock", lease: session.lease });
  const { key } = decodeMessage(LockResponse, await raw.unary("/v3lockpb.Lock/Lock", lock));
  assert.match(text(key), /^lock\//);
  await raw.unary("/v3lockpb.Lock/Unlock", encodeMessage(UnlockRequest, { key }));
  assert.equal(await direct.kv.get(key), undefined);
  await session.close();
});

test("many who read slowly what members send hold up nobody", TIMEOUT, async (t) => {
  const { endpoint, ...started } = await startProxy(t, [server.endpoint]);
  const client = clientOf(t, { endpoint, ...started });
  for (let i = 0; i < 8; i++) await direct.kv.put({ key: `large/${i}`, value: Buffer.alloc(1_000_000, i) });
  const slow = await Promise.all(
    Array.from({ length: 12 }, () => GrpcClient.connect({ address: endpoint, connectTimeoutMs: 60_000 })),
  );
  t.after(() => slow.forEach((each) => void each.close()));
  const begun = slow.map(async (each) => {
    const stream = each.stream("/etcdserverpb.Maintenance/Snapshot");
    const first = new Promise<void>((resolve) => {
      stream.onMessage = () => {
        stream.pauseReading();
        resolve();
      };
    });
    stream.send(new Uint8Array(0));
    stream.halfClose();
    await first;
  });
  await Promise.all(begun);
  await client.kv.put({ key: "beside", value: "1" });
  assert.equal(text((await client.kv.get("beside"))?.value), "1");
});

test("health and metrics are told of the members and of the proxy", TIMEOUT, async (t) => {
  const started = await startProxy(t, [server.endpoint]);
  const at = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`http://${started.endpoint}${path}`, init);
    return [response.status, await response.text()] as const;
  };
  assert.deepEqual(await at("/health"), [200, '{"health":"true","reason":""}']);
  assert.deepEqual(await at("/proxy/health"), [
    503,
    '{"health":"false","reason":"no connection to proxy"}\n',
  ]);
  assert.deepEqual(await at("/health", { method: "POST" }), [405, "Method Not Allowed\n"]);
  assert.deepEqual(await at("/version"), [404, "404 page not found\n"]);
  assert.match((await at("/metrics"))[1], /^etcd_server_has_leader 1$/m);
  assert.match((await at("/proxy/metrics"))[1], /^# TYPE etcd_grpc_proxy_events_coalescing_total counter$/m);
  const { port } = await started.proxy.listenForMetrics({ host: "127.0.0.1", port: 0 });
  assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200);
});

test("the proxy's own health is what a client of it sees", TIMEOUT, async (t) => {
  const lost = await startProxy(t, ["127.0.0.1:1"], { advertiseUrl: "127.0.0.1:1" });
  const response = await fetch(`http://${lost.endpoint}/health`);
  assert.equal(response.status, 503);
  assert.match(await response.text(), /^\{"health":"false","reason":"GET ERROR:/);
});

test("each user reads what it may, and nothing that another one has read", TIMEOUT, async (t) => {
  const member = await Server.start({ command: target().command, startTimeoutMs: 120_000 });
  t.after(() => member.stop());
  const started = await startProxy(t, [member.endpoint]);
  const open = clientOf(t, started);
  await open.kv.put({ key: "secret", value: "1" });
  assert.equal(await serializable(open, "secret"), "1");
  for (const name of ["root", "reader", "other"]) {
    await open.auth.addUser({ name, password: "p" });
    await open.auth.addRole({ name });
    await open.auth.grantRole({ user: name, role: name });
  }
  const perm = { permType: PermissionType.READWRITE, key: "secret" };
  await open.auth.grantPermission({ name: "reader", perm });
  await open.auth.enable();
  const as = (user: string) => {
    const client = new Client({
      endpoints: [started.endpoint],
      credentials: { user, password: "p" },
      ...PATIENT,
    });
    t.after(() => client.close());
    return client;
  };
  // It had been kept while everybody might read it.
  await assert.rejects(serializable(open, "secret"), { details: "etcdserver: user name is empty" });
  const [reader, other] = [as("reader"), as("other")];
  const seen = reader.watch({ key: "secret" })[Symbol.asyncIterator]();
  const first = seen.next();
  assert.equal(await serializable(reader, "secret"), "1");
  assert.equal(await serializable(reader, "secret"), "1");
  await assert.rejects(serializable(other, "secret"), { details: "etcdserver: permission denied" });
  await assert.rejects(other.watch({ key: "secret" })[Symbol.asyncIterator]().next(), {
    message: /permission denied/,
  });
  await until(async () => (await metricOf(started, "quorate_grpc_proxy_upstream_watches")) === 1);
  await reader.kv.put({ key: "secret", value: "2" });
  assert.equal(text((await first).value?.events[0]?.kv?.value), "2");
});

test("members are asked where they listen, and the first endpoint may go", TIMEOUT, async (t) => {
  const first = await CuttingProxy.to(server.clientPort);
  t.after(() => first[Symbol.dispose]());
  const started = await startProxy(t, [first.endpoint], { endpointsSyncMs: 20 });
  const client = clientOf(t, started);
  await client.kv.put({ key: "sync", value: "1" });
  await until(() => started.lines.includes("endpoints of the cluster have changed"));
  first.refusing = true;
  first.cut();
  assert.equal(text((await client.kv.get("sync"))?.value), "1");
  await client.kv.put({ key: "sync", value: "2" });
});

test("a member that is not there is passed over, and the next one asked", TIMEOUT, async (t) => {
  const client = clientOf(t, await startProxy(t, ["127.0.0.1:1", server.endpoint], { ordered: true }));
  await client.kv.put({ key: "over", value: "1" });
  assert.equal(await serializable(client, "over"), "1");
});
