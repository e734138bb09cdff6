import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@quorate/rpc/status";
import { decode, encode } from "@quorate/wire";
import { RangeRequestSchema } from "@quorate/wire/etcdserverpb";
import { FAILURES, RequestError } from "../errors.ts";
import type { LeaderMonitor } from "../watch/leader-monitor.ts";
import { ClusterHarness, LOCAL_ID, testMember } from "./cluster-context.testing.ts";
import { localCalls } from "./local-calls.ts";
import { createServices } from "./register.ts";
import { Services } from "./services.ts";

const PATHS = [
  "/etcdserverpb.KV/Range",
  "/etcdserverpb.KV/Put",
  "/etcdserverpb.Cluster/MemberList",
  "/etcdserverpb.Maintenance/Status",
  "/etcdserverpb.Maintenance/HashKV",
  "/grpc.health.v1.Health/Check",
];
const STREAMS = [
  "/etcdserverpb.Watch/Watch",
  "/etcdserverpb.KV/RangeStream",
  "/etcdserverpb.Lease/LeaseKeepAlive",
  "/etcdserverpb.Maintenance/Snapshot",
];
const OK = "ok";

/** Every method answers; `call` tells the status text of one that was refused, or `ok`. */
function member(isLearner: boolean) {
  const cluster = new ClusterHarness([
    testMember(Number(LOCAL_ID), { isLearner }),
    testMember(2),
    testMember(3, { isLearner: true }),
  ]);
  cluster.membership.applyVersion("3.7.0");
  const services = new Services(cluster.context);
  for (const path of PATHS) services.addUnary(path, (_message, call) => call.reply(new Uint8Array(0)));
  for (const path of STREAMS) services.addStream(path, (call) => call.end());
  const calls = localCalls(services, cluster.clock, 1_000);
  const call = (path: string, message = new Uint8Array(0), metadata: Record<string, string> = {}) => {
    let outcome = "open";
    const fields = new Map(Object.entries(metadata).map(([name, value]) => [name, [value]]));
    const started = calls.start(path, fields, Number.POSITIVE_INFINITY, {
      onMessage: () => {},
      onParts: () => {},
      onPauseReading: () => {},
      onResumeReading: () => {},
      onEnd: (code, text) => {
        outcome = code === Code.OK ? OK : text;
      },
    });
    if (outcome === "open" && !STREAMS.includes(path)) started.send(message);
    return outcome;
  };
  return { cluster, call };
}

const range = (serializable: boolean) =>
  encode(RangeRequestSchema, { key: Buffer.from("k"), limit: 3n, serializable });
const REFUSED = FAILURES.NOT_SUPPORTED_FOR_LEARNER[1];

test("a learner serves its status, and reads that ask for no more than its own state", () => {
  const { call } = member(true);
  assert.equal(call("/etcdserverpb.Maintenance/Status"), OK);
  assert.equal(call("/etcdserverpb.KV/Range", range(true)), OK);
  assert.equal(call("/etcdserverpb.KV/Range", range(false)), REFUSED);
  for (const path of PATHS.filter((other) => !/Range|Status/.test(other))) {
    assert.equal(call(path), REFUSED, path);
  }
});

test("a learner streams nothing but snapshots", () => {
  const { call } = member(true);
  for (const path of STREAMS) {
    assert.equal(call(path), path.endsWith("Snapshot") ? OK : REFUSED, path);
  }
});

test("a voter beside a learner serves everything, and so does a learner once it is promoted", () => {
  const voter = member(false);
  const promoted = member(true);
  promoted.cluster.membership.applyAdd(testMember(Number(LOCAL_ID)));
  for (const { call } of [voter, promoted]) {
    for (const path of [...PATHS, ...STREAMS]) assert.equal(call(path), OK, path);
    assert.equal(call("/etcdserverpb.KV/Range", range(false)), OK);
  }
});

test("what comes first refuses first", () => {
  const { cluster, call } = member(true);
  const metadata = { "client-api-version": "\xff", hasleader: "true" };
  cluster.consensus.leader = 0n;
  const put = () => call("/etcdserverpb.KV/Put", undefined, metadata);
  assert.equal(put(), REFUSED);
  cluster.membership.applyAdd(testMember(Number(LOCAL_ID)));
  assert.equal(put(), FAILURES.INVALID_CLIENT_API_VERSION[1]);
  metadata["client-api-version"] = "3.7.0";
  assert.equal(put(), FAILURES.NO_LEADER[1]);
  cluster.consensus.leader = 2n;
  assert.equal(put(), OK);
});

for (const { name, version, isRefused } of [
  { name: "ASCII", version: "3.7.0", isRefused: false },
  { name: "UTF-8", version: "\xc3\xa9", isRefused: false },
  { name: "half a character", version: "3.7\xc3", isRefused: true },
  { name: "a megabyte of ASCII", version: "3".repeat(2 ** 20), isRefused: false },
  { name: "a megabyte of UTF-8", version: "\xc3\xa9".repeat(2 ** 19), isRefused: false },
  { name: "half a character behind a megabyte", version: `${"3".repeat(2 ** 20)}\xc3`, isRefused: true },
]) {
  test(`a client's version: ${name}`, () => {
    const { cluster, call } = member(true);
    cluster.membership.applyAdd(testMember(Number(LOCAL_ID)));
    const answer = call("/etcdserverpb.KV/Put", undefined, { "client-api-version": version });
    assert.equal(answer, isRefused ? FAILURES.INVALID_CLIENT_API_VERSION[1] : OK);
  });
}

