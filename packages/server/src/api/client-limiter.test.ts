import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerCall } from "@quorate/rpc/server";
import { Code } from "@quorate/rpc/status";
import { ManualClock } from "@quorate/testkit/clock";
import type { ClientLimits } from "../config/client-limits.ts";
import { ClientLimiter } from "./client-limiter.ts";
import { ClusterHarness, LOCAL_ID, testMember } from "./cluster-context.testing.ts";
import { localCalls } from "./local-calls.ts";
import { Services } from "./services.ts";

const NO_LIMITS: ClientLimits = {
  requestsPerSecond: Number.POSITIVE_INFINITY,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  burstSeconds: 2,
  isDryRun: false,
};

/** What came of a call: `ok`, or after how many milliseconds it may come again. */
class FakeCall {
  outcome = "ok";
  readonly trailers = new Map<string, string>();
  readonly peer: { readonly address: string; readonly port: number };
  readonly userData = undefined;

  constructor(address: string) {
    this.peer = { address, port: 1 };
  }

  setTrailer(name: string, value: string): void {
    this.trailers.set(name, value);
  }

  fail(code: number, text: string): void {
    assert.equal(code, Code.RESOURCE_EXHAUSTED);
    const ms = this.trailers.get("retry-after-ms");
    assert.equal(this.trailers.get("grpc-retry-pushback-ms"), ms);
    assert.equal(text, `etcdserver: too many requests of this client, it may come back in ${ms} ms`);
    this.outcome = `after ${ms}`;
  }
}

/** A request of `bytes` so many milliseconds after the first one. */
type Asked = readonly [atMs: number, bytes: number, want: string, from?: string];

const courses: { name: string; limits: Partial<ClientLimits>; asked: Asked[] }[] = [
  {
    name: "a burst is served, and after it what the rate allows",
    limits: { requestsPerSecond: 2 },
    asked: [
      [0, 0, "ok"],
      [0, 0, "ok"],
      [0, 0, "ok"],
      [0, 0, "ok"],
      [0, 0, "after 500"],
      [250, 0, "after 250"],
      [500, 0, "ok"],
      [500, 0, "after 500"],
    ],
  },
  {
    name: "who comes back when it was told is served",
    limits: { requestsPerSecond: 3, burstSeconds: 1 },
    asked: [
      [0, 0, "ok"],
      [0, 0, "ok"],
      [0, 0, "ok"],
      [0, 0, "after 334"],
      [334, 0, "ok"],
    ],
  },
  {
    name: "nobody may save up more than a burst",
    limits: { requestsPerSecond: 1, burstSeconds: 2 },
    asked: [
      [0, 0, "ok"],
      [60_000, 0, "ok"],
      [60_000, 0, "ok"],
      [60_000, 0, "after 1000"],
    ],
  },
  {
    name: "one client does not use up what another one may have",
    limits: { requestsPerSecond: 1, burstSeconds: 1 },
    asked: [
      [0, 0, "ok", "10.0.0.1"],
      [0, 0, "after 1000", "10.0.0.1"],
      [0, 0, "ok", "10.0.0.2"],
    ],
  },
  {
    name: "bytes are limited by themselves",
    limits: { bytesPerSecond: 1_000, burstSeconds: 1 },
    asked: [
      [0, 900, "ok"],
      [0, 90, "ok"],
      [0, 10, "ok"],
      [0, 1, "after 1"],
      [500, 500, "ok"],
    ],
  },
  {
    name: "a request of more than a burst is served, and paid for afterwards",
    limits: { bytesPerSecond: 1_000, burstSeconds: 1 },
    asked: [
      [0, 5_000, "ok"],
      [0, 1, "after 4001"],
      [4_000, 1, "after 1"],
      [4_001, 1, "ok"],
    ],
  },
  {
    name: "in a dry run all are served",
    limits: { requestsPerSecond: 1, burstSeconds: 1, isDryRun: true },
    asked: [
      [0, 0, "ok"],
      [0, 0, "ok"],
      [0, 0, "ok"],
    ],
  },
];
for (const { name, limits, asked } of courses) {
  test(name, () => {
    const clock = new ManualClock();
    const limiter = new ClientLimiter({ ...NO_LIMITS, ...limits }, clock);
    const beganMs = clock.nowMs();
    for (const [atMs, bytes, want, from = "10.0.0.1"] of asked) {
      clock.advance(beganMs + atMs - clock.nowMs());
      const call = new FakeCall(from);
      assert.equal(limiter.admits(call as unknown as ServerCall, bytes), want === "ok");
      assert.equal(call.outcome, want, `at ${atMs} ms`);
    }
  });
}

