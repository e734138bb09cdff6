/** What the client makes of servers that answer with nonsense: a {@link ClientError} that says so, and no other error. */
import assert from "node:assert/strict";
import http2 from "node:http2";
import { after, before, describe, test } from "node:test";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { METHODS } from "@quorate/wire";
import * as messages from "@quorate/wire/messages";
import { encodeMessage, type Field, type MessageTable } from "@quorate/wire/messages";
import { Client, ClientError, Election, Mutex, observeLeaders, Session } from "./index.ts";

/** What an answer brings nothing to is waited for so long, and what fails at once much longer than that takes. */
const PATIENCE_MS = { short: 250, long: 60_000 };
const PREFIX = "/etcdserverpb.";
const KEY = { key: "k" };
const USER = { user: "u", role: "r" };
const NAME = { name: "n" };

/** One RPC: how it is asked for, and what it is answered with. */
interface Rpc {
  readonly response: MessageTable<unknown>;
  ask(client: Client): Promise<unknown>;
}

const {
  AlarmResponse,
  AuthDisableResponse,
  AuthEnableResponse,
  AuthRoleAddResponse,
  AuthRoleDeleteResponse,
  AuthRoleGetResponse,
  AuthRoleGrantPermissionResponse,
  AuthRoleListResponse,
  AuthRoleRevokePermissionResponse,
  AuthStatusResponse,
  AuthUserAddResponse,
  AuthUserChangePasswordResponse,
  AuthUserDeleteResponse,
  AuthUserGetResponse,
  AuthUserGrantRoleResponse,
  AuthUserListResponse,
  AuthUserRevokeRoleResponse,
} = messages;

async function taken(answers: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const answer of answers) {
    all.push(answer);
    if (all.length === 3) break;
  }
  return all;
}

let patienceMs = PATIENCE_MS.short;
const soon = () => AbortSignal.timeout(patienceMs);

