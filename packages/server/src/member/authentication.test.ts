import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import type { GrpcClient } from "@quorate/rpc/client";
import { GrpcError } from "@quorate/rpc/status";
import { until } from "@quorate/testkit/wait";
import { decode, encode } from "@quorate/wire";
import {
  AuthenticateRequestSchema,
  AuthenticateResponseSchema,
  AuthRoleAddRequestSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthStatusResponseSchema,
  AuthUserAddRequestSchema,
  AuthUserChangePasswordRequestSchema,
  AuthUserGrantRoleRequestSchema,
  LeaseGrantRequestSchema,
  LeaseLeasesResponseSchema,
  PutRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { FAILURES, type FailureCode } from "../errors.ts";
import type { LogFields, Logger } from "../log/logger.ts";
import { Member } from "./member.ts";
import { connect } from "./testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-authentication-test-"));
after(() => rmSync(root, { recursive: true, force: true }));
let directories = 0;
const newDirectory = () => path.join(root, String(directories++));
const NO_MESSAGE = new Uint8Array(0);
const SETTINGS = { bcryptCost: 4, heartbeatMs: 20, electionTicks: 10 };

/** A client with the name of a method's service left out; `token` is what all its calls come with. */
class Client {
  readonly #grpc: GrpcClient;
  token: string | undefined;

  constructor(grpc: GrpcClient) {
    this.#grpc = grpc;
  }

  call(method: string, message: Uint8Array = NO_MESSAGE): Promise<Uint8Array> {
    return this.#grpc.unary(`/etcdserverpb.${method}`, message, { metadata: this.#metadata });
  }

  async refusal(method: string, message: Uint8Array = NO_MESSAGE): Promise<readonly [number, string]> {
    try {
      await this.call(method, message);
      return [0, ""];
    } catch (error) {
      assert.ok(error instanceof GrpcError);
      return [error.code, error.details];
    }
  }

  /** Why a watcher is not created; empty when it is. */
  async watch(key: string, rangeEnd: string): Promise<string> {
    const call = this.#grpc.stream("/etcdserverpb.Watch/Watch", { metadata: this.#metadata });
    const told = Promise.withResolvers<Uint8Array>();
    call.onMessage = (message) => told.resolve(message.slice());
    const created = { key: Buffer.from(key), rangeEnd: Buffer.from(rangeEnd) };
    call.send(encode(WatchRequestSchema, { requestUnion: { case: "createRequest", value: created } }));
    const { cancelReason } = decode(WatchResponseSchema, await told.promise);
    call.cancel();
    return cancelReason;
  }

  async login(name: string, password: string): Promise<string> {
    const answer = await this.call(
      "Auth/Authenticate",
      encode(AuthenticateRequestSchema, { name, password }),
    );
    this.token = decode(AuthenticateResponseSchema, answer).token;
    return this.token;
  }

  get #metadata(): Record<string, string> {
    return this.token === undefined ? {} : { token: this.token };
  }
}

const userAdd = (name: string, password: string) => encode(AuthUserAddRequestSchema, { name, password });
const grantRole = (user: string, role: string) => encode(AuthUserGrantRoleRequestSchema, { user, role });
const put = (key: string, more: { lease?: bigint; prevKv?: boolean } = {}) =>
  encode(PutRequestSchema, { key: Buffer.from(key), value: Buffer.from("v"), ...more });
const range = (key: string, rangeEnd = "", serializable = false) =>
  encode(RangeRequestSchema, { key: Buffer.from(key), rangeEnd: Buffer.from(rangeEnd), serializable });

/** User u may write and read [b,d). */
async function enable(client: Client, rootPassword = "r", userPassword = "p"): Promise<void> {
  await client.call("Auth/UserAdd", userAdd("root", rootPassword));
  await client.call("Auth/UserGrantRole", grantRole("root", "root"));
  await client.call("Auth/UserAdd", userAdd("u", userPassword));
  await client.call("Auth/RoleAdd", encode(AuthRoleAddRequestSchema, { name: "r" }));
  const perm = { permType: 2, key: Buffer.from("b"), rangeEnd: Buffer.from("d") };
  await client.call(
    "Auth/RoleGrantPermission",
    encode(AuthRoleGrantPermissionRequestSchema, { name: "r", perm }),
  );
  await client.call("Auth/UserGrantRole", grantRole("u", "r"));
  await client.call("Auth/AuthEnable");
}

