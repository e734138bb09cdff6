import assert from "node:assert/strict";
import test from "node:test";
import { create } from "@bufbuild/protobuf";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { ManualClock } from "@quorate/testkit/clock";
import { type Permission, PermissionSchema } from "@quorate/wire/authpb";
import { type FailureCode, RequestError } from "../errors.ts";
import { AuthStore } from "./auth-store.ts";
import { PermissionType } from "./records.ts";

const { READ, READWRITE, WRITE } = PermissionType;
const bytes = (text: string) => Buffer.from(text, "latin1");
const NO_HASH = new Uint8Array(0);
const permission = (permType: number, key: string, rangeEnd = ""): Permission =>
  create(PermissionSchema, { permType, key: bytes(key), rangeEnd: bytes(rangeEnd) });

function newStore() {
  const backend = new MemoryBackend({ clock: new ManualClock() });
  const auth = new AuthStore(backend);
  const stored = (table: "auth" | "authUsers" | "authRoles", key: string) =>
    Buffer.from(backend.get(table, Buffer.from(key)) ?? []).toString("hex");
  const addUser = (name: string, hash: Uint8Array = NO_HASH) =>
    auth.addUser({ name, hash, options: { $typeName: "authpb.UserAddOptions", noPassword: false } });
  return { backend, auth, stored, addUser };
}

function refusal(run: () => void): FailureCode | "none" {
  try {
    run();
    return "none";
  } catch (error) {
    assert.ok(error instanceof RequestError);
    return error.code;
  }
}

test("users, roles, the switch and the revision are stored as members of etcd store them", () => {
  const { auth, stored, addUser } = newStore();
  addUser("alice", bytes("PW"));
  assert.equal(stored("authUsers", "alice"), "0a05616c696365120250572200");
  auth.addRole("r1");
  assert.equal(stored("authRoles", "r1"), "0a027231");
  auth.addUser({
    name: "np",
    hash: NO_HASH,
    options: { $typeName: "authpb.UserAddOptions", noPassword: true },
  });
  auth.grantRole("np", "r1");
  assert.equal(stored("authUsers", "np"), "0a026e701a02723122020801");
  auth.grantPermission("r1", permission(READWRITE, "foo", "fop"));
  assert.equal(stored("authRoles", "r1"), "0a027231120c08021203666f6f1a03666f70");
  auth.addRole("all");
  auth.grantPermission("all", permission(READ, "\0", "\0"));
  assert.equal(stored("authRoles", "all"), "0a03616c6c12061201001a0100");
  assert.equal(stored("auth", "authRevision"), "0000000000000008");
  assert.equal(stored("auth", "authEnabled"), "");
  auth.addUser({ name: "old", hash: NO_HASH, options: undefined });
  assert.equal(stored("authUsers", "old"), "0a036f6c64");
});

test("what is counted as a change, and what is not", () => {
  const { backend, auth, addUser, stored } = newStore();
  const steps: [run: () => void, revision: number][] = [
    [() => addUser("root"), 2],
    [() => auth.grantRole("root", "root"), 3],
    [() => addUser("u"), 4],
    [() => auth.addRole("r1"), 5],
    [() => auth.grantRole("u", "r1"), 6],
    [() => auth.grantPermission("r1", permission(READWRITE, "b", "d")), 7],
    [() => addUser("np"), 8],
    [() => auth.enable(), 8],
    [() => auth.enable(), 8],
    [() => auth.grantRole("u", "r1"), 8],
    [() => auth.grantPermission("r1", permission(READWRITE, "b", "d")), 9],
    [() => auth.disable(), 10],
    [() => auth.disable(), 10],
    [() => auth.changePassword("u", () => bytes("x")), 11],
    [() => auth.revokePermission("r1", { key: bytes("b"), rangeEnd: bytes("d") }), 12],
    [() => auth.revokeRole("u", "r1"), 13],
    [() => auth.deleteRole("r1"), 14],
    [() => auth.deleteUser("u"), 15],
  ];
  for (const [run, revision] of steps) {
    run();
    assert.equal(auth.revision, revision, `${run}`);
  }
  assert.equal(stored("auth", "authEnabled"), "00");
  const other = new AuthStore(backend);
  assert.equal(other.restore(), true);
  assert.equal(other.restore(), false);
  assert.deepEqual([other.revision, other.isEnabled, other.userNames()], [15, false, ["np", "root"]]);
});

