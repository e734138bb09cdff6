import assert from "node:assert/strict";
import test from "node:test";
import { create } from "@bufbuild/protobuf";
import { PermissionSchema } from "@quorate/wire/authpb";
import { PermissionType } from "../auth/records.ts";
import { bytes, compare, op, putRequest, txnRequest } from "../mvcc/testing.ts";
import type { Needs } from "./access.ts";
import { type Caller, IMPOSTOR, NOBODY } from "./caller.ts";
import { execute } from "./operation.ts";
import { PUT } from "./put.ts";
import { newState, refusalOf } from "./testing.ts";
import { needsOfTxn } from "./txn.ts";
import { UserAccess } from "./user-access.ts";

const NO_END = new Uint8Array(0);
const NO_HASH = new Uint8Array(0);
const LEASE = 7n;

/** User u may read and write [b,d) and write [w,x); root everything. Lease 7 has key c. */
async function enabledState() {
  const state = await newState();
  const { auth, lessor } = state;
  for (const name of ["root", "u"]) auth.addUser({ name, hash: NO_HASH, options: undefined });
  auth.grantRole("root", "root");
  auth.addRole("r");
  auth.grantRole("u", "r");
  const grant = (permType: number, key: string, rangeEnd: string) =>
    auth.grantPermission(
      "r",
      create(PermissionSchema, { permType, key: bytes(key), rangeEnd: bytes(rangeEnd) }),
    );
  grant(PermissionType.READWRITE, "b", "d");
  grant(PermissionType.WRITE, "w", "x");
  auth.enable();
  lessor.attach(bytes("c"), LEASE);
  const access = new UserAccess(auth, lessor);
  const caller = (username: string, authRevision = auth.revision): Caller => ({
    ...NOBODY,
    username,
    authRevision,
  });
  return { ...state, access, caller };
}

interface Case {
  readonly name: string;
  readonly ask: (needs: Needs) => unknown;
  /** What nobody, u, root and a user that is not there are told. */
  readonly nobody?: string;
  readonly u?: string;
  readonly gone?: string;
}

const DENIED = "PERMISSION_DENIED";
const cases: Case[] = [
  { name: "to read what is granted", ask: (needs) => needs.read(bytes("b"), bytes("d")), gone: DENIED },
  { name: "to read more", ask: (needs) => needs.read(bytes("b"), bytes("e")), u: DENIED, gone: DENIED },
  { name: "to read all", ask: (needs) => needs.read(bytes("b"), bytes("\0")), u: DENIED, gone: DENIED },
  {
    name: "to read what may be written",
    ask: (needs) => needs.read(bytes("w"), NO_END),
    u: DENIED,
    gone: DENIED,
  },
  { name: "to write what is granted", ask: (needs) => needs.write(bytes("w"), NO_END), gone: DENIED },
  { name: "to write what is not", ask: (needs) => needs.write(bytes("a"), NO_END), u: DENIED, gone: DENIED },
  { name: "to write what a lease has", ask: (needs) => needs.writeAttached(LEASE), gone: DENIED },
  { name: "to write what no lease has", ask: (needs) => needs.writeAttached(99n), nobody: "none" },
  { name: "to read what a lease has", ask: (needs) => needs.readAttached(LEASE), gone: DENIED },
  { name: "to read what leases have", ask: (needs) => needs.readAllAttached(), gone: DENIED },
  { name: "to be somebody", ask: (needs) => needs.user() },
  {
    name: "to be an administrator",
    ask: (needs) => needs.administrator(),
    u: DENIED,
    gone: "USER_NOT_FOUND",
  },
  { name: "to be oneself", ask: (needs) => needs.self("u"), gone: "USER_NOT_FOUND" },
  { name: "to be somebody else", ask: (needs) => needs.self("v"), u: DENIED, gone: "USER_NOT_FOUND" },
  { name: "to have a role", ask: (needs) => needs.holder("r"), gone: "USER_NOT_FOUND" },
  { name: "to have another role", ask: (needs) => needs.holder("s"), u: DENIED, gone: "USER_NOT_FOUND" },
  { name: "that nothing has changed", ask: (needs) => needs.unchanged(), nobody: "none" },
  {
    name: "what a branch that is not taken would read",
    ask: (needs) => needsOfTxn(txnRequest({ compare: [compare("b", {})], failure: [op.range("a")] }), needs),
    u: DENIED,
    gone: DENIED,
  },
  {
    name: "what a nested transaction would write",
    ask: (needs) =>
      needsOfTxn(
        txnRequest({
          success: [op.txn(txnRequest({ success: [op.txn(txnRequest({ failure: [op.delete("a")] }))] }))],
        }),
        needs,
      ),
    u: DENIED,
    gone: DENIED,
  },
];
for (const { name, ask, nobody = "USER_NAME_EMPTY", u = "none", gone = "none" } of cases) {
  test(`who may do what: ${name}`, async () => {
    const { access, caller } = await enabledState();
    const told = (who: Caller) => refusalOf(async () => ask(access.needsOf(who)));
    assert.deepEqual(
      [await told(NOBODY), await told(caller("u")), await told(caller("root")), await told(caller("gone"))],
      [nobody, u, "none", gone],
    );
    assert.equal(await told(IMPOSTOR), "INVALID_AUTH_TOKEN");
  });
}

