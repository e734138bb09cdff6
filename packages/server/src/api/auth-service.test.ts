import assert from "node:assert/strict";
import test from "node:test";
import { Code } from "@quorate/rpc/status";
import { until } from "@quorate/testkit/wait";
import { decode, encode } from "@quorate/wire";
import {
  AuthenticateRequestSchema,
  AuthenticateResponseSchema,
  AuthStatusResponseSchema,
  AuthUserAddRequestSchema,
  AuthUserChangePasswordRequestSchema,
  AuthUserDeleteRequestSchema,
  AuthUserGetRequestSchema,
  AuthUserGetResponseSchema,
  AuthUserGrantRoleRequestSchema,
} from "@quorate/wire/etcdserverpb";
import { FAILURES, RequestError } from "../errors.ts";
import { addAuthService } from "./auth-service.ts";
import { ClusterHarness, LOCAL_ID, testMember } from "./cluster-context.testing.ts";
import { localCalls } from "./local-calls.ts";
import { Services } from "./services.ts";

const NO_MESSAGE = new Uint8Array(0);
const credentials = (name: string, password: string) => encode(AuthenticateRequestSchema, { name, password });
const userAdd = (name: string, password: string, noPassword = false) =>
  encode(AuthUserAddRequestSchema, { name, password, options: { noPassword } });

function member() {
  const cluster = new ClusterHarness([testMember(Number(LOCAL_ID))]);
  cluster.membership.applyVersion("3.7.0");
  const proposed: Uint8Array[] = [];
  const { propose } = cluster.consensus;
  cluster.consensus.propose = (proposal) => {
    proposed.push(proposal.data);
    cluster.consensus.appliedIndex += 1;
    cluster.backend.setConsistentIndex(cluster.consensus.appliedIndex, 2);
    propose(proposal);
  };
  const services = new Services(cluster.context);
  addAuthService(services, cluster.context);
  const calls = localCalls(services, cluster.clock, 100_000);
  const call = async (method: string, message = NO_MESSAGE, token?: string) => {
    const answers: Uint8Array[] = [];
    let status: [number, string] | undefined;
    const sink = {
      onMessage: (answer: Uint8Array) => void answers.push(answer.slice()),
      onParts: () => assert.fail("an answer in parts"),
      onPauseReading: () => {},
      onResumeReading: () => {},
      onEnd: (code: number, text: string) => {
        status = [code, text];
      },
    };
    const metadata = new Map(token === undefined ? [] : [["token", [token]]]);
    calls.start(`/etcdserverpb.Auth/${method}`, metadata, Number.POSITIVE_INFINITY, sink).send(message);
    await until(() => status !== undefined);
    return { status, answer: answers[0] ?? NO_MESSAGE };
  };
  const ok = async (method: string, message = NO_MESSAGE, token?: string) => {
    const { status, answer } = await call(method, message, token);
    assert.deepEqual(status, [Code.OK, ""], method);
    return answer;
  };
  const login = async (name: string, password: string) =>
    decode(AuthenticateResponseSchema, await ok("Authenticate", credentials(name, password))).token;
  /** User root with password `r`, user u with password `p`, and one without; then authentication is enabled. */
  const enable = async () => {
    await ok("UserAdd", userAdd("root", "r"));
    await ok("UserGrantRole", encode(AuthUserGrantRoleRequestSchema, { user: "root", role: "root" }));
    await ok("UserAdd", userAdd("u", "p"));
    await ok("UserAdd", userAdd("np", "", true));
    await ok("AuthEnable");
  };
  return { cluster, proposed, call, ok, login, enable };
}

test("who wants a token is told that none is needed, once the member knows that it is up to date", async () => {
  const { cluster, call } = member();
  for (const message of [credentials("root", "x"), NO_MESSAGE]) {
    const { status } = await call("Authenticate", message);
    assert.deepEqual(status, [Code.FAILED_PRECONDITION, "etcdserver: authentication is not enabled"]);
  }
  assert.equal(cluster.consensus.reads, 2);
  cluster.consensus.readError = new RequestError("TIMEOUT");
  assert.deepEqual((await call("Authenticate", credentials("root", "x"))).status, FAILURES.TIMEOUT);
});

const revisions = [
  { name: "without a stored revision it is the first", stored: undefined, revision: 1n },
  { name: "a stored revision is told", stored: "0000000000000008", revision: 8n },
  { name: "a stored zero stands for the first", stored: "0000000000000000", revision: 1n },
];
for (const { name, stored, revision } of revisions) {
  test(`authentication is told to be off; ${name}`, async () => {
    const { cluster, ok } = member();
    if (stored !== undefined) {
      cluster.backend.put("auth", Buffer.from("authRevision"), Buffer.from(stored, "hex"));
      cluster.auth.restore();
    }
    const { enabled, authRevision, header } = decode(AuthStatusResponseSchema, await ok("AuthStatus"));
    assert.deepEqual([enabled, authRevision, header?.revision], [false, revision, 5n]);
    assert.equal(cluster.consensus.reads, 1);
  });
}

