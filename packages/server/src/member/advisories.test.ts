/** What is wrong in releases of etcd, asked of a member in every way in which it can be asked (docs/security-advisories.md). */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import type { GrpcClient } from "@quorate/rpc/client";
import { decode, encode } from "@quorate/wire";
import {
  AlarmRequestSchema,
  AuthenticateRequestSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthUserAddRequestSchema,
  DeleteRangeRequestSchema,
  LeaseGrantRequestSchema,
  LeaseKeepAliveRequestSchema,
  LeaseRevokeRequestSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
  MemberAddRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  type RequestOp,
  TxnRequestSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { Member } from "./member.ts";
import { connect } from "./testing.ts";
import { type Ask, addUser, login, mustDo, overGrpc, overJson } from "./ways-to-ask.testing.ts";

const directory = mkdtempSync(path.join(tmpdir(), "quorate-advisories-"));
const key = (text: string) => Buffer.from(text);
const WAYS = ["gRPC", "JSON"] as const;
const ways = {} as Record<(typeof WAYS)[number], Ask>;
const tokens: Record<string, string> = {};
let member: Member;
let grpc: GrpcClient;

/** `foo` may read and write foo, `writer` may write it only; `zoo` has [foo,zoo). Leases: 7 has foo and secret, 9 foo. */
before(async () => {
  member = await Member.start({ dataDir: directory, bcryptCost: 4, heartbeatMs: 20, electionTicks: 10 });
  grpc = await connect(member);
  ways.gRPC = overGrpc(grpc);
  ways.JSON = overJson(member.clientUrls[0]!);
  const ask = ways.gRPC;
  for (const ID of [7n, 9n]) {
    await mustDo(ask, "Lease/LeaseGrant", encode(LeaseGrantRequestSchema, { ID, TTL: 1_000n }));
  }
  for (const [name, lease] of [
    ["secret", 7n],
    ["boo", 0n],
    ["foo", 7n],
  ] as const) {
    await mustDo(ask, "KV/Put", encode(PutRequestSchema, { key: key(name), value: key("planted"), lease }));
  }
  await addUser(ask, "root", []);
  await addUser(ask, "foo", [[2, "foo", ""]]);
  await addUser(ask, "writer", [[1, "foo", ""]]);
  await addUser(ask, "zoo", [[2, "foo", "zoo"]]);
  const noPassword = { name: "certified", options: { noPassword: true } };
  await mustDo(ask, "Auth/UserAdd", encode(AuthUserAddRequestSchema, noPassword));
  await mustDo(ask, "Auth/AuthEnable");
  for (const name of ["root", "foo", "writer", "zoo"]) tokens[name] = await login(ask, name);
});
after(async () => {
  grpc.close();
  await member.close();
  rmSync(directory, { recursive: true, force: true });
});

type Op = RequestOp["request"];
const put = (name: string, more: { prevKv?: boolean; lease?: bigint } = {}): Op => ({
  case: "requestPut",
  value: { ...decode(PutRequestSchema, new Uint8Array(0)), key: key(name), value: key("v"), ...more },
});
const remove = (name: string, prevKv = false): Op => ({
  case: "requestDeleteRange",
  value: { ...decode(DeleteRangeRequestSchema, new Uint8Array(0)), key: key(name), prevKv },
});
const range = (name: string, rangeEnd = ""): Op => ({
  case: "requestRange",
  value: { ...decode(RangeRequestSchema, new Uint8Array(0)), key: key(name), rangeEnd: key(rangeEnd) },
});

const METHOD_OF = { requestPut: "KV/Put", requestDeleteRange: "KV/DeleteRange", requestRange: "KV/Range" };
const SCHEMA_OF = {
  requestPut: PutRequestSchema,
  requestDeleteRange: DeleteRangeRequestSchema,
  requestRange: RangeRequestSchema,
};

/** The same operation by itself, in a transaction, deep in others, and in a branch that is not taken. */
const PLACES = [
  "by itself",
  "in a transaction",
  "three transactions deep",
  "in the branch not taken",
] as const;

function placed(op: Op, place: (typeof PLACES)[number]): readonly [method: string, message: Uint8Array] {
  const name = op.case as keyof typeof METHOD_OF;
  if (place === "by itself") return [METHOD_OF[name], encode(SCHEMA_OF[name], op.value as never)];
  const txn = { success: [{ request: op }] };
  if (place === "in a transaction") return ["KV/Txn", encode(TxnRequestSchema, txn as never)];
  const nested = (inner: unknown) => ({ success: [{ request: { case: "requestTxn", value: inner } }] });
  if (place === "three transactions deep") {
    return ["KV/Txn", encode(TxnRequestSchema, nested(nested(txn)) as never)];
  }
  const notTaken = { success: [], failure: [{ request: op }] };
  return ["KV/Txn", encode(TxnRequestSchema, nested(notTaken) as never)];
}

const operations: readonly { name: string; user: string; op: Op; denied: boolean }[] = [
  { name: "what is replaced is read", user: "writer", op: put("foo", { prevKv: true }), denied: true },
  { name: "what is deleted is read", user: "writer", op: remove("foo", true), denied: true },
  { name: "who only writes may not read", user: "writer", op: range("foo"), denied: true },
  { name: "a lease of others is not attached", user: "foo", op: put("foo", { lease: 7n }), denied: true },
  { name: "a lease of one's own is attached", user: "foo", op: put("foo", { lease: 9n }), denied: false },
  { name: "a key of others is not deleted", user: "zoo", op: remove("boo"), denied: true },
  { name: "a key of others is not read", user: "zoo", op: range("boo"), denied: true },
  { name: "a key of others is not written", user: "zoo", op: put("boo"), denied: true },
  { name: "one key is not all behind it", user: "foo", op: range("foo", "\0"), denied: true },
  { name: "one may do what one may", user: "zoo", op: range("foo", "zoo"), denied: false },
];

for (const way of WAYS) {
  for (const place of PLACES) {
    for (const { name, user, op, denied } of operations) {
      test(`${name}: ${way}, ${place}`, async () => {
        const { failure, answer } = await ways[way](...placed(op, place), tokens[user]);
        assert.equal(failure, denied ? "PERMISSION_DENIED" : "none");
        if (denied) assert.equal(answer.length, 0);
      });
    }
  }
}

test("what was refused in transactions has left no trace", async () => {
  const request = encode(RangeRequestSchema, { key: key("boo") });
  const { kvs } = decode(RangeResponseSchema, await mustDo(ways.gRPC, "KV/Range", request, tokens.root));
  assert.deepEqual(
    kvs.map(({ value, version }) => [Buffer.from(value).toString(), version]),
    [["planted", 1n]],
  );
});

for (const way of WAYS) {
  test(`a transaction that compares keys of others is refused: ${way}`, async () => {
    const request = encode(TxnRequestSchema, { compare: [{ key: key("boo") }] });
    assert.equal((await ways[way]("KV/Txn", request, tokens.zoo)).failure, "PERMISSION_DENIED");
  });
}

const alarm = (action: number) => encode(AlarmRequestSchema, { action, memberID: 1n, alarm: 1 });
const guarded: readonly { method: string; message?: Uint8Array; user?: "none" }[] = [
  { method: "Cluster/MemberList", user: "none" },
  {
    method: "Cluster/MemberAdd",
    message: encode(MemberAddRequestSchema, { peerURLs: ["http://10.0.0.9:1"] }),
  },
  { method: "Cluster/MemberRemove" },
  { method: "Cluster/MemberUpdate" },
  { method: "Cluster/MemberPromote" },
  { method: "Maintenance/Alarm", message: alarm(0), user: "none" },
  { method: "Maintenance/Alarm", message: alarm(1) },
  { method: "Maintenance/Alarm", message: alarm(2) },
  { method: "Maintenance/Alarm", message: alarm(99) },
  { method: "Maintenance/Status", user: "none" },
  { method: "Maintenance/Snapshot" },
  { method: "Maintenance/Defragment" },
  { method: "Maintenance/Hash" },
  { method: "Maintenance/HashKV" },
  { method: "Maintenance/MoveLeader" },
  { method: "Maintenance/Downgrade" },
  { method: "KV/Compact" },
  { method: "Lease/LeaseGrant", message: encode(LeaseGrantRequestSchema, { TTL: 1_000n }), user: "none" },
  { method: "Lease/LeaseRevoke", message: encode(LeaseRevokeRequestSchema, { ID: 7n }) },
  { method: "Lease/LeaseKeepAlive", message: encode(LeaseKeepAliveRequestSchema, { ID: 7n }) },
  {
    method: "Lease/LeaseTimeToLive",
    message: encode(LeaseTimeToLiveRequestSchema, { ID: 7n }),
    user: "none",
  },
  {
    method: "Lease/LeaseTimeToLive",
    message: encode(LeaseTimeToLiveRequestSchema, { ID: 7n, keys: true }),
  },
  { method: "Lease/LeaseLeases" },
  { method: "Auth/UserList" },
  { method: "Auth/RoleList" },
];

/** Alarms over JSON name their actions: a number that has no name cannot be said. */
const isSayable = (way: string, message?: Uint8Array) => way === "gRPC" || message !== guarded[8]!.message;

for (const way of WAYS) {
  for (const { method, message, user = "PERMISSION_DENIED" } of guarded) {
    if (!isSayable(way, message)) continue;
    const shown = `${method} ${Buffer.from(message ?? []).toString("hex")}`;
    test(`nobody may, and who may not may not: ${way}, ${shown}`, async () => {
      const ask = ways[way];
      assert.equal((await ask(method, message)).failure, "USER_NAME_EMPTY");
      for (const token of ["", "x", "x.-1", "x.1.2", ".".repeat(50_000)]) {
        assert.equal((await ask(method, message, token)).failure, "INVALID_AUTH_TOKEN");
      }
      assert.equal((await ask(method, message, tokens.foo)).failure, user);
    });
  }

  test(`who may not read all keys of a lease is told its time and no name: ${way}`, async () => {
    const request = { ID: 7n };
    const answer = await mustDo(
      ways[way],
      "Lease/LeaseTimeToLive",
      encode(LeaseTimeToLiveRequestSchema, request),
      tokens.foo,
    );
    const { keys, TTL } = decode(LeaseTimeToLiveResponseSchema, answer);
    assert.deepEqual([keys, TTL > 0n], [[], true]);
  });

  for (const [name, rangeEnd, user, allowed] of [
    ["foo", "", "foo", true],
    ["foo", "\0", "foo", false],
    ["foo", "fop", "foo", false],
    ["", "\0", "foo", false],
    ["foo", "zoo", "zoo", true],
    ["foo", "\0", "zoo", false],
    ["foo", "", "writer", false],
  ] as const) {
    const shown = JSON.stringify([name, rangeEnd]);
    test(`${user} ${allowed ? "may" : "may not"} watch ${shown}: ${way}`, async () => {
      const value = { key: key(name), rangeEnd: key(rangeEnd) };
      const request = encode(WatchRequestSchema, { requestUnion: { case: "createRequest", value } });
      const answer = decode(
        WatchResponseSchema,
        await mustDo(ways[way], "Watch/Watch", request, tokens[user]),
      );
      const { created, canceled, watchId, cancelReason } = answer;
      const refusal = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
      assert.deepEqual(
        { created, canceled, watchId, cancelReason },
        allowed
          ? { created: true, canceled: false, watchId: 0n, cancelReason: "" }
          : { created: true, canceled: true, watchId: -1n, cancelReason: refusal },
      );
    });
  }

  test(`a user without a password is told so, and others are not told apart from nobody: ${way}`, async () => {
    const told = async (name: string) =>
      (await ways[way]("Auth/Authenticate", encode(AuthenticateRequestSchema, { name, password: "x" })))
        .failure;
    assert.equal(await told("certified"), "NO_PASSWORD_USER");
    assert.deepEqual([await told("foo"), await told("nobody")], ["AUTH_FAILED", "AUTH_FAILED"]);
  });

  test(`a permission that is none, or of no keys, is not granted: ${way}`, async () => {
    const told = async (perm?: { key: Buffer; rangeEnd: Buffer }) =>
      (
        await ways[way](
          "Auth/RoleGrantPermission",
          encode(AuthRoleGrantPermissionRequestSchema, {
            name: "foo",
            ...(perm === undefined ? {} : { perm }),
          }),
          tokens.root,
        )
      ).failure;
    assert.equal(await told(), "PERMISSION_NOT_GIVEN");
    for (const [from, to] of [
      ["b", "a"],
      ["a", "a"],
      ["", "a"],
      ["", "\0"],
    ] as const) {
      assert.equal(await told({ key: key(from), rangeEnd: key(to) }), "INVALID_AUTH_MGMT");
    }
  });
}

test("a password may be as short as its user likes, also empty", async () => {
  for (const password of ["x", ""]) {
    const name = `short${password}`;
    const user = encode(AuthUserAddRequestSchema, { name, password });
    await mustDo(ways.gRPC, "Auth/UserAdd", user, tokens.root);
    assert.match(await login(ways.gRPC, name, password), /^[a-zA-Z]{16}\.\d+$/);
  }
});
