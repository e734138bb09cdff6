import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "@quorate/wire";
import {
  encodeInternalRequest,
  encodePutRequest,
  encodeRangeRequest,
  InternalField,
} from "@quorate/wire/hot";

import { DowngradeInfoSetRequestSchema } from "@quorate/wire/membershippb";
import { bytes, putRequest } from "../mvcc/testing.ts";
import { NOBODY } from "../operations/caller.ts";
import { encodeEntry } from "../operations/entry-payload.ts";
import { OPEN_ACCESS } from "../operations/open-access.testing.ts";
import type { ReplicatedState } from "../operations/state.ts";
import { newState, OneUser, refusalOf } from "../operations/testing.ts";
import { applyEncoded } from "./entry.ts";

/** A state that tells what its parts were called with. */
function recorder() {
  const calls: unknown[][] = [];
  const part = (of: string) =>
    new Proxy(
      {},
      {
        get:
          (_target, name) =>
          (...args: unknown[]) => {
            calls.push([`${of}.${String(name)}`, ...args]);
          },
      },
    );
  const state = {
    store: part("store"),
    lessor: part("lessor"),
    alarms: part("alarms"),
    membership: part("membership"),
    backend: part("backend"),
    access: OPEN_ACCESS,
  } as unknown as ReplicatedState;
  return { state, calls };
}

function field(number: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

/** As etcd 3.5 writes it: zero fields included. */
function v2Request(method: string, path: string, value: string): Uint8Array {
  return Buffer.concat([
    Buffer.from([0x08, 0xd2, 0x09]),
    field(2, method),
    field(3, path),
    field(4, value),
    Buffer.from("2800320038004800500058006000680070007800800100", "hex"),
  ]);
}

test("what members of 3.5 put in the log is understood", () => {
  const { state, calls } = recorder();
  const attributes = '{"name":"infra1","clientURLs":["http://127.0.0.1:2379"]}';
  applyEncoded(state, v2Request("PUT", "/0/members/8e9e05c52164694d/attributes", attributes));
  applyEncoded(state, v2Request("PUT", "/0/version", "3.5.0"));
  const ofMembership = calls.filter(([name]) => String(name).startsWith("membership."));
  assert.deepEqual(ofMembership, [
    ["membership.applyAttributes", 0x8e9e05c52164694dn, "infra1", ["http://127.0.0.1:2379"]],
    ["membership.applyVersion", "3.5.0"],
  ]);
});

for (const [method, path] of [
  ["DELETE", "/0/version"],
  ["PUT", "/1/key"],
  ["PUT", "/0/members/xyz/attributes"],
  ["PUT", "/0/members/8e9e05c52164694d0/attributes"],
  ["SYNC", "/"],
] as const) {
  test(`no other request of the old API is executed: ${method} ${path}`, () => {
    const { state, calls } = recorder();
    assert.throws(() => applyEncoded(state, v2Request(method, path, "3.5.0")), /old API/);
    assert.deepEqual(calls, []);
  });
}

test("a read in the log changes nothing", () => {
  const { state, calls } = recorder();
  const range = encodeRangeRequest({
    key: Buffer.from("/0/version"),
    rangeEnd: new Uint8Array(0),
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  });
  applyEncoded(state, encodeInternalRequest(InternalField.range, range, 7n, "", 0));
  applyEncoded(
    state,
    encodeInternalRequest(InternalField.downgradeVersionTest, new Uint8Array(0), 7n, "", 0),
  );
  assert.deepEqual(calls, []);
});

for (const name of [
  "authStatus",
  "authUserGet",
  "authUserList",
  "authRoleGet",
  "authRoleList",
  "authenticate",
  "authDisable",
  "authEnable",
  "authUserAdd",
  "authRoleDelete",
] as const) {
  test(`an entry of users and roles that is refused or changes nothing leaves no trace: ${name}`, async () => {
    const state = await newState();
    const entry = encodeInternalRequest(InternalField[name], new Uint8Array(0), 1n, "", 0);
    await refusalOf(() => applyEncoded(state, entry));
    assert.deepEqual([state.auth.revision, state.auth.isEnabled], [1, false]);
    assert.deepEqual(state.backend.entries("auth"), []);
  });
}

test("an entry with an operation that nobody knows stops the member", async () => {
  const state = await newState();
  const unknown = encodeInternalRequest(1_234, new Uint8Array(0), 1n, "", 0);
  assert.throws(() => applyEncoded(state, unknown), /does not know/);
});

test("a downgrade is enabled and canceled", () => {
  const { state, calls } = recorder();
  for (const request of [
    { enabled: true, ver: "3.6.0" },
    { enabled: false, ver: "3.6.0" },
  ]) {
    const body = encode(DowngradeInfoSetRequestSchema, request);
    applyEncoded(state, encodeInternalRequest(InternalField.downgradeInfoSet, body, 7n, "", 0));
  }
  assert.deepEqual(calls, [
    ["membership.applyDowngrade", { enabled: true, targetVersion: "3.6.0" }],
    ["membership.applyDowngrade", { enabled: false, targetVersion: "" }],
  ]);
});

test("an entry is applied for whom its header names: users of a member of etcd, and nobody", async () => {
  const access = new OneUser("u");
  const state = await newState(access);
  // Put of k = v, ID 1, user u, revision 8 of the permissions.
  const ofUser = Buffer.from("22060a016b120176a2060708011201751808", "hex");
  assert.equal(await refusalOf(() => applyEncoded(state, ofUser)), "none");
  assert.equal(state.store.currentRevision, 2);
  const body = encodePutRequest(putRequest("k", { value: bytes("w"), prevKv: true }));
  const ofNobody = encodeEntry(InternalField.put, body, 2n, NOBODY);
  assert.equal(await refusalOf(() => applyEncoded(state, ofNobody)), "CANCELED");
  assert.equal(state.store.currentRevision, 2);
  assert.deepEqual(access.asked, [{ ...NOBODY, username: "u", authRevision: 8 }, NOBODY]);
  assert.deepEqual(access.needed, ["write [k,)", "write [k,)"]);
});
