import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client } from "@quorate/client";
import { GrpcClient } from "@quorate/rpc/client";
import { GrpcServer, type Listener, serve } from "@quorate/rpc/server";
import { temporaryDir } from "@quorate/testkit/process";
import { until } from "@quorate/testkit/wait";
import {
  BYTES,
  decodeMessage,
  encodeMessage,
  INT32,
  MESSAGE,
  MessageTable,
  PutRequest,
  REPEATED,
  STRING,
  WatchRequest,
} from "@quorate/wire/messages";
import { Member } from "./member.ts";

/** What of OTLP these tests look at: its messages have these fields among others. */
interface Any {
  readonly stringValue: string;
  readonly boolValue: number;
}
interface Attribute {
  readonly key: string;
  readonly value: Any | undefined;
}
interface Span {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly traceState: string;
  readonly parentSpanId: Uint8Array;
  readonly name: string;
  readonly kind: number;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code: number } | undefined;
}
interface ResourceSpans {
  readonly resource: { readonly attributes: readonly Attribute[] } | undefined;
  readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
}
const AnyValue: MessageTable<Any> = new MessageTable("AnyValue", () => [
  ["string_value", 1, STRING],
  ["bool_value", 2, INT32],
]);
const KeyValue: MessageTable<Attribute> = new MessageTable("KeyValue", () => [
  ["key", 1, STRING],
  ["value", 2, MESSAGE, AnyValue],
]);
const Status: MessageTable<{ readonly code: number }> = new MessageTable("Status", () => [
  ["code", 3, INT32],
]);
const SpanTable: MessageTable<Span> = new MessageTable("Span", () => [
  ["trace_id", 1, BYTES],
  ["span_id", 2, BYTES],
  ["trace_state", 3, STRING],
  ["parent_span_id", 4, BYTES],
  ["name", 5, STRING],
  ["kind", 6, INT32],
  ["attributes", 9, MESSAGE | REPEATED, KeyValue],
  ["status", 15, MESSAGE, Status],
]);
const Resource: MessageTable<{ readonly attributes: readonly Attribute[] }> = new MessageTable(
  "Resource",
  () => [["attributes", 1, MESSAGE | REPEATED, KeyValue]],
);
const ScopeSpans: MessageTable<{ readonly spans: readonly Span[] }> = new MessageTable("ScopeSpans", () => [
  ["spans", 2, MESSAGE | REPEATED, SpanTable],
]);
const ResourceSpansTable: MessageTable<ResourceSpans> = new MessageTable("ResourceSpans", () => [
  ["resource", 1, MESSAGE, Resource],
  ["scope_spans", 2, MESSAGE | REPEATED, ScopeSpans],
]);
const ExportRequest: MessageTable<{ readonly resourceSpans: readonly ResourceSpans[] }> = new MessageTable(
  "ExportTraceServiceRequest",
  () => [["resource_spans", 1, MESSAGE | REPEATED, ResourceSpansTable]],
);

const SERVER_KIND = 2;
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT_ID = "00f067aa0ba902b7";
const TIMEOUT = { timeout: 120_000 };

const exported: ResourceSpans[] = [];
const collector = new GrpcServer();
collector.unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export", (message, call) => {
  exported.push(...decodeMessage(ExportRequest, message.slice()).resourceSpans);
  call.reply(new Uint8Array(0));
});
let listener: Listener;
before(async () => {
  listener = await serve({ host: "127.0.0.1", port: 0, grpc: collector });
});
after(async () => {
  collector.close();
  await listener.close();
});

const collectorAddress = () => {
  const { address } = listener;
  return typeof address === "string" ? address : `127.0.0.1:${address.port}`;
};
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const spans = () => exported.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
const textsOf = (attributes: readonly Attribute[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value?.stringValue]));

async function startMember(samplesPerMillion: number, address: string): Promise<Member> {
  return Member.start({
    dataDir: temporaryDir("tracing"),
    tracing: { address, serviceName: "keys", instanceId: "one", samplesPerMillion },
  });
}

