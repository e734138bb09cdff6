import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { ServerCall } from "@quorate/rpc/server";
import { encode } from "@quorate/wire";
import { DeleteRangeRequestSchema, TxnRequestSchema } from "@quorate/wire/etcdserverpb";
import { RequestIds } from "../cluster/request-ids.ts";
import type { Proposal } from "../consensus/proposal.ts";
import { RequestError } from "../errors.ts";
import type { MvccStore } from "../mvcc/store.ts";
import { DELETE_RANGE } from "../operations/delete-range.ts";
import { TXN } from "../operations/txn.ts";
import type { LoggedMethodContext } from "./context.ts";
import { LoggedMethod } from "./logged-method.ts";
import { LongEntries } from "./long-entries.ts";

/** Of an interval that begins with `a` there are few keys, of others many. */
const store = {
  liveKeys: (key: Uint8Array) => (key[0] === 0x61 ? 10 : 1_000_000),
} as unknown as MvccStore;

const key = Buffer.from("k");
const rangeEnd = Buffer.from("l");

class Call {
  ended = false;
  status: string | undefined;

  setTrailer(): void {}

  fail(_code: number, text: string): void {
    this.ended = true;
    this.status = text;
  }
}

let proposed: Proposal[] = [];
let refuseNext = false;
let deletion: LoggedMethod<never, never>;
let txn: LoggedMethod<never, never>;

beforeEach(() => {
  proposed = [];
  refuseNext = false;
  const context = {
    access: { isRestricted: false },
    config: { maxRequestBytes: 1 << 20, maxTxnOps: 128, features: {} },
    ids: new RequestIds(1n, 1),
    quota: { fits: () => true },
    consensus: {
      get overloaded() {
        return refuseNext;
      },
      propose: (proposal: Proposal) => proposed.push(proposal),
    },
  } as unknown as LoggedMethodContext;
  const longEntries = new LongEntries(store);
  deletion = new LoggedMethod(DELETE_RANGE, context, longEntries) as never;
  txn = new LoggedMethod(TXN, context, longEntries) as never;
});

function remove(from: Uint8Array, end: Uint8Array): Call {
  const call = new Call();
  const message = encode(DeleteRangeRequestSchema, { key: from, rangeEnd: end });
  deletion.serve(message, call as unknown as ServerCall);
  return call;
}

/** Something has become of the oldest proposal. */
async function end(): Promise<void> {
  proposed.shift()!.fail(new RequestError("TIMEOUT"));
  await setImmediate();
}

test("of long entries one at a time is in the log, in the order of their calls; others do not wait", async () => {
  const calls = [remove(key, rangeEnd), remove(key, rangeEnd), remove(key, Buffer.of(0))];
  assert.equal(proposed.length, 1);
  remove(key, Buffer.of());
  remove(Buffer.from("a"), rangeEnd);
  await setImmediate();
  assert.equal(proposed.length, 3);
  const [first, ...others] = proposed;
  proposed = [first!];
  await end();
  assert.deepEqual([calls.map(({ ended }) => ended), proposed.length], [[true, false, false], 1]);
  await end();
  assert.deepEqual([calls.map(({ ended }) => ended), proposed.length], [[true, true, false], 1]);
  await end();
  assert.deepEqual([calls.map(({ ended }) => ended), proposed.length], [[true, true, true], 0]);
  assert.equal(others.length, 2);
  remove(key, rangeEnd);
  assert.equal(proposed.length, 1);
});

test("who has gone while waiting, or is refused, holds up nobody", async () => {
  remove(key, rangeEnd);
  const gone = remove(key, rangeEnd);
  const refused = remove(key, rangeEnd);
  const last = remove(key, rangeEnd);
  gone.ended = true;
  refuseNext = true;
  proposed.shift()!.fail(new RequestError("TIMEOUT"));
  for (let i = 0; i < 10 && refused.status === undefined; i++) await Promise.resolve();
  refuseNext = false;
  await setImmediate();
  assert.equal(refused.status, "etcdserver: too many requests");
  assert.deepEqual([last.ended, proposed.length, gone.status], [false, 1, undefined]);
});

const compare = [{ key, rangeEnd, targetUnion: { case: "version", value: 1n } }] as const;
const put = { request: { case: "requestPut", value: { key } } } as const;
const long = { case: "requestDeleteRange", value: { key, rangeEnd } } as const;
const txns: {
  name: string;
  request: Parameters<typeof encode<typeof TxnRequestSchema>>[1];
  isLong: boolean;
}[] = [
  { name: "a put", request: { success: [put] }, isLong: false },
  { name: "a compare of many keys", request: { compare: [...compare], success: [put] }, isLong: true },
  {
    name: "a deletion of many keys in the other branch",
    request: { success: [put], failure: [{ request: long }] },
    isLong: true,
  },
  {
    name: "a deletion in a transaction inside",
    request: { success: [{ request: { case: "requestTxn", value: { success: [{ request: long }] } } }] },
    isLong: true,
  },
];
for (const { name, request, isLong } of txns) {
  test(`a transaction with ${name} is ${isLong ? "a long entry" : "none"}`, () => {
    for (let i = 0; i < 2; i++) {
      txn.serve(encode(TxnRequestSchema, request), new Call() as unknown as ServerCall);
    }
    assert.equal(proposed.length, isLong ? 1 : 2);
  });
}
