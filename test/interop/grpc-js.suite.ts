/**
 * The protocol itself, spoken through @grpc/grpc-js with a codec of the suites' own: what the comfortable clients
 * hide. Status codes and texts, exact response fields, fragments, progress, back-pressure, bad messages.
 */
import assert from "node:assert/strict";
import http2 from "node:http2";
import { after, before, beforeEach, describe, test } from "node:test";
import grpc from "@grpc/grpc-js";
import { Etcd, EtcdError, failureOf, prefixEnd, type Stream } from "@quorate/testkit/grpc";
import {
  CompareTarget,
  EventType,
  SortOrder,
  SortTarget,
  type WatchCreateInput,
  type WatchResponse,
} from "@quorate/testkit/messages";
import { Server } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";

const Code = grpc.status;

describe("@grpc/grpc-js", () => {
  let server: Server;
  let etcd: Etcd;
  let prefix = "";
  let prefixes = 0;
  before(async () => {
    server = await Server.start({ command: target().command });
    etcd = new Etcd(server.endpoint);
  });
  beforeEach(() => {
    prefixes += 1;
    prefix = `t${prefixes}/`;
  });
  after(async () => {
    etcd.close();
    await server.stop();
  });

  async function revisionOf(
    response: Promise<{ header: { revision: number } | undefined }>,
  ): Promise<number> {
    return (await response).header!.revision;
  }

  const failures: {
    name: string;
    call: () => Promise<unknown>;
    code: number;
    details: string | RegExp;
  }[] = [
    {
      name: "a put without key",
      call: () => etcd.put({ value: "v" }),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: key is not provided",
    },
    {
      name: "a range without key",
      call: () => etcd.range({}),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: key is not provided",
    },
    {
      name: "a delete without key",
      call: () => etcd.deleteRange({}),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: key is not provided",
    },
    {
      name: "a put with value and ignore_value",
      call: () => etcd.put({ key: "k", value: "v", ignore_value: true }),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: value is provided",
    },
    {
      name: "a put with lease and ignore_lease",
      call: () => etcd.put({ key: "k", lease: 1, ignore_lease: true }),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: lease is provided",
    },
    {
      name: "ignore_value of a missing key",
      call: () => etcd.put({ key: "missing", ignore_value: true }),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: key not found",
    },
    {
      name: "a put with an unknown lease",
      call: () => etcd.put({ key: "k", lease: 4711 }),
      code: Code.NOT_FOUND,
      details: "etcdserver: requested lease not found",
    },
    {
      name: "a sort order outside the enum",
      call: () => etcd.range({ key: "k", sort_order: 7 }),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: invalid sort option",
    },
    {
      name: "a sort target outside the enum",
      call: () => etcd.range({ key: "k", sort_target: 9 }),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: invalid sort option",
    },
    {
      name: "a future revision",
      call: () => etcd.range({ key: "k", revision: 1n << 50n }),
      code: Code.OUT_OF_RANGE,
      details: "etcdserver: mvcc: required revision is a future revision",
    },
    {
      name: "the largest revision",
      call: () => etcd.range({ key: "k", revision: (1n << 63n) - 1n }),
      code: Code.OUT_OF_RANGE,
      details: "etcdserver: mvcc: required revision is a future revision",
    },
    {
      name: "compaction of the future",
      call: () => etcd.compact({ revision: 1n << 50n }),
      code: Code.OUT_OF_RANGE,
      details: "etcdserver: mvcc: required revision is a future revision",
    },
    {
      name: "an op with nothing set",
      call: () => etcd.txn({ success: [{}] }),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: key not found",
    },
    {
      name: "a compare without key",
      call: () => etcd.txn({ compare: [{}] }),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: key is not provided",
    },
    {
      name: "a key put twice",
      call: () => etcd.txn({ success: [{ request_put: { key: "k" } }, { request_put: { key: "k" } }] }),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: duplicate key given in txn request",
    },
    {
      name: "129 operations",
      call: () => etcd.txn({ success: Array.from({ length: 129 }, () => ({ request_range: { key: "k" } })) }),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: too many operations in txn request",
    },
    {
      name: "a nested txn without budget",
      call: () =>
        etcd.txn({
          success: [
            ...Array.from({ length: 127 }, () => ({ request_range: { key: "k" } })),
            { request_txn: { success: [{ request_range: { key: "k" } }] } },
          ],
        }),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: too many operations in txn request",
    },
    {
      name: "revoking an unknown lease",
      call: () => etcd.leaseRevoke({ ID: 4711 }),
      code: Code.NOT_FOUND,
      details: "etcdserver: requested lease not found",
    },
    {
      name: "a lease of more than 9000000000 s",
      call: () => etcd.leaseGrant({ TTL: 9_000_000_001 }),
      code: Code.OUT_OF_RANGE,
      details: "etcdserver: too large lease TTL",
    },
    {
      name: "a stream range with a sort order",
      call: () => etcd.rangeStream({ key: "k", sort_order: SortOrder.DESCEND }),
      code: Code.UNIMPLEMENTED,
      details: "RangeStream does not support custom sort orders",
    },
    {
      name: "a stream range with a revision filter",
      call: () => etcd.rangeStream({ key: "k", min_mod_revision: 1 }),
      code: Code.UNIMPLEMENTED,
      details: /RangeStream does not support revision filters/,
    },
    {
      name: "a value above the request limit",
      call: () => etcd.put({ key: "key", value: Buffer.alloc(1_572_839) }),
      code: Code.INVALID_ARGUMENT,
      details: "etcdserver: request is too large",
    },
    {
      name: "a message above the receive limit",
      call: () => etcd.put({ key: "key", value: Buffer.alloc(2_200_000) }),
      code: Code.RESOURCE_EXHAUSTED,
      details: /grpc: received message larger than max \(22000\d\d vs\. 2097152\)/,
    },
    {
      name: "an unknown method",
      call: () => etcd.raw("/etcdserverpb.KV/Nothing", Buffer.alloc(0)),
      code: Code.UNIMPLEMENTED,
      details: "unknown method Nothing for service etcdserverpb.KV",
    },
    {
      name: "an unknown service",
      call: () => etcd.raw("/nothing.Nothing/Nothing", Buffer.alloc(0)),
      code: Code.UNIMPLEMENTED,
      details: "unknown service nothing.Nothing",
    },
    {
      name: "a message that is not protobuf",
      call: () => etcd.raw("/etcdserverpb.KV/Put", Buffer.from("ff", "hex")),
      code: Code.INTERNAL,
      details: /grpc: error unmarshalling request/,
    },
  ];
  for (const { name, call, code, details } of failures) {
    test(`${name} is refused as etcd refuses it`, async () => {
      const failure = await failureOf(call());
      if (typeof details === "string") assert.deepEqual(failure, { code, details });
      else {
        assert.match(failure.details, details);
        assert.equal(failure.code, code);
      }
    });
  }

  test("a value of the largest allowed size passes", async () => {
    await etcd.put({ key: "key", value: Buffer.alloc(1_572_837, 7) });
    assert.equal((await etcd.range({ key: "key" })).kvs[0]?.value.length, 1_572_837);
  });

  test("unknown fields of a request are ignored", async () => {
    const key = Buffer.from(`${prefix}k`);
    const request = Buffer.concat([Buffer.from([0x0a, key.length]), key, Buffer.from([0xf8, 0x07, 0x01])]);
    await etcd.raw("/etcdserverpb.KV/Put", request);
    assert.equal((await etcd.range({ key })).count, 1);
  });

  test("headers name cluster and member, and the revision of a write is its own", async () => {
    const before = (await etcd.range({ key: prefix })).header!;
    const first = (await etcd.put({ key: `${prefix}a` })).header!;
    assert.equal(first.revision, before.revision + 1);
    assert.equal(first.cluster_id, before.cluster_id);
    assert.equal(first.member_id, before.member_id);
    assert.notEqual(first.cluster_id, 0n);
    assert.ok(first.raft_term > 0n);
    const members = await etcd.memberList({});
    assert.equal(members.members[0]?.ID, first.member_id);
  });

  test("headers inside a txn's responses carry only a revision", async () => {
    const response = await etcd.txn({
      success: [
        { request_put: { key: `${prefix}a` } },
        { request_txn: { success: [{ request_range: { key: `${prefix}a` } }] } },
      ],
    });
    const put = response.responses[0]!.response_put!.header!;
    assert.deepEqual([put.cluster_id, put.member_id, put.raft_term], [0n, 0n, 0n]);
    assert.equal(put.revision, response.header!.revision);
    const nested = response.responses[1]!.response_txn!;
    assert.deepEqual(nested.header, { cluster_id: 0n, member_id: 0n, revision: 0, raft_term: 0n });
    assert.equal(nested.responses[0]!.response_range!.header!.revision, response.header!.revision);
  });

  test("count is the total before limit and filters; more is about the filtered rest", async () => {
    let first = 0;
    for (const key of ["a", "b", "c", "d"]) {
      const revision = await revisionOf(etcd.put({ key: prefix + key, value: key }));
      first ||= revision;
    }
    const range = { key: prefix, range_end: prefixEnd(prefix) };
    const limited = await etcd.range({ ...range, limit: 2 });
    assert.deepEqual([limited.kvs.length, limited.count, limited.more], [2, 4, true]);
    const filtered = await etcd.range({ ...range, limit: 2, min_mod_revision: first + 2 });
    assert.deepEqual([filtered.kvs.length, filtered.count, filtered.more], [2, 4, false]);
    const none = await etcd.range({ ...range, max_mod_revision: 1 });
    assert.deepEqual([none.kvs.length, none.count, none.more], [0, 4, false]);
  });

  test("a sort target without order sorts only the first limit + 1 keys", async () => {
    for (const [key, value] of [
      ["a", "3"],
      ["b", "2"],
      ["c", "1"],
    ] as const)
      await etcd.put({ key: prefix + key, value });
    const range = { key: prefix, range_end: prefixEnd(prefix), limit: 1, sort_target: SortTarget.VALUE };
    assert.equal((await etcd.range(range)).kvs[0]?.value.toString(), "2");
    assert.equal(
      (await etcd.range({ ...range, sort_order: SortOrder.ASCEND })).kvs[0]?.value.toString(),
      "1",
    );
  });

  test("a compare of the wrong union member compares to zero", async () => {
    await etcd.put({ key: `${prefix}k`, value: "v" });
    const compare = { key: `${prefix}k`, target: CompareTarget.VERSION, value: "1" };
    assert.equal((await etcd.txn({ compare: [compare] })).succeeded, false);
    assert.equal((await etcd.txn({ compare: [{ ...compare, result: 1 }] })).succeeded, true);
  });

  test("delete from key, then put behind it, in one txn", async () => {
    await etcd.put({ key: "\u{10ffff}a", value: "1" });
    const response = await etcd.txn({
      success: [
        { request_delete_range: { key: "\u{10ffff}", range_end: Buffer.from([0]) } },
        { request_put: { key: "\u{10ffff}b", value: "2" } },
      ],
    });
    assert.equal(response.responses[0]?.response_delete_range?.deleted, 1);
    const left = await etcd.range({ key: "\u{10ffff}", range_end: Buffer.from([0]) });
    assert.deepEqual(
      left.kvs.map((kv) => kv.value.toString()),
      ["2"],
    );
  });

  test("RangeStream chunks add up to the unary answer, with the header in the last", async () => {
    for (let i = 0; i < 100; i++)
      await etcd.put({ key: `${prefix}${String(i).padStart(3, "0")}`, value: Buffer.alloc(40_000, i) });
    const range = { key: prefix, range_end: prefixEnd(prefix) };
    const unary = await etcd.range(range);
    const chunks = (await etcd.rangeStream(range)).map((chunk) => chunk.range_response!);
    assert.ok(chunks.length > 1);
    assert.deepEqual(
      chunks.flatMap((chunk) => chunk.kvs),
      unary.kvs,
    );
    for (const chunk of chunks.slice(0, -1))
      assert.deepEqual([chunk.header, chunk.count, chunk.more], [undefined, 0, false]);
    const last = chunks.at(-1)!;
    assert.deepEqual([last.header, last.count, last.more], [unary.header, unary.count, unary.more]);
  });

  test("a deadline that has passed, and a cancelled call, leave the connection usable", async () => {
    const failure = await failureOf(etcd.put({ key: prefix }, { deadlineMs: 0 }));
    assert.equal(failure.code, Code.DEADLINE_EXCEEDED);
    const stream = etcd.watch();
    stream.cancel();
    assert.equal((await stream.failure())?.code, Code.CANCELLED);
    await etcd.put({ key: prefix });
  });

  test("gzip-compressed requests are understood", async () => {
    const gzip = new Etcd(server.endpoint, { "grpc.default_compression_algorithm": 2 });
    await gzip.put({ key: `${prefix}z`, value: "z".repeat(10_000) });
    assert.equal((await gzip.range({ key: `${prefix}z` })).kvs[0]?.value.length, 10_000);
    gzip.close();
  });

  test("an unknown compression is refused as unimplemented", async () => {
    const session = http2.connect(`http://${server.endpoint}`);
    const stream = session.request({
      ":method": "POST",
      ":path": "/etcdserverpb.KV/Range",
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-encoding": "nonsense",
    });
    stream.end(Buffer.from([1, 0, 0, 0, 1, 0]));
    const status = await new Promise((resolve, reject) => {
      stream.on(
        "response",
        (headers) => headers["grpc-status"] !== undefined && resolve(headers["grpc-status"]),
      );
      stream.on("trailers", (headers) => resolve(headers["grpc-status"]));
      stream.on("error", reject);
      stream.resume();
    });
    assert.equal(String(status), String(Code.UNIMPLEMENTED));
    session.close();
  });

  test("health service and status", async () => {
    const answer = await etcd.raw("/grpc.health.v1.Health/Check", Buffer.alloc(0));
    assert.deepEqual([...answer], [8, 1]);
    const status = await etcd.status({});
    assert.equal(status.version, "3.7.3");
    assert.equal(status.storageVersion, "3.7.0");
    assert.equal(status.leader, status.header!.member_id);
    assert.equal(status.isLearner, false);
    assert.ok(status.raftAppliedIndex <= status.raftIndex);
    assert.equal(status.dbSizeQuota, 2_147_483_648);
  });

  test("HTTP endpoints share the port", async () => {
    const health = await fetch(`http://${server.endpoint}/health`);
    assert.deepEqual(await health.json(), { health: "true", reason: "" });
    const version = (await (await fetch(`http://${server.endpoint}/version`)).json()) as Record<
      string,
      string
    >;
    assert.equal(version.etcdserver, "3.7.3");
    assert.equal(version.etcdcluster, "3.7.0");
    const put = await fetch(`http://${server.endpoint}/v3/kv/put`, {
      method: "POST",
      body: JSON.stringify({ key: Buffer.from(`${prefix}json`).toString("base64"), value: "dg==" }),
    });
    assert.equal(put.status, 200);
    assert.equal((await etcd.range({ key: `${prefix}json` })).kvs[0]?.value.toString(), "v");
  });

  type WatchStream = ReturnType<Etcd["watch"]>;

  async function created(stream: WatchStream, request: WatchCreateInput): Promise<WatchResponse> {
    stream.send({ create_request: request });
    return stream.next();
  }

  test("watch ids: the server counts from 0, skips taken ones and refuses duplicates", async () => {
    const stream = etcd.watch();
    assert.equal((await created(stream, { key: prefix, watch_id: 1 })).watch_id, 1n);
    const duplicate = await created(stream, { key: prefix, watch_id: 1 });
    assert.deepEqual(
      [duplicate.watch_id, duplicate.created, duplicate.canceled, duplicate.cancel_reason],
      [-1n, true, true, "mvcc: duplicate watch ID provided on the WatchStream"],
    );
    assert.equal((await created(stream, { key: prefix })).watch_id, 0n);
    assert.equal((await created(stream, { key: prefix })).watch_id, 2n);
    stream.cancel();
  });

  test("watch refusals: negative revision and empty range", async () => {
    const stream = etcd.watch();
    const negative = await created(stream, { key: prefix, start_revision: -1 });
    assert.deepEqual(
      [negative.created, negative.canceled, negative.cancel_reason, negative.compact_revision],
      [true, true, "etcdserver: mvcc: required revision has been compacted", 0],
    );
    const empty = await created(stream, { key: "b", range_end: "a" });
    assert.equal(empty.cancel_reason, "mvcc: watcher range is empty");
    assert.equal((await created(stream, { key: prefix })).canceled, false);
    stream.cancel();
  });

  test("cancel is answered once and ends the events", async () => {
    const stream = etcd.watch();
    await created(stream, { key: prefix, range_end: prefixEnd(prefix) });
    stream.send({ cancel_request: { watch_id: 99 } });
    stream.send({ cancel_request: { watch_id: 0 } });
    const answer = await stream.next();
    assert.deepEqual(
      [answer.watch_id, answer.canceled, answer.created, answer.cancel_reason],
      [0n, true, false, ""],
    );
    await etcd.put({ key: `${prefix}a` });
    stream.send({ cancel_request: { watch_id: 0 } });
    assert.equal(await stream.poll(300), undefined);
    stream.cancel();
  });

  test("a half-closed stream goes on delivering", async () => {
    const stream = etcd.watch();
    await created(stream, { key: prefix });
    stream.call.end();
    await etcd.put({ key: prefix, value: "1" });
    assert.equal((await stream.next()).events[0]?.kv?.value.toString(), "1");
    stream.cancel();
  });

  test("a caught-up watcher gets each revision in its own response with that revision", async () => {
    const stream = etcd.watch();
    await created(stream, { key: prefix, range_end: prefixEnd(prefix), prev_kv: true });
    const revisions = [];
    for (const value of ["1", "2", "3"])
      revisions.push(await revisionOf(etcd.put({ key: `${prefix}k`, value })));
    revisions.push(await revisionOf(etcd.deleteRange({ key: `${prefix}k` })));
    for (const [i, revision] of revisions.entries()) {
      const response = await stream.next();
      assert.equal(response.header!.revision, revision);
      assert.equal(response.events.length, 1);
      const event = response.events[0]!;
      assert.equal(event.kv!.mod_revision, revision);
      assert.equal(event.type, i === 3 ? EventType.DELETE : EventType.PUT);
      assert.equal(event.prev_kv?.value.toString(), i === 0 ? undefined : String(i));
      if (i === 3) {
        const { key, ...rest } = event.kv!;
        assert.equal(key.toString(), `${prefix}k`);
        assert.deepEqual(rest, {
          create_revision: 0,
          mod_revision: revision,
          version: 0,
          value: Buffer.alloc(0),
          lease: 0n,
        });
      }
    }
    stream.cancel();
  });

  test("history comes in batches of at most 1000 revisions", async () => {
    const first = await revisionOf(etcd.put({ key: prefix }));
    for (let i = 0; i < 60; i++)
      await Promise.all(Array.from({ length: 20 }, () => etcd.put({ key: prefix })));
    const stream = etcd.watch();
    await created(stream, { key: prefix, start_revision: first });
    const sizes: number[] = [];
    let next = first;
    while (next < first + 1201) {
      const response = await stream.next();
      sizes.push(response.events.length);
      for (const event of response.events) assert.equal(event.kv!.mod_revision, next++);
    }
    assert.deepEqual(sizes, [1000, 201]);
    stream.cancel();
  });

  test("fragments are contiguous, marked, and below the limit", async () => {
    const value = Buffer.alloc(500_000, 1);
    const ops = Array.from({ length: 9 }, (_, i) => ({ request_put: { key: `${prefix}${i}`, value } }));
    const first = await revisionOf(etcd.put({ key: `${prefix}z` }));
    for (const op of ops) await etcd.put(op.request_put);
    const stream = etcd.watch();
    await created(stream, {
      key: prefix,
      range_end: prefixEnd(prefix),
      start_revision: first,
      fragment: true,
    });
    const parts: WatchResponse[] = [];
    do parts.push(await stream.next());
    while (parts.at(-1)!.fragment);
    assert.ok(parts.length > 1);
    assert.equal(parts.flatMap((part) => part.events).length, 10);
    for (const part of parts) {
      assert.deepEqual(part.header, parts[0]!.header);
      const bytes = part.events.reduce((sum, event) => sum + event.kv!.value.length, 0);
      assert.ok(bytes < 2_097_152);
    }
    stream.cancel();
  });

  test("without the flag a large response is whole", async () => {
    const first = await revisionOf(etcd.put({ key: `${prefix}a` }));
    for (let i = 0; i < 9; i++) await etcd.put({ key: `${prefix}b${i}`, value: Buffer.alloc(500_000) });
    const stream = etcd.watch();
    await created(stream, { key: prefix, range_end: prefixEnd(prefix), start_revision: first });
    const response = await stream.next();
    assert.equal(response.fragment, false);
    assert.equal(response.events.length, 10);
    stream.cancel();
  });

  test("a watcher below the compaction is created, then cancelled with the compact revision", async () => {
    const first = await revisionOf(etcd.put({ key: prefix, value: "1" }));
    const second = await revisionOf(etcd.put({ key: prefix, value: "2" }));
    await etcd.compact({ revision: second, physical: true });
    const stream = etcd.watch();
    assert.equal((await created(stream, { key: prefix, start_revision: first })).created, true);
    const cancel = await stream.next();
    assert.deepEqual(
      [
        cancel.canceled,
        cancel.created,
        cancel.compact_revision,
        cancel.cancel_reason,
        cancel.header!.revision,
      ],
      [true, false, second, "", 0],
    );
    const duplicate = await created(stream, { key: prefix, watch_id: 1 });
    assert.equal(duplicate.watch_id, 1n);
    stream.send({ cancel_request: { watch_id: 0 } });
    const again = await stream.next();
    assert.deepEqual([again.watch_id, again.canceled, again.compact_revision], [0n, true, 0]);
    stream.cancel();
  });

  test("requested progress comes for the whole stream, after the events it covers", async () => {
    const stream = etcd.watch();
    await created(stream, { key: prefix });
    await created(stream, { key: `${prefix}x` });
    const revision = await revisionOf(etcd.put({ key: prefix }));
    assert.equal((await stream.next()).events.length, 1);
    let progress: WatchResponse | undefined;
    for (let i = 0; i < 50 && progress === undefined; i++) {
      stream.send({ progress_request: {} });
      progress = await stream.poll(200);
    }
    assert.deepEqual(
      [progress?.watch_id, progress?.events.length, progress?.created, progress?.canceled],
      [-1n, 0, false, false],
    );
    assert.ok(progress!.header!.revision >= revision);
    stream.cancel();
  });

  test("a stream without watchers does not answer a progress request", async () => {
    const stream = etcd.watch();
    stream.send({ progress_request: {} });
    assert.equal(await stream.poll(300), undefined);
    stream.cancel();
  });

  test("an empty watch request is ignored", async () => {
    const stream = etcd.watch();
    stream.send({});
    assert.equal((await created(stream, { key: prefix })).created, true);
    stream.cancel();
  });

  test("an empty key watches from the first key on when the range is open", async () => {
    const stream = etcd.watch();
    await created(stream, { range_end: Buffer.from([0]) });
    await etcd.put({ key: prefix });
    const keys = [];
    for (;;) {
      const response = await stream.next();
      keys.push(...response.events.map((event) => event.kv!.key.toString()));
      if (keys.includes(prefix)) break;
    }
    stream.cancel();
  });

  test("a reader that stops reading loses nothing and holds up nobody", async () => {
    const slow = etcd.watch();
    await created(slow, { key: prefix });
    slow.call.pause();
    const other = new Etcd(server.endpoint);
    const revisions: number[] = [];
    for (let i = 0; i < 40; i++) {
      const batch = Array.from({ length: 10 }, () =>
        revisionOf(other.put({ key: prefix, value: Buffer.alloc(50_000, i) })),
      );
      revisions.push(...(await Promise.all(batch)));
    }
    revisions.sort((a, b) => a - b);
    slow.call.resume();
    const seen: number[] = [];
    while (seen.length < revisions.length)
      seen.push(...(await slow.next()).events.map((event) => event.kv!.mod_revision));
    assert.deepEqual(seen, revisions);
    slow.cancel();
    other.close();
  });

  test("keepalive of an unknown lease answers TTL 0 and the stream goes on", async () => {
    const lease = await etcd.leaseGrant({ TTL: 60 });
    const stream: Stream<{ ID?: number | bigint | undefined }, { ID: bigint; TTL: number }> =
      etcd.keepAlive();
    stream.send({ ID: 4711 });
    assert.deepEqual([(await stream.next()).TTL], [0]);
    stream.send({ ID: lease.ID });
    assert.deepEqual([(await stream.next()).TTL], [60]);
    stream.call.end();
    assert.equal(await stream.failure(), undefined);
  });

  test("lease ids: chosen ones are positive, any non-zero id is taken, twice is refused", async () => {
    const chosen = await etcd.leaseGrant({ TTL: 60 });
    assert.ok(chosen.ID > 0n);
    const negative = await etcd.leaseGrant({ TTL: 60, ID: -77n });
    assert.equal(negative.ID, -77n);
    await etcd.put({ key: prefix, lease: -77n });
    assert.equal((await etcd.range({ key: prefix })).kvs[0]?.lease, -77n);
    assert.deepEqual(await failureOf(etcd.leaseGrant({ TTL: 60, ID: -77n })), {
      code: Code.FAILED_PRECONDITION,
      details: "etcdserver: lease already exists",
    });
    const before = (await etcd.range({ key: prefix })).header!.revision;
    await etcd.leaseRevoke({ ID: -77n });
    assert.equal((await etcd.range({ key: prefix })).header!.revision, before + 1);
    const leases = (await etcd.leaseLeases({})).leases.map(({ ID }) => ID);
    assert.ok(leases.includes(chosen.ID));
    assert.ok(!leases.includes(-77n));
    const gone = await etcd.leaseTimeToLive({ ID: -77n, keys: true });
    assert.deepEqual([gone.ID, gone.TTL, gone.grantedTTL, gone.keys], [-77n, -1, 0, []]);
  });

  test("HashKV of a revision is stable, and HashKV errors are etcd's", async () => {
    const revision = await revisionOf(etcd.put({ key: prefix }));
    const one = await etcd.hashKv({ revision });
    await etcd.put({ key: prefix });
    const two = await etcd.hashKv({ revision });
    assert.equal(two.hash, one.hash);
    assert.equal(two.hash_revision, revision);
    assert.deepEqual(await failureOf(etcd.hashKv({ revision: 1n << 50n })), {
      code: Code.OUT_OF_RANGE,
      details: "etcdserver: mvcc: required revision is a future revision",
    });
    const compacted = (await etcd.compact({ revision, physical: true })).header!.revision;
    assert.ok(compacted >= revision);
    assert.equal((await etcd.hashKv({ revision })).hash, one.hash);
  });

  test("a thousand concurrent streams on one connection", async () => {
    const streams = Array.from({ length: 1000 }, () => etcd.watch());
    for (const stream of streams) stream.send({ create_request: { key: prefix } });
    for (const stream of streams) assert.equal((await stream.next()).created, true);
    await etcd.put({ key: prefix });
    for (const stream of streams) assert.equal((await stream.next()).events.length, 1);
    for (const stream of streams) stream.cancel();
  });

  test("an error is an EtcdError with grpc-status in the trailers only", async () => {
    const error = await etcd.put({ key: "" }).catch((reason: unknown) => reason);
    assert.ok(error instanceof EtcdError);
    assert.equal(error.code, Code.INVALID_ARGUMENT);
  });
});