/** A put that says whether its client traces it. */
async function put(member: Member, key: string, traceparent: string | undefined): Promise<void> {
  const client = await GrpcClient.connect({ address: new URL(member.clientUrls[0]!).host });
  try {
    await client.unary("/etcdserverpb.KV/Put", encodeMessage(PutRequest, { key, value: "v" }), {
      metadata: { ...(traceparent !== undefined && { traceparent, tracestate: "vendor=1" }) },
    });
  } finally {
    client.close();
  }
}

test(
  "a call that its client traces is part of the client's trace, also when none is begun here",
  TIMEOUT,
  async () => {
    exported.length = 0;
    const member = await startMember(0, collectorAddress());
    await put(member, "traced", `00-${TRACE_ID}-${PARENT_ID}-01`);
    await put(member, "unsampled", `00-${TRACE_ID}-${PARENT_ID}-00`);
    await put(member, "own", undefined);
    await member.close();
    assert.deepEqual(
      spans()
        .map(({ name }) => name)
        .sort(),
      ["etcdserverpb.KV/Put", "put"],
    );
    const call = spans().find(({ name }) => name === "etcdserverpb.KV/Put")!;
    const request = spans().find(({ name }) => name === "put")!;
    assert.deepEqual(
      [hex(call.traceId), hex(call.parentSpanId), call.traceState, call.kind],
      [TRACE_ID, PARENT_ID, "vendor=1", SERVER_KIND],
    );
    assert.deepEqual([hex(request.traceId), hex(request.parentSpanId)], [TRACE_ID, hex(call.spanId)]);
    assert.deepEqual(textsOf(call.attributes), {
      "rpc.system.name": "grpc",
      "rpc.method": "etcdserverpb.KV/Put",
      "rpc.response.status_code": "OK",
    });
    assert.deepEqual(textsOf(request.attributes), { key: "traced" });
    for (const { resource } of exported) {
      assert.deepEqual(textsOf(resource!.attributes), {
        "service.name": "keys",
        "service.instance.id": "one",
      });
    }
  },
);

test("all traces are begun when that is wanted; failures and streams have their spans", TIMEOUT, async () => {
  exported.length = 0;
  const member = await startMember(1_000_000, collectorAddress());
  const client = new Client({ endpoints: member.clientUrls, requestTimeoutMs: 60_000 });
  await assert.rejects(client.kv.put({ key: "", value: "v" }));
  const watcher = client.watch({ key: "watched", startRevision: 1 })[Symbol.asyncIterator]();
  await client.kv.put({ key: "watched", value: "v" });
  await watcher.next();
  await assert.rejects(client.lease.keepAliveOnce(77n));
  client.close();
  await until(() => spans().some(({ name }) => name === "etcdserverpb.Watch/Watch"));
  await member.close();
  const named = (name: string) => spans().filter((span) => span.name === name);
  const puts = named("etcdserverpb.KV/Put").map(({ attributes, status }) => [
    textsOf(attributes)["rpc.response.status_code"],
    status?.code ?? 0,
  ]);
  assert.deepEqual(puts, [
    ["INVALID_ARGUMENT", 0],
    ["OK", 0],
  ]);
  const [watch] = named("watch");
  assert.deepEqual(textsOf(watch!.attributes).key, "watched");
  assert.equal(hex(watch!.parentSpanId), hex(named("etcdserverpb.Watch/Watch")[0]!.spanId));
  assert.equal(named("lease_renew").length, 1);
  for (const { parentSpanId } of named("etcdserverpb.KV/Put")) assert.equal(parentSpanId.length, 0);
});

