import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { create, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import type { GrpcClient } from "@quorate/rpc/client";
import { Code, GrpcError } from "@quorate/rpc/status";
import { decode, encode } from "@quorate/wire";
import {
  AuthStatusResponseSchema,
  AuthUserAddRequestSchema,
  AuthUserGrantRoleRequestSchema,
  LeaseGrantRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { CheckRequestSchema, CheckResponseSchema } from "@quorate/wire/quorate";
import { FAILURES, type FailureCode } from "../errors.ts";
import { Member } from "./member.ts";
import { connect } from "./testing.ts";
import { addUser, login, mustDo, overGrpc } from "./ways-to-ask.testing.ts";

const CHECK = "/quorate.v1.Access/Check";
const CHECK_JSON = "/v3/quorate/access/check";
const root = mkdtempSync(path.join(tmpdir(), "quorate-access-questions-"));
const SETTINGS = { bcryptCost: 4, heartbeatMs: 20, electionTicks: 10 };
const key = (text: string) => Buffer.from(text);
const tokens: Record<string, string> = {};
let member: Member;
let grpc: GrpcClient;

/** User u may read and write foo, and write w; `leases` has the duty. Lease 7 has foo and secret. */
before(async () => {
  const own = { accessQuestions: true, administrativeRoles: true };
  member = await Member.start({ dataDir: path.join(root, "on"), ...own, ...SETTINGS });
  grpc = await connect(member);
  const ask = overGrpc(grpc);
  await mustDo(ask, "Lease/LeaseGrant", encode(LeaseGrantRequestSchema, { ID: 7n, TTL: 1_000n }));
  for (const name of ["foo", "secret"]) {
    await mustDo(ask, "KV/Put", encode(PutRequestSchema, { key: key(name), lease: 7n }));
  }
  await addUser(ask, "root", []);
  await addUser(ask, "u", [
    [2, "foo", ""],
    [1, "w", ""],
  ]);
  await addUser(ask, "quorate:leases", []);
  await mustDo(ask, "Auth/UserAdd", encode(AuthUserAddRequestSchema, { name: "l", password: "pw" }));
  const grant = { user: "l", role: "quorate:leases" };
  await mustDo(ask, "Auth/UserGrantRole", encode(AuthUserGrantRoleRequestSchema, grant));
  await mustDo(ask, "Auth/AuthEnable");
  for (const name of ["root", "u", "l"]) tokens[name] = await login(ask, name);
});
after(async () => {
  grpc.close();
  await member.close();
  rmSync(root, { recursive: true, force: true });
});

type Question = MessageInitShape<typeof CheckRequestSchema>;
type Asked = NonNullable<Question["request"]>;

async function check(question: Question, token: string | undefined) {
  const options = token === undefined ? {} : { metadata: { token } };
  return decode(CheckResponseSchema, await grpc.unary(CHECK, encode(CheckRequestSchema, question), options));
}

async function checkJson(question: Question, token: string) {
  const response = await fetch(member.clientUrls[0] + CHECK_JSON, {
    method: "POST",
    headers: { authorization: token },
    body: JSON.stringify(toJson(CheckRequestSchema, create(CheckRequestSchema, question))),
  });
  return (await response.json()) as { allowed?: boolean; reason?: string };
}

const put = (name: string, more: object = {}): Asked => ({
  case: "put",
  value: create(PutRequestSchema, { key: key(name), ...more }),
});
const range = (name: string, rangeEnd = ""): Asked => ({
  case: "range",
  value: create(RangeRequestSchema, { key: key(name), rangeEnd: key(rangeEnd) }),
});
const method = (name: string): Asked => ({ case: "method", value: `/etcdserverpb.${name}` });
const DENIED: FailureCode = "PERMISSION_DENIED";
const NOT_USER: FailureCode = "USER_NOT_FOUND";
type Verdict = FailureCode | "none";

/** What u, who has the duty of leases, and a user that there is not would be told. */
const questions: readonly { name: string; request: Asked; told: readonly [Verdict, Verdict, Verdict] }[] = [
  { name: "to read a key", request: range("foo"), told: ["none", DENIED, DENIED] },
  { name: "to read all from it on", request: range("foo", "\0"), told: [DENIED, DENIED, DENIED] },
  { name: "to write a key", request: put("w"), told: ["none", DENIED, DENIED] },
  { name: "to read what it replaces", request: put("w", { prevKv: true }), told: [DENIED, DENIED, DENIED] },
  { name: "to attach it to a lease", request: put("w", { lease: 7n }), told: [DENIED, DENIED, DENIED] },
  {
    name: "a transaction in another",
    request: {
      case: "txn",
      value: {
        success: [
          {
            request: {
              case: "requestTxn",
              value: { failure: [{ request: { case: "requestRange", value: { key: key("w") } } }] },
            },
          },
        ],
      },
    } as Asked,
    told: [DENIED, DENIED, DENIED],
  },
  {
    name: "to watch",
    request: { case: "watch", value: { key: key("foo"), rangeEnd: key("\0") } } as Asked,
    told: [DENIED, DENIED, DENIED],
  },
  {
    name: "to delete",
    request: { case: "deleteRange", value: { key: key("foo") } } as Asked,
    told: ["none", DENIED, DENIED],
  },
  {
    name: "to compact",
    request: { case: "compaction", value: { revision: 2n } } as Asked,
    told: [DENIED, DENIED, NOT_USER],
  },
  {
    name: "to revoke a lease",
    request: { case: "leaseRevoke", value: { ID: 7n } } as Asked,
    told: [DENIED, "none", DENIED],
  },
  {
    name: "to keep it alive",
    request: { case: "leaseKeepAlive", value: { ID: 7n } } as Asked,
    told: [DENIED, "none", DENIED],
  },
  {
    name: "to see its keys",
    request: { case: "leaseTimeToLive", value: { ID: 7n, keys: true } } as Asked,
    told: [DENIED, "none", DENIED],
  },
  { name: "to see the members", request: method("Cluster/MemberList"), told: ["none", "none", "none"] },
  { name: "a snapshot", request: method("Maintenance/Snapshot"), told: [DENIED, DENIED, NOT_USER] },
  { name: "the users", request: method("Auth/UserList"), told: [DENIED, DENIED, NOT_USER] },
];

for (const { name, request, told } of questions) {
  test(`it is said who would be allowed ${name}`, async () => {
    for (const [i, user] of ["u", "l", "gone", "root"].entries()) {
      const want = told[i] ?? "none";
      const reason = want === "none" ? "" : (FAILURES[want][1] as string);
      const answer = await check({ user, request }, tokens.root);
      assert.deepEqual([answer.allowed, answer.reason], [want === "none", reason], user);
      assert.equal(answer.authRevision > 1n, true);
      const json = await checkJson({ user, request }, tokens.root!);
      assert.deepEqual(
        [json.allowed ?? false, json.reason ?? ""],
        [want === "none", reason],
        `JSON: ${user}`,
      );
      if (tokens[user] === undefined) continue;
      const own = await check({ request }, tokens[user]);
      assert.deepEqual([own.allowed, own.reason], [answer.allowed, answer.reason], `${user} of itself`);
    }
  });
}

test("what is asked changes nothing", async () => {
  const state = async () => {
    const ask = overGrpc(grpc);
    const read = encode(RangeRequestSchema, { key: key("\0"), rangeEnd: key("\0") });
    const { header, kvs } = decode(RangeResponseSchema, await mustDo(ask, "KV/Range", read, tokens.root));
    const { authRevision } = decode(AuthStatusResponseSchema, await mustDo(ask, "Auth/AuthStatus"));
    return { revision: header!.revision, keys: kvs.length, authRevision };
  };
  const before = await state();
  for (const { request } of questions) await check({ user: "root", request }, tokens.root);
  assert.deepEqual(await state(), before);
});

test("of others only root may ask, and nobody nothing", async () => {
  const request = range("foo");
  const told = (question: Question, token: string | undefined) =>
    check(question, token).then(
      ({ allowed }) => allowed,
      (error) => {
        assert.ok(error instanceof GrpcError);
        return [error.code, error.details];
      },
    );
  assert.equal(await told({ user: "u", request }, tokens.u), true);
  assert.deepEqual(await told({ user: "l", request }, tokens.u), [...FAILURES.PERMISSION_DENIED]);
  assert.deepEqual(await told({ user: "u", request }, undefined), [...FAILURES.USER_NAME_EMPTY]);
  assert.deepEqual(await told({ request }, "x.1"), [...FAILURES.INVALID_AUTH_TOKEN]);
  assert.deepEqual(await told({ user: "u" }, tokens.root), [...FAILURES.NO_QUESTION]);
  const unknown = "unknown method Nothing for service etcdserverpb.KV";
  const nothing = { user: "u", request: method("KV/Nothing") };
  assert.deepEqual(await told(nothing, tokens.root), [Code.UNIMPLEMENTED, unknown]);
});

test("without users everybody is allowed everything; without the flag nobody is told", async () => {
  for (const accessQuestions of [true, false]) {
    const dataDir = path.join(root, `open-${accessQuestions}`);
    await using open = await Member.start({ dataDir, accessQuestions, ...SETTINGS });
    const client = await connect(open);
    const message = encode(CheckRequestSchema, { user: "u", request: range("foo") });
    const post = (target: string) => fetch(open.clientUrls[0] + target, { method: "POST", body: "{}" });
    try {
      if (accessQuestions) {
        assert.equal(decode(CheckResponseSchema, await client.unary(CHECK, message)).allowed, true);
      } else {
        const unknown = (error: GrpcError) => error.code === Code.UNIMPLEMENTED;
        await assert.rejects(client.unary(CHECK, message), unknown);
        const [asked, other] = [await post(CHECK_JSON), await post("/v3/no/such/path")];
        assert.deepEqual([asked.status, await asked.text()], [other.status, await other.text()]);
        assert.equal(asked.status, 404);
      }
    } finally {
      client.close();
    }
  }
});