test("what is refused is counted by its limit, and in a dry run what would be", () => {
  for (const isDryRun of [false, true]) {
    const limits = { ...NO_LIMITS, requestsPerSecond: 2, bytesPerSecond: 10, burstSeconds: 1, isDryRun };
    const limiter = new ClientLimiter(limits, new ManualClock());
    const ask = (from: string, bytes: number) =>
      limiter.admits(new FakeCall(from) as unknown as ServerCall, bytes);
    for (const bytes of [10, 1, 1]) ask("10.0.0.1", bytes);
    for (let i = 0; i < 5; i++) ask("10.0.0.2", 1);
    assert.deepEqual(limiter.counts, { bytes: 2, requests: 3 });
  }
});

test("any number of clients may come, and those that wait for their time are not forgotten for the idle", () => {
  const clock = new ManualClock();
  const limiter = new ClientLimiter({ ...NO_LIMITS, requestsPerSecond: 1, burstSeconds: 10 }, clock);
  const ask = (from: string) => limiter.admits(new FakeCall(from) as unknown as ServerCall, 0);
  for (let i = 0; i < 8_000; i++) ask(`idle ${i}`);
  clock.advance(10_000);
  for (let i = 0; i < 10; i++) ask("greedy");
  assert.equal(ask("greedy"), false);
  for (let i = 0; i < 8_000; i++) ask(`new ${i}`);
  assert.equal(ask("greedy"), false);
});

/** A member whose clients may make one request a second of each method. */
function member() {
  const cluster = new ClusterHarness([testMember(Number(LOCAL_ID))]);
  cluster.membership.applyVersion("3.7.0");
  const limiter = new ClientLimiter({ ...NO_LIMITS, requestsPerSecond: 1, burstSeconds: 1 }, cluster.clock);
  const services = new Services({ ...cluster.context, limiter });
  const unary = [
    "/etcdserverpb.KV/Range",
    "/etcdserverpb.Lease/LeaseGrant",
    "/etcdserverpb.Maintenance/Status",
  ];
  for (const path of unary) services.addUnary(path, (_message, call) => call.reply(new Uint8Array(0)));
  services.addStream("/etcdserverpb.Watch/Watch", (call) => call.end());
  const ask = (path: string, isOwn = false) => {
    let outcome = "open";
    const { counts, ...uncounted } = services;
    const served = isOwn ? { unary: uncounted.unary, streams: uncounted.streams } : services;
    const calls = localCalls(served, cluster.clock, 1_000);
    const call = calls.start(path, new Map(), Number.POSITIVE_INFINITY, {
      onMessage: () => {},
      onParts: () => {},
      onPauseReading: () => {},
      onResumeReading: () => {},
      onEnd: (code, _text, retryAfterMs) => {
        outcome = code === Code.OK ? "ok" : `${code} after ${retryAfterMs}`;
      },
    });
    if (outcome === "open") call.send(new Uint8Array(0));
    assert.ok(counts !== undefined);
    return outcome;
  };
  return ask;
}

const methods = [
  { name: "reads and writes of keys are limited", path: "/etcdserverpb.KV/Range", second: "8 after 1000" },
  { name: "watches are limited when they begin", path: "/etcdserverpb.Watch/Watch", second: "8 after 1000" },
  { name: "leases are not limited", path: "/etcdserverpb.Lease/LeaseGrant", second: "ok" },
  { name: "maintenance is not limited", path: "/etcdserverpb.Maintenance/Status", second: "ok" },
];
for (const { name, path, second } of methods) {
  test(name, () => {
    const ask = member();
    assert.equal(ask(path), "ok");
    assert.equal(ask(path), second);
  });
}

test("what a member asks of itself to serve a call is not reckoned", () => {
  const ask = member();
  for (let i = 0; i < 3; i++) assert.equal(ask("/etcdserverpb.KV/Range", true), "ok");
  assert.equal(ask("/etcdserverpb.KV/Range"), "ok");
});