async function withMember(
  options: { dataDir: string; logger?: Logger },
  run: (client: Client, member: Member) => Promise<void>,
): Promise<void> {
  const { logger, dataDir } = options;
  await using member = await Member.start({ dataDir, ...SETTINGS }, logger === undefined ? {} : { logger });
  const grpc = await connect(member);
  try {
    await run(new Client(grpc), member);
  } finally {
    grpc.close();
  }
}

test("users and what they may do are there after a restart, and their tokens are not", async () => {
  const dataDir = newDirectory();
  let old = "";
  await withMember({ dataDir }, async (client) => {
    await enable(client);
    old = await client.login("u", "p");
    await client.call("KV/Put", put("b"));
  });
  await withMember({ dataDir }, async (client, member) => {
    const metrics = await (await fetch(`${member.clientUrls[0]}/metrics`)).text();
    assert.match(metrics, /^etcd_debugging_auth_revision 7$/m);
    const status = decode(AuthStatusResponseSchema, await client.call("Auth/AuthStatus"));
    assert.deepEqual([status.enabled, status.authRevision], [true, 7n]);
    client.token = old;
    assert.deepEqual(await client.refusal("KV/Put", put("b")), FAILURES.INVALID_AUTH_TOKEN);
    client.token = undefined;
    assert.deepEqual(await client.refusal("KV/Put", put("b")), FAILURES.USER_NAME_EMPTY);
    await client.login("u", "p");
    await client.call("KV/Put", put("c"));
    const { count } = decode(RangeResponseSchema, await client.call("KV/Range", range("b", "d")));
    assert.equal(count, 2n);
    assert.deepEqual(await client.refusal("KV/Put", put("d")), FAILURES.PERMISSION_DENIED);
    client.token = undefined;
    await client.login("root", "r");
    await client.call("Auth/AuthDisable");
  });
  await withMember({ dataDir }, async (client) => {
    await client.call("KV/Put", put("z"));
  });
});

const asked: readonly { name: string; method: string; message?: Uint8Array; u?: FailureCode }[] = [
  { name: "a read", method: "KV/Range", message: range("b") },
  { name: "a read of more", method: "KV/Range", message: range("b", "\0"), u: "PERMISSION_DENIED" },
  { name: "a local read", method: "KV/Range", message: range("a", "", true), u: "PERMISSION_DENIED" },
  { name: "a put", method: "KV/Put", message: put("b", { prevKv: true }) },
  { name: "a put of another key", method: "KV/Put", message: put("a"), u: "PERMISSION_DENIED" },
  { name: "a grant", method: "Lease/LeaseGrant", message: encode(LeaseGrantRequestSchema, { TTL: 100n }) },
  { name: "all leases", method: "Lease/LeaseLeases" },
  { name: "the members", method: "Cluster/MemberList" },
  { name: "the status", method: "Maintenance/Status" },
  { name: "a compaction", method: "KV/Compact", u: "PERMISSION_DENIED" },
  { name: "a defragmentation", method: "Maintenance/Defragment", u: "PERMISSION_DENIED" },
  { name: "all users", method: "Auth/UserList", u: "PERMISSION_DENIED" },
];