/** Every RPC that the client has. */
const RPCS: Readonly<Record<string, Rpc>> = {
  "KV/Range": { response: messages.RangeResponse, ask: (c) => c.kv.range(KEY) },
  "KV/RangeStream": { response: messages.RangeStreamResponse, ask: (c) => taken(c.kv.rangeStream(KEY)) },
  "KV/Put": { response: messages.PutResponse, ask: (c) => c.kv.put({ key: "k", value: "v" }) },
  "KV/DeleteRange": { response: messages.DeleteRangeResponse, ask: (c) => c.kv.deleteRange(KEY) },
  "KV/Txn": { response: messages.TxnResponse, ask: (c) => c.kv.txn({ success: [{ requestRange: KEY }] }) },
  "KV/Compact": { response: messages.CompactionResponse, ask: (c) => c.kv.compact({ revision: 2 }) },
  "Watch/Watch": {
    response: messages.WatchResponse,
    ask: (c) => taken(c.watch(KEY, { signal: soon() })),
  },
  "Lease/LeaseGrant": { response: messages.LeaseGrantResponse, ask: (c) => c.lease.grant({ TTL: 9 }) },
  "Lease/LeaseRevoke": { response: messages.LeaseRevokeResponse, ask: (c) => c.lease.revoke({ ID: 7 }) },
  "Lease/LeaseTimeToLive": {
    response: messages.LeaseTimeToLiveResponse,
    ask: (c) => c.lease.timeToLive({ ID: 7, keys: true }),
  },
  "Lease/LeaseLeases": { response: messages.LeaseLeasesResponse, ask: (c) => c.lease.list() },
  "Lease/LeaseKeepAlive": {
    response: messages.LeaseKeepAliveResponse,
    ask: (c) => c.lease.keepAliveOnce(7n),
  },
  "Cluster/MemberAdd": { response: messages.MemberAddResponse, ask: (c) => c.cluster.addMember({}) },
  "Cluster/MemberRemove": { response: messages.MemberRemoveResponse, ask: (c) => c.cluster.removeMember({}) },
  "Cluster/MemberUpdate": { response: messages.MemberUpdateResponse, ask: (c) => c.cluster.updateMember({}) },
  "Cluster/MemberList": { response: messages.MemberListResponse, ask: (c) => c.cluster.listMembers() },
  "Cluster/MemberPromote": {
    response: messages.MemberPromoteResponse,
    ask: (c) => c.cluster.promoteMember({}),
  },
  "Maintenance/Status": { response: messages.StatusResponse, ask: (c) => c.maintenance.status() },
  "Maintenance/Defragment": {
    response: messages.DefragmentResponse,
    ask: (c) => c.maintenance.defragment(),
  },
  "Maintenance/HashKV": { response: messages.HashKVResponse, ask: (c) => c.maintenance.hashKv({}) },
  "Maintenance/Alarm": { response: AlarmResponse, ask: (c) => c.maintenance.alarm({}) },
  "Maintenance/MoveLeader": {
    response: messages.MoveLeaderResponse,
    ask: (c) => c.maintenance.moveLeader({}),
  },
  "Maintenance/Downgrade": { response: messages.DowngradeResponse, ask: (c) => c.maintenance.downgrade({}) },
  "Maintenance/Snapshot": {
    response: messages.SnapshotResponse,
    ask: (c) => taken(c.maintenance.snapshot()),
  },
  "Auth/AuthEnable": { response: AuthEnableResponse, ask: (c) => c.auth.enable() },
  "Auth/AuthDisable": { response: AuthDisableResponse, ask: (c) => c.auth.disable() },
  "Auth/AuthStatus": { response: AuthStatusResponse, ask: (c) => c.auth.status() },
  "Auth/UserAdd": { response: AuthUserAddResponse, ask: (c) => c.auth.addUser(NAME) },
  "Auth/UserDelete": { response: AuthUserDeleteResponse, ask: (c) => c.auth.deleteUser(NAME) },
  "Auth/UserGet": { response: AuthUserGetResponse, ask: (c) => c.auth.getUser(NAME) },
  "Auth/UserList": { response: AuthUserListResponse, ask: (c) => c.auth.listUsers() },
  "Auth/UserChangePassword": {
    response: AuthUserChangePasswordResponse,
    ask: (c) => c.auth.changePassword(NAME),
  },
  "Auth/UserGrantRole": { response: AuthUserGrantRoleResponse, ask: (c) => c.auth.grantRole(USER) },
  "Auth/UserRevokeRole": { response: AuthUserRevokeRoleResponse, ask: (c) => c.auth.revokeRole(NAME) },
  "Auth/RoleAdd": { response: AuthRoleAddResponse, ask: (c) => c.auth.addRole(NAME) },
  "Auth/RoleDelete": { response: AuthRoleDeleteResponse, ask: (c) => c.auth.deleteRole({ role: "r" }) },
  "Auth/RoleGet": { response: AuthRoleGetResponse, ask: (c) => c.auth.getRole({ role: "r" }) },
  "Auth/RoleList": { response: AuthRoleListResponse, ask: (c) => c.auth.listRoles() },
  "Auth/RoleGrantPermission": {
    response: AuthRoleGrantPermissionResponse,
    ask: (c) => c.auth.grantPermission(NAME),
  },
  "Auth/RoleRevokePermission": {
    response: AuthRoleRevokePermissionResponse,
    ask: (c) => c.auth.revokePermission({ role: "r" }),
  },
  "Auth/Authenticate": {
    response: messages.AuthenticateResponse,
    ask: async () => {
      await using withUser = newClient({ credentials: { user: "u", password: "p" } });
      await withUser.kv.get("k");
    },
  },
};

/** What is made of several RPCs. Their own errors say what became of them. */
const COMPOSED: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  "a lock": async (c) => new Mutex(sessionOf(c), "m").lock(soon()),
  "a candidacy": async (c) => new Election(sessionOf(c), "e").campaign("v", soon()),
  "a proclamation": async (c) => new Election(sessionOf(c), "e").proclaim("v"),
  "an observer": (c) => taken(observeLeaders(c, "e", soon())),
  "a wait for a deletion": (c) => c.untilDeleted("k", 1n, soon()),
  "a lease that is kept": (c) => taken(c.lease.keepAlive(7n, soon())),
  "a session": async (c) => {
    const session = await Session.open(c, 9);
    session.leave();
    await session.ended;
  },
};
const OWN_ERRORS = ["election: not leader", "mutex: session is expired"];

const sessionOf = (client: Client) => ({ client, lease: 7n }) as Session;

