import assert from "node:assert/strict";
import test from "node:test";
import {
  CompactionRequest,
  DeleteRangeRequest,
  encodeMessage,
  LeaseGrantRequest,
  LeaseKeepAliveRequest,
  LeaseRevokeRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
  WatchRequest,
} from "@quorate/wire/messages";
import { describeRequest, isDescribed } from "./request-spans.ts";

const KV = "/etcdserverpb.KV";
const LEASE = "/etcdserverpb.Lease";
const LARGE_ID = 5_727_572_212_342_541_317n;

/** As etcd 3.7.3 describes them. */
const cases = [
  {
    kind: "unary",
    path: `${KV}/Range`,
    message: encodeMessage(RangeRequest, { key: "key", countOnly: true }),
    want: {
      name: "range",
      attributes: { range_begin: "key", range_end: "", rev: 0, limit: 0, count_only: true, keys_only: false },
    },
  },
  {
    kind: "unary",
    path: `${KV}/Put`,
    message: encodeMessage(PutRequest, { key: "key", value: "secret" }),
    want: { name: "put", attributes: { key: "key" } },
  },
  {
    kind: "unary",
    path: `${KV}/DeleteRange`,
    message: encodeMessage(DeleteRangeRequest, { key: "a", rangeEnd: "b" }),
    want: { name: "delete_range", attributes: { range_begin: "a", range_end: "b" } },
  },
  {
    kind: "unary",
    path: `${KV}/Txn`,
    message: encodeMessage(TxnRequest, {
      compare: [{ key: "cmp_key", target: 2, modRevision: 1 }],
      success: [
        { requestPut: { key: "op_key", value: "val", lease: 1234 } },
        { requestRange: { key: "other_key" } },
      ],
    }),
    want: {
      name: "txn",
      attributes: {
        compare_first_key: "cmp_key",
        success_first_key: "op_key",
        success_first_type: "put",
        success_first_lease: 1234,
        compare_len: 1,
        success_len: 2,
        failure_len: 0,
        read_only: false,
      },
    },
  },
  {
    kind: "unary",
    path: `${KV}/Txn`,
    message: encodeMessage(TxnRequest, {
      failure: [{ requestTxn: { success: [{ requestRange: { key: "a" } }] } }],
    }),
    want: {
      name: "txn",
      attributes: {
        compare_first_key: "",
        success_first_key: "",
        success_first_type: "",
        success_first_lease: -1,
        compare_len: 0,
        success_len: 0,
        failure_len: 1,
        read_only: true,
      },
    },
  },
  {
    kind: "unary",
    path: `${KV}/Compact`,
    message: encodeMessage(CompactionRequest, { revision: 7, physical: true }),
    want: { name: "compact", attributes: { is_physical: true, rev: 7 } },
  },
  {
    kind: "unary",
    path: `${LEASE}/LeaseGrant`,
    message: encodeMessage(LeaseGrantRequest, { TTL: 1_000_123 }),
    want: { name: "lease_grant", attributes: { id: 0, ttl: 1_000_123 } },
  },
  {
    kind: "unary",
    path: `${LEASE}/LeaseRevoke`,
    message: encodeMessage(LeaseRevokeRequest, { ID: LARGE_ID }),
    want: { name: "lease_revoke", attributes: { id: String(LARGE_ID) } },
  },
  {
    kind: "stream",
    path: `${LEASE}/LeaseKeepAlive`,
    message: encodeMessage(LeaseKeepAliveRequest, { ID: 2345 }),
    want: { name: "lease_renew", attributes: { id: 2345 } },
  },
  {
    kind: "stream",
    path: "/etcdserverpb.Watch/Watch",
    message: encodeMessage(WatchRequest, {
      createRequest: { key: "watch-key", startRevision: 1, progressNotify: true },
    }),
    want: {
      name: "watch",
      attributes: {
        key: "watch-key",
        range_end: "",
        start_rev: 1,
        progress_notify: true,
        prev_kv: false,
        fragment: false,
      },
    },
  },
  {
    kind: "stream",
    path: "/etcdserverpb.Watch/Watch",
    message: encodeMessage(WatchRequest, { cancelRequest: { watchId: 1 } }),
    want: undefined,
  },
  { kind: "unary", path: "/etcdserverpb.Auth/Authenticate", message: Buffer.from("secret"), want: undefined },
] as const;
for (const { kind, path, message, want } of cases) {
  test(`a request of ${path} is described as ${want?.name ?? "nothing"}`, () => {
    assert.deepEqual(describeRequest(kind, path, message), want);
    assert.equal(isDescribed(kind, path), want !== undefined || path.endsWith("/Watch"));
  });
}