test("what is refused, in order, changes nothing", () => {
  const { auth, addUser } = newStore();
  assert.equal(
    refusal(() => auth.enable()),
    "ROOT_USER_MISSING",
  );
  addUser("root");
  assert.equal(
    refusal(() => auth.enable()),
    "ROOT_ROLE_MISSING",
  );
  auth.grantRole("root", "root");
  auth.enable();
  auth.addRole("r");
  addUser("u");
  const { revision } = auth;
  const cases: [run: () => void, code: FailureCode][] = [
    [() => addUser(""), "USER_NAME_EMPTY"],
    [() => addUser("u"), "USER_EXISTS"],
    [() => auth.deleteUser("root"), "INVALID_AUTH_MGMT"],
    [() => auth.deleteUser("v"), "USER_NOT_FOUND"],
    [() => auth.changePassword("v", () => assert.fail("asked for")), "USER_NOT_FOUND"],
    [() => auth.grantRole("v", "s"), "USER_NOT_FOUND"],
    [() => auth.grantRole("u", "s"), "ROLE_NOT_FOUND"],
    [() => auth.revokeRole("root", "root"), "INVALID_AUTH_MGMT"],
    [() => auth.revokeRole("v", "r"), "USER_NOT_FOUND"],
    [() => auth.revokeRole("u", "s"), "ROLE_NOT_GRANTED"],
    [() => auth.addRole(""), "ROLE_NAME_EMPTY"],
    [() => auth.addRole("r"), "ROLE_EXISTS"],
    [() => auth.deleteRole("root"), "INVALID_AUTH_MGMT"],
    [() => auth.deleteRole("s"), "ROLE_NOT_FOUND"],
    [() => auth.grantPermission("s", undefined), "PERMISSION_NOT_GIVEN"],
    [() => auth.grantPermission("s", permission(READ, "")), "INVALID_AUTH_MGMT"],
    [() => auth.grantPermission("s", permission(READ, "a", "a")), "INVALID_AUTH_MGMT"],
    [() => auth.grantPermission("s", permission(READ, "b", "a")), "INVALID_AUTH_MGMT"],
    [() => auth.grantPermission("s", permission(READ, "a", "b")), "ROLE_NOT_FOUND"],
    [() => auth.revokePermission("s", permission(READ, "a")), "ROLE_NOT_FOUND"],
    [() => auth.revokePermission("r", permission(READ, "b", "a")), "PERMISSION_NOT_GRANTED"],
    [() => auth.rolesOf("v"), "USER_NOT_FOUND"],
    [() => auth.permissionsOf("root"), "ROLE_NOT_FOUND"],
  ];
  for (const [run, code] of cases) assert.equal(refusal(run), code, `${run}`);
  assert.equal(auth.revision, revision);
  auth.disable();
  auth.revokeRole("root", "root");
  assert.equal(
    refusal(() => auth.enable()),
    "ROOT_ROLE_MISSING",
  );
});

test("a permission of the same keys is replaced only where it is the first of its key", () => {
  const { auth } = newStore();
  auth.addRole("r");
  const granted = () =>
    auth
      .permissionsOf("r")
      .map(({ permType, rangeEnd }) => `${permType}${bytes("") + Buffer.from(rangeEnd).toString()}`);
  auth.grantPermission("r", permission(READWRITE, "a"));
  auth.grantPermission("r", permission(READWRITE, "a", "c"));
  auth.grantPermission("r", permission(READ, "a", "c"));
  assert.deepEqual(granted(), ["2", "2c", "0c"]);
  auth.grantPermission("r", permission(WRITE, "a"));
  assert.deepEqual(granted(), ["1", "2c", "0c"]);
  auth.revokePermission("r", permission(READ, "a", "c"));
  assert.deepEqual(granted(), ["1"]);
});

test("a user may do the union of what its roles may, as of now", () => {
  const { auth, addUser } = newStore();
  addUser("u");
  for (const role of ["r", "s"]) {
    auth.addRole(role);
    auth.grantRole("u", role);
  }
  auth.grantPermission("r", permission(READ, "a", "c"));
  auth.grantPermission("s", permission(WRITE, "c", "e"));
  const may = () => {
    const { read, write } = auth.grantedTo("u")!;
    return ["b", "d"].map((key) => [read.covers(bytes(key), NO_HASH), write.covers(bytes(key), NO_HASH)]);
  };
  assert.deepEqual(may(), [
    [true, false],
    [false, true],
  ]);
  auth.grantPermission("s", permission(READWRITE, "c", "e"));
  assert.deepEqual(may()[1], [true, true]);
  auth.deleteRole("s");
  assert.deepEqual([may()[1], auth.rolesOf("u")], [[false, false], ["r"]]);
});

test("who may do everything is known by the role, as of now, and a user who has gone may nothing", () => {
  const { auth, addUser } = newStore();
  const isRoot = () => ["u", "v"].map((name) => auth.grantedTo(name)?.isRoot);
  assert.deepEqual(isRoot(), [undefined, undefined]);
  addUser("u");
  addUser("v");
  assert.deepEqual(isRoot(), [false, false]);
  auth.grantRole("v", "root");
  assert.deepEqual(isRoot(), [false, true]);
  auth.revokeRole("v", "root");
  assert.deepEqual(isRoot(), [false, false]);
  auth.deleteUser("v");
  assert.deepEqual(isRoot(), [false, undefined]);
  auth.restore();
  assert.deepEqual(isRoot(), [false, undefined]);
});

test("names are in the order of their bytes", () => {
  const { auth, addUser } = newStore();
  const names = ["z", "a", "\u{1f600}", "\uff01", "é"];
  for (const name of names) {
    auth.addRole(name);
    addUser(name);
  }
  for (const name of names) auth.grantRole("a", name);
  const sorted = ["a", "z", "é", "\uff01", "\u{1f600}"];
  assert.deepEqual([auth.userNames(), auth.roleNames(), auth.rolesOf("a")], [sorted, sorted, sorted]);
});

test("role root may do everything, whatever is stored of it", () => {
  const { auth } = newStore();
  auth.addRole("root");
  auth.grantPermission("root", permission(READ, "a"));
  const [only, ...more] = auth.permissionsOf("root");
  assert.deepEqual([only?.permType, only?.key.length, [...(only?.rangeEnd ?? [])]], [READWRITE, 0, [0]]);
  assert.equal(more.length, 0);
});