test("an older revision says nothing of keys, also root's; who one is it says all the same", async () => {
  const { access, auth, caller } = await enabledState();
  for (const name of ["u", "root"]) {
    const needs = access.needsOf(caller(name, auth.revision - 1));
    assert.equal(await refusalOf(() => needs.read(bytes("b"), NO_END)), "AUTH_OLD_REVISION");
    assert.equal(await refusalOf(() => needs.unchanged()), "AUTH_OLD_REVISION");
    needs.user();
  }
  access.needsOf(caller("root", 1)).administrator();
  const later = access.needsOf(caller("u", auth.revision + 1));
  later.write(bytes("b"), NO_END);
  assert.equal(await refusalOf(() => later.unchanged()), "AUTH_OLD_REVISION");
});

test("a lease with one key of others is not to be had, and its keys are not to be read", async () => {
  const { access, lessor, caller } = await enabledState();
  lessor.attach(bytes("a"), LEASE);
  const needs = access.needsOf(caller("u"));
  assert.equal(await refusalOf(() => needs.writeAttached(LEASE)), DENIED);
  assert.equal(await refusalOf(() => needs.readAttached(LEASE)), DENIED);
  assert.equal(await refusalOf(() => needs.readAllAttached()), DENIED);
  access.needsOf(caller("root")).writeAttached(LEASE);
});

test("what takes several turns does not hold when users change meanwhile", async () => {
  const { access, auth, caller } = await enabledState();
  const asked = access.needsOf(caller("u")).readAllAttached();
  auth.addRole("another");
  assert.equal(await refusalOf(() => asked), "AUTH_OLD_REVISION");
});

test("an entry is refused or not by who it names, and by what is so when it is applied", async () => {
  const state = await enabledState();
  const { auth, caller } = state;
  const put = putRequest("b");
  const run = (who: Caller) => refusalOf(() => execute(PUT, state, put, PUT.costBytes(put), who, true));
  const old = caller("u");
  assert.equal(await run(NOBODY), "USER_NAME_EMPTY");
  assert.equal(await run(old), "none");
  auth.addRole("s");
  assert.equal(await run(old), "AUTH_OLD_REVISION");
  assert.equal(await run(caller("u")), "none");
  auth.disable();
  assert.equal(await run(old), "none");
  assert.equal(await run(NOBODY), "none");
  assert.equal(state.store.currentRevision, 5);
});

test("each key of a lease is asked about once, and again when permissions change", async () => {
  const { access, auth, lessor, caller } = await enabledState();
  let visited = 0;
  const visitKeys = lessor.visitKeys.bind(lessor);
  lessor.visitKeys = (id, mark, visit) =>
    visitKeys(id, mark, (key) => {
      visited += 1;
      visit(key);
    });
  const ask = async (name = "u") => {
    visited = 0;
    const refusal = await refusalOf(() => access.needsOf(caller(name)).writeAttached(LEASE));
    return [visited, refusal];
  };
  for (let i = 0; i < 100; i++) lessor.attach(bytes(`c${i}`), LEASE);
  assert.deepEqual(await ask(), [101, "none"]);
  assert.deepEqual(await ask(), [0, "none"]);
  lessor.attach(bytes("c-new"), LEASE);
  lessor.detach(bytes("c7"));
  assert.deepEqual(await ask(), [1, "none"]);
  // A key that comes back, and another one in the place of one that has gone, are new.
  lessor.detach(bytes("c8"));
  lessor.attach(bytes("c7"), LEASE);
  lessor.attach(bytes("x"), LEASE);
  assert.deepEqual(await ask(), [1, DENIED]);
  assert.deepEqual(await ask(), [1, DENIED]);
  lessor.detach(bytes("x"));
  assert.deepEqual(await ask(), [1, "none"]);
  auth.addRole("another");
  assert.deepEqual(await ask(), [101, "none"]);
  assert.deepEqual(await ask("gone"), [1, DENIED]);
});