test("a stream whose token is examined first has the spans of its requests", TIMEOUT, async () => {
  exported.length = 0;
  const member = await startMember(1_000_000, collectorAddress());
  const open = new Client({ endpoints: member.clientUrls, requestTimeoutMs: 60_000 });
  await open.auth.addUser({ name: "root", password: "p" });
  await open.auth.addRole({ name: "root" });
  await open.auth.grantRole({ user: "root", role: "root" });
  await open.auth.enable();
  open.close();
  const root = new Client({
    endpoints: member.clientUrls,
    requestTimeoutMs: 60_000,
    credentials: { user: "root", password: "p" },
  });
  const { raftAppliedIndex } = await root.maintenance.status();
  root.close();
  const client = await GrpcClient.connect({ address: new URL(member.clientUrls[0]!).host });
  // It names an entry behind all that are applied: so long nobody knows whose it is.
  const metadata = { token: `none.${raftAppliedIndex}` };
  const watch = client.stream("/etcdserverpb.Watch/Watch", { metadata });
  const answered = new Promise<void>((resolve) => {
    watch.onMessage = () => resolve();
    watch.onEnd = () => resolve();
  });
  watch.send(encodeMessage(WatchRequest, { createRequest: { key: "watched" } }));
  await answered;
  client.close();
  await member.close();
  const requests = spans().filter(({ name }) => name === "watch");
  assert.deepEqual(
    requests.map(({ attributes }) => textsOf(attributes).key),
    ["watched"],
  );
});

test(
  "calls over JSON have the spans of calls over gRPC, in the trace of their request",
  TIMEOUT,
  async () => {
    exported.length = 0;
    const member = await startMember(0, collectorAddress());
    const [url] = member.clientUrls;
    const traceparent = `00-${TRACE_ID}-${PARENT_ID}-01`;
    const headers = { traceparent, tracestate: "vendor=1" };
    const ask = async (path: string, options: RequestInit): Promise<number> => {
      const response = await fetch(`${url}${path}`, options);
      await response.arrayBuffer();
      return response.status;
    };
    const range = JSON.stringify({ key: Buffer.from("k").toString("base64") });
    const keyless = JSON.stringify({ value: "dg==" });
    const statuses = [
      await ask("/kv/k", { method: "PUT", headers, body: "v" }),
      await ask("/v3/kv/range", { method: "POST", headers, body: range }),
      await ask("/v3/kv/put", { method: "POST", headers, body: keyless }),
      await ask("/v3/kv/range", {
        method: "POST",
        headers: { traceparent: traceparent.replace(/1$/, "0") },
        body: range,
      }),
      await ask("/v3/kv/range", { method: "POST", body: range }),
    ];
    const leaving = new AbortController();
    const watch = await fetch(`${url}/kv/k?watch`, { headers, signal: leaving.signal });
    leaving.abort();
    await until(() => spans().some(({ name }) => name === "etcdserverpb.Watch/Watch"));
    await member.close();
    assert.deepEqual([...statuses, watch.status], [200, 200, 400, 200, 200, 200]);
    const calls = spans().filter(({ name }) => name.startsWith("etcdserverpb."));
    assert.deepEqual(
      calls.map(({ name, attributes }) => [name, textsOf(attributes)["rpc.response.status_code"]]).sort(),
      [
        ["etcdserverpb.KV/Put", "INVALID_ARGUMENT"],
        ["etcdserverpb.KV/Put", "OK"],
        ["etcdserverpb.KV/Range", "OK"],
        ["etcdserverpb.Watch/Watch", "CANCELLED"],
      ],
    );
    for (const { traceId, parentSpanId, traceState, kind } of calls) {
      assert.deepEqual(
        [hex(traceId), hex(parentSpanId), traceState, kind],
        [TRACE_ID, PARENT_ID, "vendor=1", SERVER_KIND],
      );
    }
    for (const { name, spanId } of calls) {
      const requests = spans().filter(({ parentSpanId }) => hex(parentSpanId) === hex(spanId));
      assert.deepEqual(
        requests.map((request) => request.name),
        [name.split("/")[1]!.toLowerCase()],
      );
    }
  },
);

test("a collector that is not there keeps nobody from anything", TIMEOUT, async () => {
  const member = await startMember(1_000_000, "127.0.0.1:1");
  await put(member, "untold", undefined);
  await member.close();
});

test("who does not trace has no part of it", TIMEOUT, async () => {
  exported.length = 0;
  const member = await Member.start({ dataDir: temporaryDir("tracing") });
  assert.equal(member.config.tracing, undefined);
  await put(member, "untraced", `00-${TRACE_ID}-${PARENT_ID}-01`);
  await member.close();
  assert.deepEqual(spans(), []);
});
