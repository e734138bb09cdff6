import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@quorate/rpc/status";
import { SeededRandom } from "@quorate/testkit/random";
import { decode, encode } from "@quorate/wire";
import {
  AlarmRequestSchema,
  LeaseKeepAliveRequestSchema,
  LeaseRevokeRequestSchema,
  LeaseTimeToLiveRequestSchema,
  MemberAddRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  TxnRequestSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { HeaderEncoder } from "@quorate/wire/hot";
import {
  CampaignRequestSchema,
  LeaderRequestSchema,
  ProclaimRequestSchema,
  ResignRequestSchema,
} from "@quorate/wire/v3electionpb";
import { LockRequestSchema, UnlockRequestSchema } from "@quorate/wire/v3lockpb";
import type { Proposal } from "../consensus/proposal.ts";
import type { Reader } from "../consensus/read-index.ts";
import type { Access, Needs } from "../operations/access.ts";
import { AlarmAction } from "../operations/alarm.ts";
import { NOBODY } from "../operations/caller.ts";
import { Quota } from "../operations/quota.ts";
import { newState, recordedNeeds } from "../operations/testing.ts";
import { WatchHub } from "../watch/hub.ts";
import { LeaderMonitor } from "../watch/leader-monitor.ts";
import { ClusterHarness, settle, testMember } from "./cluster-context.testing.ts";
import type { ApiContext } from "./context.ts";
import { localCalls } from "./local-calls.ts";
import { needsOfRequests } from "./needs-of-requests.ts";
import { createServices } from "./register.ts";

const key = Buffer.from("k");
const NOTHING = new Uint8Array(0);
const ADMINISTRATOR = ["an administrator"];
const USER = ["a user"];
const range = encode(RangeRequestSchema, { key });
const watch = encode(WatchRequestSchema, {
  requestUnion: { case: "createRequest", value: { key, rangeEnd: Buffer.from("\0") } },
});
const alarm = (action: number) => encode(AlarmRequestSchema, { action });

/** Every method with a request, and what its caller needs, in order. */
const METHODS: Record<string, [message: Uint8Array, needs: readonly string[]][]> = {
  "KV/Range": [[range, ["read [k,)"]]],
  "KV/RangeStream": [[range, ["read [k,)"]]],
  "KV/Put": [[encode(PutRequestSchema, { key }), ["write [k,)"]]],
  "KV/DeleteRange": [[range, ["write [k,)"]]],
  "KV/Txn": [
    [encode(TxnRequestSchema, { compare: [{ key }] }), ["read [k,)"]],
    [
      encode(TxnRequestSchema, { success: [{ request: { case: "requestPut", value: { key } } }] }),
      ["write [k,)"],
    ],
  ],
  "KV/Compact": [[NOTHING, ADMINISTRATOR]],
  "Lease/LeaseGrant": [[NOTHING, USER]],
  "Lease/LeaseRevoke": [
    [encode(LeaseRevokeRequestSchema, { ID: 7n }), ["a user", "write what is attached to 7"]],
  ],
  "Lease/LeaseKeepAlive": [
    [encode(LeaseKeepAliveRequestSchema, { ID: 7n }), ["a user", "write what is attached to 7"]],
  ],
  "Lease/LeaseTimeToLive": [
    [encode(LeaseTimeToLiveRequestSchema, { ID: 7n }), USER],
    [encode(LeaseTimeToLiveRequestSchema, { ID: 7n, keys: true }), ["a user", "read what is attached to 7"]],
  ],
  "Lease/LeaseLeases": [[NOTHING, ["a user", "read what is attached to any lease"]]],
  "Cluster/MemberAdd": [
    [encode(MemberAddRequestSchema, { peerURLs: ["http://10.0.0.9:2380"] }), ADMINISTRATOR],
  ],
  "Cluster/MemberRemove": [[NOTHING, ADMINISTRATOR]],
  "Cluster/MemberUpdate": [[NOTHING, ADMINISTRATOR]],
  "Cluster/MemberPromote": [[NOTHING, ADMINISTRATOR]],
  "Cluster/MemberList": [[NOTHING, USER]],
  "Maintenance/Alarm": [
    [alarm(AlarmAction.GET), USER],
    [alarm(AlarmAction.ACTIVATE), ADMINISTRATOR],
    [alarm(AlarmAction.DEACTIVATE), ADMINISTRATOR],
  ],
  "Maintenance/Status": [[NOTHING, USER]],
  "Maintenance/Hash": [[NOTHING, ADMINISTRATOR]],
  "Maintenance/HashKV": [[NOTHING, ADMINISTRATOR]],
  "Maintenance/Snapshot": [[NOTHING, ADMINISTRATOR]],
  "Maintenance/Defragment": [[NOTHING, ADMINISTRATOR]],
  "Maintenance/MoveLeader": [[NOTHING, ADMINISTRATOR]],
  "Maintenance/Downgrade": [[NOTHING, ADMINISTRATOR]],
};
/** Whoever one is. */
const OPEN = ["/grpc.health.v1.Health/", "/etcdserverpb.Auth/"];
/** They need what the calls need that they make on behalf of whoever makes them. */
const MADE_OF_CALLS = ["/v3lockpb.Lock/", "/v3electionpb.Election/"];
/** Refuses its watchers, and not the call. */
const WATCH = "/etcdserverpb.Watch/Watch";

/** All services of a member that has lease 7, and asks `access`; how a call ended, and its answers. */
async function member(access: Access) {
  const cluster = new ClusterHarness([testMember(1)]);
  cluster.membership.applyVersion("3.7.0");
  const { store, lessor, alarms } = await newState(access);
  const watches = new WatchHub({
    source: store,
    clock: cluster.clock,
    random: new SeededRandom(1),
    headers: new HeaderEncoder(1n, 1n),
    raftTerm: () => 1,
    fragmentBytes: 1_000,
    progressIntervalMs: 1_000,
  });
  const state = { ...cluster.state, store, lessor, alarms, access };
  const consensus = Object.assign(cluster.consensus, {
    read: (reader: Reader) => reader.ready(),
    propose: (proposal: Proposal) => void proposal.apply(state),
  });
  const quota = new Quota(Number.POSITIVE_INFINITY, () => 0);
  const config = { ...cluster.context.config, features: { PriorityRequest: true, FastLeaseKeepAlive: true } };
  const parts = { config, store, lessor, alarms, access, watches, consensus, quota };
  const context = { ...cluster.context, ...parts } as unknown as ApiContext;
  const monitor = new LeaderMonitor(cluster.clock, 1_000, () => true);
  const services = createServices(context, monitor);
  const calls = localCalls(services, cluster.clock, 1_000);
  const call = async (path: string, message: Uint8Array) => {
    const ended: number[] = [];
    const answers: Uint8Array[] = [];
    const started = calls.start(path, new Map(), Number.POSITIVE_INFINITY, {
      onMessage: (answer) => void answers.push(answer as Uint8Array),
      onParts: () => {},
      onPauseReading: () => {},
      onResumeReading: () => {},
      onEnd: (code) => void ended.push(code),
    });
    started.send(message);
    await settle();
    started.cancel();
    return { ended, answers };
  };
  return { paths: [...services.unary.keys(), ...services.streams.keys()], call };
}

/** Writes down what is needed, and refuses what `refuse` says. */
function recording(refuse: (need: string) => boolean): Access & { readonly needed: string[] } {
  const needed: string[] = [];
  const needs: Needs = recordedNeeds(needed, refuse);
  return { isRestricted: true, needsOf: () => needs, needed };
}

for (const [method, cases] of Object.entries(METHODS)) {
  for (const [message, needs] of cases) {
    test(`${method} needs ${needs.join(", ")}, and is refused without the last of it`, async () => {
      const access = recording((need) => need === needs.at(-1));
      const { call } = await member(access);
      const { ended, answers } = await call(`/etcdserverpb.${method}`, message);
      assert.deepEqual(access.needed, needs);
      assert.deepEqual({ ended, answers }, { ended: [Code.CANCELLED], answers: [] });
    });
  }
}

for (const [method, cases] of Object.entries(METHODS)) {
  for (const [message, needs] of cases) {
    test(`that ${method} needs ${needs.join(", ")} is known beforehand`, async () => {
      const { needsOf, needed } = recording(() => false);
      const recorded = needsOf(NOBODY);
      await needsOfRequests(`/etcdserverpb.${method}`)!(message, { here: recorded, applied: recorded });
      assert.deepEqual(needed, needs);
    });
  }
}

const leader = { name: Buffer.from("n"), key: Buffer.from("k"), rev: 1n, lease: 7n };
const MADE: Readonly<Record<string, readonly [message: Uint8Array, needs: readonly string[]]>> = {
  "v3lockpb.Lock/Lock": [encode(LockRequestSchema, { name: Buffer.from("n") }), USER],
  "v3lockpb.Lock/Unlock": [encode(UnlockRequestSchema, { key: Buffer.from("k") }), ["write [k,)"]],
  "v3electionpb.Election/Campaign": [encode(CampaignRequestSchema, { name: Buffer.from("n") }), USER],
  "v3electionpb.Election/Proclaim": [encode(ProclaimRequestSchema, { leader }), ["read [k,)"]],
  "v3electionpb.Election/Leader": [encode(LeaderRequestSchema, { name: Buffer.from("n") }), ["read [n/,n0)"]],
  "v3electionpb.Election/Observe": [
    encode(LeaderRequestSchema, { name: Buffer.from("n") }),
    ["read [n/,n0)"],
  ],
  "v3electionpb.Election/Resign": [encode(ResignRequestSchema, { leader }), ["read [k,)"]],
};

test("of every method it is known beforehand what it needs, or it is open to everybody", async () => {
  const { paths } = await member(recording(() => true));
  assert.deepEqual(
    paths.filter((path) => needsOfRequests(path) === undefined).sort(),
    ["Auth/AuthStatus", "Auth/Authenticate"]
      .map((method) => `/etcdserverpb.${method}`)
      .concat(["Check", "List", "Watch"].map((method) => `/grpc.health.v1.Health/${method}`))
      .concat(Object.keys(MADE).map((method) => `/${method}`))
      .sort(),
  );
});

test("every method is named here, or is open to everybody", async () => {
  const { paths } = await member(recording(() => true));
  const isOther = (path: string) => [...OPEN, ...MADE_OF_CALLS].some((prefix) => path.startsWith(prefix));
  const guarded = paths.filter((path) => path !== WATCH && !isOther(path));
  assert.deepEqual(
    guarded.sort(),
    Object.keys(METHODS)
      .map((method) => `/etcdserverpb.${method}`)
      .sort(),
  );
});

test("methods that are made of calls are refused what these are refused", async () => {
  const access = recording(() => true);
  const { call, paths } = await member(access);
  const made = paths.filter((path) => MADE_OF_CALLS.some((prefix) => path.startsWith(prefix)));
  assert.deepEqual(
    made.sort(),
    Object.keys(MADE)
      .map((method) => `/${method}`)
      .sort(),
  );
  for (const [method, [message, needs]] of Object.entries(MADE)) {
    access.needed.length = 0;
    const { ended } = await call(`/${method}`, message);
    assert.deepEqual({ method, needed: access.needed }, { method, needed: needs });
    assert.equal(ended.length, 1, method);
    assert.notEqual(ended[0], Code.OK, method);
  }
});

test("a watcher reads what its request names, as it names it, and is refused with the text of a status", async () => {
  const access = recording(() => true);
  const { call } = await member(access);
  const { ended, answers } = await call(WATCH, watch);
  assert.deepEqual(access.needed, ["read [k,\\0)"]);
  assert.deepEqual(ended, []);
  const { created, canceled, watchId, cancelReason } = decode(WatchResponseSchema, answers[0]!);
  assert.deepEqual({ created, canceled, watchId }, { created: true, canceled: true, watchId: -1n });
  assert.equal(cancelReason, "rpc error: code = Canceled desc = etcdserver: request canceled");
});

test("whatever else keeps a watcher from being permitted is told as if it were not", async () => {
  const access = recording(() => {
    throw new Error("a defect");
  });
  const { answers } = await (await member(access)).call(WATCH, watch);
  assert.equal(
    decode(WatchResponseSchema, answers[0]!).cancelReason,
    "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
  );
});
