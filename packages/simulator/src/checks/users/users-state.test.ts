import assert from "node:assert/strict";
import test from "node:test";
import { encode } from "@quorate/wire";
import {
  AuthRoleGrantPermissionRequestSchema,
  AuthRoleRevokePermissionRequestSchema,
  AuthUserGrantRoleRequestSchema,
} from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { ACCESS, afterChange, FIRST_USERS, type UsersState, whyNoAccess } from "./users-state.ts";

type Granted = readonly [type: number, key: string, end: string];
const [R, W, RW] = [0, 1, 2];

const stateOf = (...granted: readonly Granted[]): UsersState => ({
  isEnabled: true,
  revision: 8,
  users: new Map([
    ["root", { hash: "", roles: ["root"] }],
    ["u", { hash: "", roles: ["r"] }],
  ]),
  roles: new Map([["r", granted.map(([type, key, end]) => ({ type, key, end }))]]),
});

const verdicts: readonly {
  granted: readonly Granted[];
  allowed: readonly string[];
  denied: readonly string[];
}[] = [
  {
    granted: [
      [R, "a", "c"],
      [R, "x", "z"],
    ],
    allowed: ["a b", "x z"],
    denied: ["a z"],
  },
  {
    granted: [
      [R, "a", "f"],
      [R, "c", "d"],
      [R, "f", "z"],
    ],
    allowed: ["a z"],
    denied: ["a \0"],
  },
  {
    granted: [
      [R, "a", "d"],
      [R, "a", "b"],
      [R, "c", "f"],
    ],
    allowed: ["a f", "d "],
    denied: ["a \0", "f "],
  },
  { granted: [[R, "a", "\0"]], allowed: ["a \0", "zz "], denied: ["A "] },
  { granted: [[R, "foo", ""]], allowed: ["foo ", "foo foo\0"], denied: ["foo \0", "foo fop", "fo "] },
  { granted: [[W, "a", "z"]], allowed: [], denied: ["a "] },
  { granted: [[RW, "a", "z"]], allowed: ["a "], denied: ["z "] },
];
for (const { granted, allowed, denied } of verdicts) {
  test(`whoever may have ${granted.join(" and ")} may read [${allowed}] and not [${denied}]`, () => {
    const state = stateOf(...granted);
    const caller = { username: "u", authRevision: 8 };
    const why = (interval: string) => {
      const [key, end] = interval.split(" ");
      return whyNoAccess(state, caller, ACCESS.read, key!, end!);
    };
    for (const interval of allowed) assert.equal(why(interval), undefined, interval);
    for (const interval of denied) assert.equal(why(interval), "permission denied", interval);
  });
}

const callers = [
  { username: "", authRevision: 0, want: "user name is empty" },
  { username: "u", authRevision: 7, want: "revision of auth store is old" },
  { username: "root", authRevision: 7, want: "revision of auth store is old" },
  { username: "gone", authRevision: 8, want: "permission denied" },
  { username: "u", authRevision: 8, want: "permission denied" },
  { username: "root", authRevision: 8, want: undefined },
];
for (const { want, ...caller } of callers) {
  test(`"${caller.username}" of revision ${caller.authRevision} is told: ${want}`, () => {
    assert.equal(whyNoAccess(stateOf([R, "a", ""]), caller, ACCESS.write, "a", ""), want);
    assert.equal(whyNoAccess({ ...stateOf(), isEnabled: false }, caller, ACCESS.write, "a", ""), undefined);
  });
}

const ROOT = { username: "root", authRevision: 8 };

test("a permission that is granted twice behind another one of its key is there twice, and goes at once", () => {
  const grant = (state: UsersState, permType: number, key: string, end: string) => {
    const perm = { permType, key: Buffer.from(key), rangeEnd: Buffer.from(end) };
    const body = encode(AuthRoleGrantPermissionRequestSchema, { name: "r", perm });
    return afterChange(state, InternalField.authRoleGrantPermission, body, ROOT) as UsersState;
  };
  const granted = grant(grant(stateOf([RW, "a", ""], [RW, "a", "c"]), R, "a", "c"), R, "a", "");
  assert.deepEqual(
    granted.roles.get("r")!.map(({ type, end }) => [type, end]),
    [
      [R, ""],
      [RW, "c"],
      [R, "c"],
    ],
  );
  assert.equal(granted.revision, 10);
  const keys = { role: "r", key: Buffer.from("a"), rangeEnd: Buffer.from("c") };
  const body = encode(AuthRoleRevokePermissionRequestSchema, keys);
  const revoked = afterChange(granted, InternalField.authRoleRevokePermission, body, ROOT) as UsersState;
  assert.deepEqual(revoked.roles.get("r"), [{ type: R, key: "a", end: "" }]);
});

test("what changes nothing is not counted, and nobody but root changes anything", () => {
  const state = stateOf();
  const body = encode(AuthUserGrantRoleRequestSchema, { user: "u", role: "r" });
  const field = InternalField.authUserGrantRole;
  assert.equal(afterChange(state, field, body, ROOT), state);
  assert.equal(afterChange(state, field, body, { username: "u", authRevision: 8 }), "permission denied");
  assert.equal(afterChange(state, field, body, { username: "", authRevision: 0 }), "user name is empty");
  assert.equal(afterChange(state, InternalField.put, body, ROOT), undefined);
  const noRoot = { ...FIRST_USERS, users: new Map([["root", { hash: "", roles: [] }]]) };
  assert.equal(afterChange(noRoot, InternalField.authEnable, new Uint8Array(0), ROOT), "of another kind");
});