const frame = (body: Uint8Array, { length = body.length, flags = 0 } = {}) => {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, body]);
};
const field = (number: number, kind: number, ...rest: number[]) => [(number << 3) | kind, ...rest];
const everyField = (kind: number, ...rest: number[]) =>
  frame(Buffer.from(Array.from({ length: 15 }, (_, i) => field(i + 1, kind, ...rest)).flat()));
const EMPTY = frame(Buffer.alloc(0));
const NINE_ONES = Array<number>(9).fill(0xff);

/** What every call is answered with. `undecodable`: no message of the API. */
const ANSWERS: Readonly<Record<string, { readonly body: Buffer; readonly undecodable?: true }>> = {
  "an empty message": { body: EMPTY },
  "a message of empty fields": { body: everyField(2, 0) },
  "a message of messages of empty fields": { body: everyField(2, 4, ...field(1, 2, 0), ...field(2, 2, 0)) },
  "a message of the largest numbers": { body: everyField(0, ...NINE_ONES, 0x01) },
  "a message of the largest positive numbers": { body: everyField(0, ...NINE_ONES.slice(1), 0x7f) },
  "no message": { body: Buffer.alloc(0) },
  "two messages": { body: Buffer.concat([EMPTY, EMPTY]) },
  "a field that is longer than its message": {
    body: frame(Buffer.from(field(1, 2, 0x7f, 0x08))),
    undecodable: true,
  },
  "a number without an end": { body: frame(Buffer.alloc(11, 0xff)), undecodable: true },
  "groups in groups": { body: frame(Buffer.alloc(1_000, 0x0b)), undecodable: true },
  "a field without a number": { body: frame(Buffer.of(0x02, 0x00)), undecodable: true },
  "a message that does not come to its end": { body: frame(Buffer.alloc(3), { length: 1_000 }) },
  "a message of 4 GiB": { body: frame(Buffer.alloc(3), { length: 0xffff_ffff }) },
  "a message that is compressed": { body: frame(Buffer.alloc(3), { flags: 1 }) },
};

const server = http2.createServer();
let answerTo: (path: string) => Buffer = () => EMPTY;
let port: number;
const sessions = new Set<http2.ServerHttp2Session>();

before(async () => {
  server.on("session", (session) => sessions.add(session));
  server.on("sessionError", () => {});
  server.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(answerTo(headers[":path"]!.replace(PREFIX, "")));
  });
  port = await listenOnFreePort(server);
});
after(() => {
  server.close();
  for (const session of sessions) session.destroy();
});

function newClient(options: Partial<ConstructorParameters<typeof Client>[0]> = {}): Client {
  return new Client({ endpoints: [`127.0.0.1:${port}`], requestTimeoutMs: patienceMs, ...options });
}