test("a token is what proves who one is, and not what looks like one", async () => {
  const { ok, call, enable, login } = member();
  await enable();
  const token = await login("u", "p");
  assert.match(token, /^[a-zA-Z]{16}\.15$/);
  const ask = encode(AuthUserGetRequestSchema, { name: "u" });
  assert.deepEqual(decode(AuthUserGetResponseSchema, await ok("UserGet", ask, token)).roles, []);
  assert.deepEqual(decode(AuthUserGetResponseSchema, await ok("UserGet", ask, `Bearer ${token}`)).roles, []);
  for (const wrong of ["", "x", "x.y", "x.-1", "x.1.2", "x.1", `${token}0`, `bearer ${token}`]) {
    assert.deepEqual((await call("UserGet", ask, wrong)).status, FAILURES.INVALID_AUTH_TOKEN, wrong);
    assert.deepEqual(
      (await call("AuthStatus", NO_MESSAGE, wrong)).status,
      FAILURES.INVALID_AUTH_TOKEN,
      wrong,
    );
  }
  assert.deepEqual((await call("UserGet", ask)).status, FAILURES.USER_NAME_EMPTY);
  assert.deepEqual((await call("UserList", NO_MESSAGE, token)).status, FAILURES.PERMISSION_DENIED);
  await ok("AuthStatus");
  await ok("UserList", NO_MESSAGE, await login("root", "r"));
});

test("who logs in need not wait for what the old token waits for", async () => {
  const { cluster, call, enable } = member();
  await enable();
  const examined: string[] = [];
  cluster.tokens.examine = async (token) => void examined.push(token);
  const old = "abcdefghijklmnop.99999999999";
  assert.deepEqual((await call("Authenticate", credentials("u", "p"), old)).status, [Code.OK, ""]);
  assert.deepEqual(examined, []);
  assert.deepEqual((await call("UserList", NO_MESSAGE, old)).status, FAILURES.INVALID_AUTH_TOKEN);
  assert.deepEqual(examined, [old]);
});

test("passwords are compared as the user has them", async () => {
  const { call, enable } = member();
  await enable();
  const cases = [
    { name: "u", password: "wrong", want: FAILURES.AUTH_FAILED },
    { name: "u", password: "", want: FAILURES.AUTH_FAILED },
    { name: "nobody", password: "p", want: FAILURES.AUTH_FAILED },
    { name: "np", password: "p", want: FAILURES.NO_PASSWORD_USER },
  ];
  for (const { name, password, want } of cases) {
    assert.deepEqual((await call("Authenticate", credentials(name, password))).status, want, name);
  }
});

test("a token holds no longer when its user has another password, and all do not when there is no authentication", async () => {
  const { call, ok, enable, login } = member();
  await enable();
  const [root, u] = [await login("root", "r"), await login("u", "p")];
  const ask = encode(AuthUserGetRequestSchema, { name: "u" });
  await ok("UserGet", ask, u);
  const change = encode(AuthUserChangePasswordRequestSchema, { name: "u", password: "q" });
  await ok("UserChangePassword", change, root);
  assert.deepEqual((await call("UserGet", ask, u)).status, FAILURES.INVALID_AUTH_TOKEN);
  assert.deepEqual((await call("Authenticate", credentials("u", "p"))).status, FAILURES.AUTH_FAILED);
  await ok("UserGet", ask, await login("u", "q"));
  await ok("AuthDisable", NO_MESSAGE, root);
  await ok("UserGet", ask, "any garbage");
  await ok("AuthEnable");
  assert.deepEqual((await call("UserList", NO_MESSAGE, root)).status, FAILURES.INVALID_AUTH_TOKEN);
});

test("a password that has changed while it was compared gives no token", async () => {
  const { cluster, call, enable } = member();
  await enable();
  const { propose } = cluster.consensus;
  cluster.consensus.propose = (proposal) => {
    cluster.consensus.propose = propose;
    cluster.auth.changePassword("u", () => Buffer.from("other"));
    propose(proposal);
  };
  assert.deepEqual((await call("Authenticate", credentials("u", "p"))).status, FAILURES.AUTH_FAILED);
});

test("no password is in an entry of the log", async () => {
  const { proposed, ok, call, enable, login } = member();
  await ok("UserAdd", userAdd("planted-user", "planted-secret-1"));
  await ok("UserAdd", userAdd("planted-np", "planted-secret-2", true));
  const change = encode(AuthUserChangePasswordRequestSchema, {
    name: "planted-user",
    password: "planted-secret-3",
  });
  await ok("UserChangePassword", change);
  await enable();
  await login("planted-user", "planted-secret-3");
  await call("Authenticate", credentials("planted-user", "planted-secret-4"));
  const log = Buffer.concat(proposed).toString("latin1");
  assert.ok(log.includes("planted-user"));
  assert.equal(/planted-secret/.exec(log), null);
});

test("what a password or a name may be", async () => {
  const { call, ok } = member();
  const cases = [
    { message: userAdd("u", "x".repeat(73)), want: FAILURES.PASSWORD_TOO_LONG },
    { message: userAdd("", "p"), want: FAILURES.USER_NAME_EMPTY },
    { message: userAdd("x".repeat(40_000), "p"), want: FAILURES.REQUEST_TOO_LARGE },
  ];
  for (const { message, want } of cases) assert.deepEqual((await call("UserAdd", message)).status, want);
  await ok("UserAdd", userAdd("u", "x".repeat(72)));
  assert.deepEqual((await call("UserAdd", userAdd("u", "p"))).status, FAILURES.USER_EXISTS);
  const withHash = encode(AuthUserChangePasswordRequestSchema, { name: "u", hashedPassword: "no base64!" });
  assert.deepEqual((await call("UserChangePassword", withHash)).status, FAILURES.NO_PASSWORD_USER);
  const gone = encode(AuthUserDeleteRequestSchema, { name: "v" });
  assert.deepEqual((await call("UserDelete", gone)).status, FAILURES.USER_NOT_FOUND);
});