test("every call is permitted to who may make it", async () => {
  await withMember({ dataDir: newDirectory() }, async (client) => {
    await enable(client);
    for (const { name, method, message } of asked) {
      client.token = undefined;
      assert.deepEqual(await client.refusal(method, message), FAILURES.USER_NAME_EMPTY, name);
      client.token = "x.1";
      assert.deepEqual(await client.refusal(method, message), FAILURES.INVALID_AUTH_TOKEN, name);
    }
    client.token = undefined;
    await client.login("u", "p");
    for (const { name, method, message, u } of asked) {
      const [code, text] = await client.refusal(method, message);
      assert.deepEqual([code, text], u === undefined ? [0, ""] : FAILURES[u], name);
    }
    const denied = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
    assert.equal(await client.watch("b", "d"), "");
    assert.equal(await client.watch("b", ""), "");
    assert.equal(await client.watch("a", ""), denied);
    assert.equal(await client.watch("b", "\0"), denied);
    client.token = undefined;
    const nobody = "rpc error: code = InvalidArgument desc = etcdserver: user name is empty";
    assert.equal(await client.watch("b", ""), nobody);
    client.token = "x";
    const invalid = "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token";
    assert.equal(await client.watch("b", ""), invalid);
  });
});

test("leases end by themselves whoever they belong to, and a member is well without a user", async () => {
  await withMember({ dataDir: newDirectory() }, async (client) => {
    await enable(client);
    await client.login("u", "p");
    await client.call("Lease/LeaseGrant", encode(LeaseGrantRequestSchema, { ID: 7n, TTL: 1n }));
    await client.call("KV/Put", put("b", { lease: 7n }));
    const count = async () => decode(RangeResponseSchema, await client.call("KV/Range", range("b"))).count;
    const leases = async () =>
      decode(LeaseLeasesResponseSchema, await client.call("Lease/LeaseLeases")).leases.length;
    assert.deepEqual([await count(), await leases()], [1n, 1]);
    await until(async () => (await count()) === 0n);
    assert.equal(await leases(), 0);
  });
});

/** Everything that is logged, of whatever level, as text. */
function recorder(): { logger: Logger; text: () => string } {
  const lines: string[] = [];
  const write = (message: string, fields?: LogFields) => {
    lines.push(
      `${message} ${JSON.stringify(fields ?? {}, (_key, value) => (typeof value === "bigint" ? `${value}` : value))}`,
    );
  };
  const logger: Logger = {
    debug: write,
    info: write,
    warn: write,
    error: write,
    fatal: write,
    for: () => logger,
  };
  return { logger, text: () => lines.join("\n") };
}

/** What all files below a directory hold. */
function contentOf(directory: string): string {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((name) => path.join(directory, name))
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file, "latin1"))
    .join("");
}

test("no password is told, logged or stored, and no token is logged", async () => {
  const dataDir = newDirectory();
  const { logger, text } = recorder();
  const told: string[] = [];
  let token = "";
  await withMember({ dataDir, logger }, async (client) => {
    await enable(client, "planted-secret-root", "planted-secret-u");
    told.push(
      ...(
        await client.refusal(
          "Auth/Authenticate",
          encode(AuthenticateRequestSchema, { name: "u", password: "planted-secret-wrong" }),
        )
      ).map(String),
    );
    token = await client.login("root", "planted-secret-root");
    const change = { name: "u", password: "planted-secret-new" };
    await client.call("Auth/UserChangePassword", encode(AuthUserChangePasswordRequestSchema, change));
    told.push(
      ...(await client.refusal("Auth/UserAdd", userAdd("v", `planted-secret-${"x".repeat(80)}`))).map(String),
    );
    client.token = `${token}planted-secret-token`;
    told.push(...(await client.refusal("KV/Range", range("b"))).map(String));
    client.token = "Bearer planted-secret-other";
    told.push(...(await client.refusal("Auth/UserList")).map(String));
  });
  const stored = contentOf(dataDir);
  assert.ok(stored.includes("root") && stored.includes("$2a$04$"));
  for (const [where, content] of [
    ["what clients are told", told.join("\n")],
    ["the log", text()],
    ["the files", stored],
  ] as const) {
    assert.equal(/planted-secret-\w*/.exec(content), null, where);
  }
  assert.ok(text().length > 0 && token.length > 16);
  assert.equal(text().includes(token.slice(0, 16)), false);
});
