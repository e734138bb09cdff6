import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "@quorate/wire";
import { encodeInternalRequest, encodeRangeRequest, InternalField } from "@quorate/wire/hot";
import { DowngradeInfoSetRequestSchema } from "@quorate/wire/membershippb";
import type { Applier } from "./applier.ts";
import { applyEncoded } from "./entry.ts";

/** Tells what it was called with. */
function recorder() {
  const calls: unknown[][] = [];
  const applier = new Proxy(
    {},
    {
      get:
        (_target, name) =>
        (...args: unknown[]) => {
          calls.push([name, ...args]);
        },
    },
  ) as Applier;
  return { applier, calls };
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
  const { applier, calls } = recorder();
  const attributes = '{"name":"infra1","clientURLs":["http://127.0.0.1:2379"]}';
  applyEncoded(applier, v2Request("PUT", "/0/members/8e9e05c52164694d/attributes", attributes));
  applyEncoded(applier, v2Request("PUT", "/0/version", "3.5.0"));
  assert.deepEqual(calls, [
    ["memberAttributes", 0x8e9e05c52164694dn, "infra1", ["http://127.0.0.1:2379"]],
    ["clusterVersion", "3.5.0"],
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
    const { applier, calls } = recorder();
    assert.throws(() => applyEncoded(applier, v2Request(method, path, "3.5.0")), /old API/);
    assert.deepEqual(calls, []);
  });
}

test("a read in the log changes nothing", () => {
  const { applier, calls } = recorder();
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
  applyEncoded(applier, encodeInternalRequest(InternalField.range, range, 7n, "", 0));
  applyEncoded(
    applier,
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
] as const) {
  test(`an entry of a member of etcd's that changes nothing does not stop this one: ${name}`, () => {
    const { applier, calls } = recorder();
    applyEncoded(applier, encodeInternalRequest(InternalField[name], new Uint8Array(0), 1n, "", 0));
    assert.deepEqual(calls, []);
  });
}

for (const name of ["authEnable", "authUserAdd", "authRoleDelete"] as const) {
  test(`an entry that changes what this release does not keep stops it: ${name}`, () => {
    const { applier } = recorder();
    const entry = encodeInternalRequest(InternalField[name], new Uint8Array(0), 1n, "", 0);
    assert.throws(() => applyEncoded(applier, entry), /does not know/);
  });
}

test("a downgrade is enabled and canceled", () => {
  const { applier, calls } = recorder();
  for (const request of [
    { enabled: true, ver: "3.6.0" },
    { enabled: false, ver: "3.6.0" },
  ]) {
    const body = encode(DowngradeInfoSetRequestSchema, request);
    applyEncoded(applier, encodeInternalRequest(InternalField.downgradeInfoSet, body, 7n, "", 0));
  }
  assert.deepEqual(calls, [
    ["downgradeInfo", { enabled: true, targetVersion: "3.6.0" }],
    ["downgradeInfo", { enabled: false, targetVersion: "" }],
  ]);
});