test("nothing is served before the cluster has a version", () => {
  const services = new Services(new ClusterHarness([testMember(1, { isLearner: true })]).context);
  services.addUnary("/etcdserverpb.KV/Put", (_message, call) => call.reply(new Uint8Array(0)));
  const ended: string[] = [];
  services.unary.get("/etcdserverpb.KV/Put")!(new Uint8Array(0), {
    metadata: () => undefined,
    fail: (_code: number, text: string) => ended.push(text),
  } as unknown as Parameters<NonNullable<ReturnType<typeof services.unary.get>>>[1]);
  assert.deepEqual(ended, [FAILURES.NOT_CAPABLE[1]]);
});

test("a method that answers with a stream takes one request", () => {
  const cluster = new ClusterHarness([testMember(Number(LOCAL_ID))]);
  cluster.membership.applyVersion("3.7.0");
  const services = new Services(cluster.context);
  const path = "/test.Service/Stream";
  const begun: number[] = [];
  services.addServerStream(
    path,
    (message) => decode(RangeRequestSchema, message),
    ({ limit }, call) => {
      begun.push(Number(limit));
      if (limit === 9n) throw new RequestError("COMPACTED");
      if (limit === 1n) call.end();
    },
  );
  const defects: unknown[] = [];
  const calls = localCalls(services, cluster.clock, 1_000, (error) => defects.push(error));
  const outcome = (...messages: readonly Uint8Array[]) => {
    let status = "open";
    const call = calls.start(path, new Map(), Number.POSITIVE_INFINITY, {
      onMessage: () => {},
      onParts: () => {},
      onPauseReading: () => {},
      onResumeReading: () => {},
      onEnd: (code, text) => {
        status = `${code} ${text}`;
      },
    });
    for (const message of messages) call.send(message);
    call.halfClose();
    return [status, begun.splice(0)];
  };
  const request = (limit: bigint) => encode(RangeRequestSchema, { limit });
  const violation = "13 cardinality violation: received";
  const kind = "for non-client-streaming RPC";
  assert.deepEqual(outcome(request(1n)), ["0 ", [1]]);
  assert.deepEqual(outcome(), [`${violation} no request message from non-client-streaming RPC`, []]);
  assert.deepEqual(outcome(request(2n), request(1n)), [
    `${violation} multiple request messages ${kind}`,
    [2],
  ]);
  assert.deepEqual(outcome(Uint8Array.of(0x0a, 0xff)), [
    "13 grpc: failed to unmarshal the received message: proto: cannot parse invalid wire-format data",
    [],
  ]);
  assert.deepEqual(outcome(request(9n)), [FAILURES.COMPACTED.join(" "), [9]]);
  assert.deepEqual(defects, [], "what clients send is no defect");
});

test("every method refuses octets that are no message, whatever it asks for", async () => {
  const cluster = new ClusterHarness([testMember(Number(LOCAL_ID))]);
  cluster.membership.applyVersion("3.7.0");
  const services = createServices(cluster.context, { add: () => () => {} } as unknown as LeaderMonitor);
  const defects: unknown[] = [];
  const calls = localCalls(services, cluster.clock, 1_000, (error) => defects.push(error));
  const paths = [...services.unary.keys(), ...services.streams.keys()];
  assert.ok(paths.length > 25);
  for (const path of paths.filter((each) => each !== "/etcdserverpb.Watch/Watch")) {
    const ended = Promise.withResolvers<string>();
    const call = calls.start(path, new Map(), Number.POSITIVE_INFINITY, {
      onMessage: () => ended.resolve("answered"),
      onParts: () => ended.resolve("answered"),
      onPauseReading: () => {},
      onResumeReading: () => {},
      onEnd: (code, text) => ended.resolve(`${code} ${text}`),
    });
    call.send(Uint8Array.of(0x0a, 0xff));
    const what = services.unary.has(path)
      ? "error unmarshalling request"
      : "failed to unmarshal the received message";
    const expected = `13 grpc: ${what}: proto: cannot parse invalid wire-format data`;
    assert.equal(await ended.promise, expected, path);
  }
  assert.deepEqual(defects, []);
});

const refusals = [
  {
    name: "who is refused for an overload is told when to come back",
    code: "TOO_MANY_REQUESTS",
    afterMs: 1_000,
  },
  { name: "of other failures nobody knows when they end", code: "NO_SPACE", afterMs: undefined },
] as const;
for (const { name, code, afterMs } of refusals) {
  test(name, () => {
    const cluster = new ClusterHarness([testMember(Number(LOCAL_ID))]);
    cluster.membership.applyVersion("3.7.0");
    const services = new Services(cluster.context);
    services.addUnary("/etcdserverpb.KV/Put", () => {
      throw new RequestError(code);
    });
    const ends: [code: number, text: string, retryAfterMs: number | undefined][] = [];
    const calls = localCalls(services, cluster.clock, 1_000);
    const call = calls.start("/etcdserverpb.KV/Put", new Map(), Number.POSITIVE_INFINITY, {
      onMessage: () => {},
      onParts: () => {},
      onPauseReading: () => {},
      onResumeReading: () => {},
      onEnd: (...end) => void ends.push([end[0], end[1], end[2]]),
    });
    call.send(new Uint8Array(0));
    assert.deepEqual(ends, [[...FAILURES[code], afterMs]]);
  });
}
