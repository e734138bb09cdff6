import assert from "node:assert/strict";
import test from "node:test";
import { encode } from "@quorate/wire";
import { AuthenticateRequestSchema, PutRequestSchema, RangeRequestSchema } from "@quorate/wire/etcdserverpb";
import type { UserCall } from "../../clients/session.ts";
import { passwordHash } from "../../world/simulated-cryptography.ts";
import { checkCalls } from "./check-calls.ts";
import { type Decisions, entryKey } from "./check-entries.ts";
import { FIRST_USERS, type UsersState } from "./users-state.ts";

const hashOf = (password: string) => Buffer.from(passwordHash(password)).toString("base64");
const ON: UsersState = {
  isEnabled: true,
  revision: 5,
  users: new Map([["u", { hash: hashOf("p"), roles: ["r"] }]]),
  roles: new Map([["r", [{ type: 0, key: "a", end: "" }]]]),
};
const WIDER: UsersState = { ...ON, revision: 6, roles: new Map([["r", [{ type: 2, key: "a", end: "\0" }]]]) };
const OTHER_PASSWORD: UsersState = {
  ...WIDER,
  revision: 7,
  users: new Map([["u", { hash: hashOf("q"), roles: ["r"] }]]),
};
const PUT = encode(PutRequestSchema, { key: Buffer.from("a"), value: Buffer.from("1") });
const REFUSED_PUT = encode(PutRequestSchema, { key: Buffer.from("a"), value: Buffer.from("2") });
/** After the entries 0, 1, and so on: users from 2 on, who may do more from 5 on, and another password from 8 on. */
const DECISIONS: Decisions = {
  after: [FIRST_USERS, FIRST_USERS, ON, ON, ON, WIDER, WIDER, WIDER, OTHER_PASSWORD, OTHER_PASSWORD],
  entries: new Map([
    [entryKey("u", PUT), [{ index: 6, refusal: undefined }]],
    [entryKey("u", REFUSED_PUT), [{ index: 4, refusal: "permission denied" }]],
  ]),
  users: OTHER_PASSWORD,
};

const call = (from: number, to: number, error: string, changed: Partial<UserCall> = {}): UserCall => ({
  user: "u",
  token: "t.2",
  method: "KV/Put",
  request: PUT,
  member: "m1",
  password: undefined,
  floorIndex: from,
  memberIndex: from,
  endIndex: to,
  error,
  given: undefined,
  usedMs: undefined,
  ...changed,
});
const range = (key: string, serializable = false) => ({
  method: "KV/Range",
  request: encode(RangeRequestSchema, { key: Buffer.from(key), serializable }),
});
const login = (password: string, given?: string) => ({
  method: "Auth/Authenticate",
  request: encode(AuthenticateRequestSchema, { name: "u", password }),
  token: undefined,
  password,
  given,
});
const DENIED = "etcdserver: permission denied";
const NO_NAME = "etcdserver: user name is empty";
const NO_TOKEN = "etcdserver: invalid auth token";
const OLD = "etcdserver: revision of auth store is old";
const NO_LOGIN = "etcdserver: authentication failed, invalid user ID or password";

const cases: readonly { name: string; call: UserCall; wrong?: RegExp }[] = [
  { name: "a put that is in the log", call: call(5, 6, "") },
  { name: "a put that is not there yet", call: call(3, 5, ""), wrong: /no entry says so/ },
  { name: "a put that was refused there", call: call(3, 4, DENIED, { request: REFUSED_PUT }) },
  { name: "a put that was made and refused", call: call(5, 6, DENIED), wrong: /no entry says so/ },
  {
    name: "a put that was refused and made",
    call: call(3, 4, "", { request: REFUSED_PUT }),
    wrong: /no entry/,
  },
  { name: "a read that is allowed", call: call(3, 3, "", range("a")) },
  { name: "a read that will be allowed", call: call(3, 4, "", range("b")), wrong: /may not read/ },
  { name: "a read that may have been in time", call: call(3, 5, "", range("b")) },
  { name: "a read that may have been too early", call: call(3, 5, DENIED, range("b")) },
  { name: "a read that was allowed when it began", call: call(5, 6, DENIED, range("b")), wrong: /may read/ },
  {
    name: "a read of a member that is behind",
    call: call(5, 6, DENIED, { ...range("b", true), memberIndex: 3 }),
  },
  { name: "root is refused", call: call(5, 6, DENIED, { user: "root" }), wrong: /root may do everything/ },
  { name: "who has no token, and needs one", call: call(3, 3, NO_NAME, { token: undefined }) },
  {
    name: "who has no token, and needs none",
    call: call(0, 1, NO_NAME, { token: undefined }),
    wrong: /need not/,
  },
  { name: "who has a token", call: call(3, 4, NO_NAME), wrong: /has said who it is/ },
  { name: "what has changed", call: call(4, 5, OLD) },
  { name: "what has not changed", call: call(3, 4, OLD), wrong: /nothing has changed/ },
  { name: "a token that nobody knows yet", call: call(3, 4, NO_TOKEN) },
  {
    name: "a token that was just taken",
    call: call(3, 4, NO_TOKEN, { usedMs: 100 }),
    wrong: /100 ms before/,
  },
  { name: "a token that was not used for long", call: call(3, 4, NO_TOKEN, { usedMs: 950 }) },
  { name: "a token from before the change", call: call(6, 8, NO_TOKEN, { usedMs: 100 }) },
  { name: "a token that was dropped", call: call(8, 9, "", range("a")), wrong: /dropped before/ },
  { name: "a login", call: call(3, 4, "", login("p", "x.3")) },
  { name: "a login with another password", call: call(3, 4, "", login("q", "x.3")), wrong: /is wrong/ },
  { name: "a login with the old one, just in time", call: call(6, 8, "", login("p", "x.7")) },
  { name: "a login with the old one, too late", call: call(6, 9, "", login("p", "x.8")), wrong: /is wrong/ },
  { name: "a failed login", call: call(3, 4, NO_LOGIN, login("q")) },
  { name: "a failed login with the password", call: call(3, 4, NO_LOGIN, login("p")), wrong: /is right/ },
];
for (const { name, call: made, wrong } of cases) {
  test(`${name}: ${wrong === undefined ? "nothing is wrong" : "it is found"}`, () => {
    const found = checkCalls([made], DECISIONS, 1_000);
    if (wrong === undefined) assert.deepEqual(found, []);
    else assert.match(found.join("\n"), wrong);
  });
}

test("a signed token is judged by the revision that it names", () => {
  const claims = Buffer.from(JSON.stringify({ revision: 5, username: "u" })).toString("base64url");
  const token = `h.${claims}.s`;
  const check = (made: UserCall) => checkCalls([made], DECISIONS, undefined);
  assert.deepEqual(check(call(3, 4, "", { ...range("a"), token })), []);
  assert.match(check(call(6, 7, "", { ...range("a"), token })).join(), /may not read/);
  assert.deepEqual(check(call(6, 7, OLD, { ...range("a"), token })), []);
  assert.match(check(call(3, 4, OLD, { ...range("a"), token })).join(), /nothing has changed/);
});
