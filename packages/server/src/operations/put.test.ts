import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeKeyValue, type PutRequest } from "@quorate/wire/hot";
import { bytes, describe, op, putRequest, text, txnRequest } from "../mvcc/testing.ts";
import { NOBODY } from "./caller.ts";
import { execute } from "./operation.ts";
import { PUT } from "./put.ts";
import type { ReplicatedState } from "./state.ts";
import { newState, refusalOf } from "./testing.ts";
import { TXN } from "./txn.ts";

const put = (state: ReplicatedState, request: PutRequest) =>
  execute(PUT, state, request, PUT.costBytes(request), NOBODY, true);
const ways = [
  { way: "by itself", run: put },
  {
    way: "in a transaction",
    run(state: ReplicatedState, request: PutRequest) {
      const txn = txnRequest({ success: [{ kind: 2, put: request }] });
      return execute(TXN, state, txn, TXN.costBytes(txn), NOBODY, true);
    },
  },
  {
    way: "in a nested transaction",
    run(state: ReplicatedState, request: PutRequest) {
      const txn = txnRequest({ success: [op.txn(txnRequest({ success: [{ kind: 2, put: request }] }))] });
      return execute(TXN, state, txn, TXN.costBytes(txn), NOBODY, true);
    },
  },
];

/** What a put does to key k, which has value "old" and lease 7, and to key n, which is not there. */
const rules: { name: string; request: PutRequest; want: string }[] = [
  { name: "a put takes the lease away", request: putRequest("k", { value: bytes("new") }), want: "new 0" },
  {
    name: "a put with ignore_value keeps the value",
    request: putRequest("k", { value: bytes(""), ignoreValue: true }),
    want: "old 0",
  },
  {
    name: "a put with ignore_lease keeps the lease",
    request: putRequest("k", { value: bytes("new"), ignoreLease: true }),
    want: "new 7",
  },
  {
    name: "a put with both keeps both",
    request: putRequest("k", { value: bytes(""), ignoreLease: true, ignoreValue: true }),
    want: "old 7",
  },
  {
    name: "there is no value to keep",
    request: putRequest("n", { value: bytes(""), ignoreValue: true }),
    want: "KEY_NOT_FOUND",
  },
  {
    name: "there is no lease to keep",
    request: putRequest("n", { value: bytes("v"), ignoreLease: true }),
    want: "KEY_NOT_FOUND",
  },
  {
    name: "a lease that is not there is found out before a key that is not",
    request: putRequest("n", { value: bytes(""), lease: 9n, ignoreValue: true }),
    want: "LEASE_NOT_FOUND",
  },
];
for (const { way, run } of ways) {
  for (const { name, request, want } of rules) {
    test(`${name}, ${way}`, async () => {
      const state = await newState();
      await put(state, putRequest("k", { value: bytes("old"), lease: 7n }));
      const { currentRevision } = state.store;
      const refusal = await refusalOf(() => run(state, request));
      if (refusal !== "none") {
        assert.equal(refusal, want);
        assert.equal(state.store.currentRevision, currentRevision);
        return;
      }
      const { value, lease } = decodeKeyValue(state.store.latestRecord(request.key)!);
      assert.equal(`${text(value)} ${lease}`, want);
      assert.equal(state.lessor.leaseOf(request.key), lease);
    });
  }
}

test("the record before a put is copied for who asked for it and waits, whatever the put keeps", async () => {
  const state = await newState();
  await put(state, putRequest("k", { value: bytes("old") }));
  const asked = putRequest("k", { value: bytes(""), prevKv: true, ignoreValue: true });
  const { prevKv } = await execute(PUT, state, asked, 0, NOBODY, true);
  assert.equal(describe(prevKv!), "k(2,2,1)=old");
  for (const [request, isAwaited] of [
    [asked, false],
    [{ ...asked, prevKv: false }, true],
  ] as const) {
    assert.equal((await execute(PUT, state, request, 0, NOBODY, isAwaited)).prevKv, undefined);
  }
  assert.equal(describe(state.store.latestRecord(bytes("k"))!), "k(2,5,4)=old");
});