/** What it came to; fails when that is an error of another kind. */
async function outcome(name: string, asked: Promise<unknown>): Promise<"answered" | ClientError> {
  try {
    await asked;
    return "answered";
  } catch (error) {
    const { message } = error as Error;
    assert.ok(error instanceof ClientError || OWN_ERRORS.includes(message), `${name}: ${error}`);
    assert.doesNotMatch(message, /undefined|\[object|not a function|Cannot/, name);
    return error as ClientError;
  }
}

describe("every call ends with an answer or a ClientError", () => {
  for (const [name, { body, undecodable }] of Object.entries(ANSWERS))
    test(`asking a server that answers with ${name}`, async () => {
      answerTo = () => body;
      patienceMs = undecodable ? PATIENCE_MS.long : PATIENCE_MS.short;
      await using client = newClient();
      const calls = Object.entries(RPCS).map(async ([rpc, { ask }]) => {
        const result = await outcome(rpc, ask(client));
        if (undecodable) assert.match(String(result), /the server's answer makes no sense: ./, rpc);
      });
      const composed = Object.entries(COMPOSED).map(([what, ask]) => outcome(what, ask(client)));
      await Promise.all([...calls, ...composed]);
    });
});

const LIES: readonly {
  readonly name: string;
  readonly answers: Readonly<Record<string, Uint8Array>>;
  readonly ask: (client: Client) => Promise<unknown>;
  readonly says: RegExp;
}[] = [
  {
    name: "a lock whose answer has no header",
    answers: { "KV/Txn": encodeMessage(messages.TxnResponse, { succeeded: true }) },
    ask: COMPOSED["a lock"]!,
    says: /it has no header/,
  },
  {
    name: "a lock that is there already, without its key",
    answers: { "KV/Txn": encodeMessage(messages.TxnResponse, { succeeded: false, header: {} }) },
    ask: COMPOSED["a lock"]!,
    says: /it has no key of the session/,
  },
  {
    name: "a lock without its owner",
    answers: { "KV/Txn": encodeMessage(messages.TxnResponse, { succeeded: true, header: {} }) },
    ask: COMPOSED["a lock"]!,
    says: /it has no owner of the lock/,
  },
  {
    name: "a candidacy that is there already, without its key",
    answers: { "KV/Txn": encodeMessage(messages.TxnResponse, { succeeded: false, header: {} }) },
    ask: COMPOSED["a candidacy"]!,
    says: /it has no key of the candidate/,
  },
  {
    name: "an election without a header",
    answers: {},
    ask: COMPOSED["an observer"]!,
    says: /it has no header/,
  },
  {
    name: "another lease that is kept",
    answers: { "Lease/LeaseKeepAlive": encodeMessage(messages.LeaseKeepAliveResponse, { ID: 8, TTL: 60 }) },
    ask: (c) => c.lease.keepAliveOnce(7n),
    says: /it is about another lease/,
  },
  {
    name: "a token that no call can carry",
    answers: { "Auth/Authenticate": encodeMessage(messages.AuthenticateResponse, { token: "a\r\nb: c" }) },
    ask: RPCS["Auth/Authenticate"]!.ask,
    says: /its token is not printable ASCII/,
  },
];

test("these are all RPCs of the API, but for one that has no use any more", () => {
  const ofApi = [...METHODS.keys()].filter((path) => path.startsWith(PREFIX));
  const names = ofApi.map((path) => path.replace(PREFIX, "")).filter((name) => name !== "Maintenance/Hash");
  assert.deepEqual(names.sort(), Object.keys(RPCS).sort());
});

describe("what is not there is named", () => {
  for (const { name, answers, ask, says } of LIES)
    test(name, async () => {
      answerTo = (path) => frame(answers[path] ?? Buffer.alloc(0));
      patienceMs = PATIENCE_MS.long;
      await using client = newClient();
      await assert.rejects(ask(client), (error) => error instanceof ClientError && says.test(error.message));
    });
});

/** A message with something in every field, `depth` messages deep at most. */
function filled(table: MessageTable<unknown>, depth = 3): Record<string, unknown> {
  return Object.fromEntries(
    table.fields.map((each) => [
      each.property,
      each.repeated ? [valueFor(each, depth)] : valueFor(each, depth),
    ]),
  );
}

function valueFor({ kind, table, number }: Field, depth: number): unknown {
  if (kind === messages.MESSAGE) return depth === 0 ? {} : filled(table!, depth - 1);
  if (kind === messages.BYTES) return Buffer.from("bytes");
  if (kind === messages.STRING) return "text";
  return kind === messages.BOOL ? true : BigInt(number);
}

testWithSeed(
  "an answer that is cut or has a flipped bit is taken for what it says, or refused",
  async (seed) => {
    const random = new SeededRandom(seed);
    patienceMs = PATIENCE_MS.short;
    await using client = newClient();
    const whole = Object.entries(RPCS).map(([path, { response, ask }]) => {
      const bytes = Buffer.from(encodeMessage(response, filled(response)));
      return { path, ask, bytes };
    });
    let refused = 0;
    for (let i = 0; i < searchRuns(20, 1_000); i++) {
      const damaged = new Map<string, Buffer>();
      for (const { path, bytes } of whole) {
        const copy = Buffer.from(bytes);
        const at = random.below(bytes.length);
        copy[at]! ^= 1 << random.below(8);
        damaged.set(path, random.below(2) === 0 ? copy : bytes.subarray(0, at));
      }
      answerTo = (path) => frame(damaged.get(path)!);
      await Promise.all(
        whole.map(async ({ path, ask }) => {
          const result = await outcome(`${path}: ${damaged.get(path)!.toString("hex")}`, ask(client));
          if (String(result).includes("makes no sense")) refused++;
        }),
      );
    }
    assert.ok(refused > 0, "nothing was damaged so that it could be seen");
  },
);
