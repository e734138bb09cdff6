import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client } from "@quorate/client";
import type { TxnResponse } from "@quorate/wire/messages";
import { Prefix } from "../namespace/prefix.ts";
import type { KvCalls } from "./kv-calls.ts";
import { LeasingKeys, REVOKE } from "./leasing-keys.ts";
import type { LeasingSession } from "./leasing-session.ts";
import { NewestHeader } from "./newest-header.ts";
import { Ownership } from "./ownership.ts";
import { oneKey, rangeRequest } from "./request-parts.ts";

const LEASE = 77n;
const key = Buffer.from("k");
const kv = { key, value: Buffer.from("v"), createRevision: 3n, modRevision: 3n, version: 1n, lease: 0n };
const onward = { metadata: {}, deadlineMs: Number.POSITIVE_INFINITY };
const header = { clusterId: 1n, memberId: 1n, revision: 10n, raftTerm: 1n };
const NO_ANSWER = {
  responseRange: undefined,
  responsePut: undefined,
  responseDeleteRange: undefined,
  responseTxn: undefined,
};
const ranged = (kvs: readonly (typeof kv)[]) => ({
  ...NO_ANSWER,
  responseRange: { header, kvs, more: false, count: BigInt(kvs.length) },
});
const leasingKv = {
  ...kv,
  key: Buffer.from("l/k"),
  value: Buffer.from(""),
  createRevision: 6n,
  lease: LEASE,
};

/** The answer to the attempt to own a key comes when the test says so. */
function attempt() {
  const answer = Promise.withResolvers<TxnResponse>();
  const session = { isLive: true, hasEnded: false, lease: LEASE };
  const ownership = new Ownership({
    client: { kv: { txn: async () => ({}) } } as unknown as Client,
    calls: { txn: () => answer.promise } as unknown as KvCalls,
    prefix: new Prefix(new Uint8Array(0)),
    keys: new LeasingKeys("l/"),
    newest: new NewestHeader(),
    counts: { hits: 0, acquired: 0, revoked: 0 },
  });
  ownership.begin(session as LeasingSession);
  const acquired = ownership.acquire(rangeRequest(oneKey(key)), onward);
  return { answer, session, ownership, acquired };
}

const succeeded: TxnResponse = { header, succeeded: true, responses: [ranged([kv]), NO_ANSWER] };
const there = (other: Partial<typeof kv>): TxnResponse => ({
  header,
  succeeded: false,
  responses: [ranged([kv]), ranged([{ ...leasingKv, ...other }])],
});

type Attempt = ReturnType<typeof attempt>;
const cases: readonly {
  readonly name: string;
  readonly meanwhile?: (attempt: Attempt) => void;
  readonly response: TxnResponse;
  readonly isOwned: boolean;
}[] = [
  { name: "nobody had it", response: succeeded, isOwned: true },
  { name: "another one has it", response: there({ lease: 78n }), isOwned: false },
  {
    name: "this proxy has it, and had not been told so",
    response: there({}),
    isOwned: true,
  },
  {
    name: "this proxy has it, and somebody waits for it",
    response: there({ value: Buffer.from(REVOKE) }),
    isOwned: false,
  },
  {
    name: "it hangs on a lease",
    response: { header, succeeded: false, responses: [ranged([kv]), ranged([])] },
    isOwned: false,
  },
  {
    name: "somebody has asked for it before the answer came",
    meanwhile: ({ ownership }) => ownership.onRevoked(key, 10n, 11n),
    response: succeeded,
    isOwned: false,
  },
  {
    name: "its leasing key was deleted before the answer came",
    meanwhile: ({ ownership }) => ownership.onDeleted(key, 11n),
    response: succeeded,
    isOwned: false,
  },
  {
    name: "the one before gave it up meanwhile",
    meanwhile: ({ ownership }) => ownership.onDeleted(key, 9n),
    response: succeeded,
    isOwned: true,
  },
  {
    name: "the session ended before the answer came",
    meanwhile: ({ session }) => {
      session.isLive = false;
    },
    response: succeeded,
    isOwned: false,
  },
];
for (const { name, meanwhile, response, isOwned } of cases) {
  test(`whether a key is owned after an attempt: ${name}`, async () => {
    const started = attempt();
    meanwhile?.(started);
    started.answer.resolve(response);
    // What was read is right in any case.
    assert.deepEqual((await started.acquired)?.kvs, [kv]);
    started.session.isLive = true;
    assert.equal(started.ownership.recall(key) !== undefined, isOwned);
  });
}

test("a key is asked for once at a time, and not again for a while when it cannot be had", async () => {
  const { answer, acquired, ownership } = attempt();
  const request = rangeRequest(oneKey(key));
  assert.equal(await ownership.acquire(request, onward), undefined);
  answer.reject(new Error("no member"));
  assert.equal(await acquired, undefined);
  assert.equal(await ownership.acquire(request, onward), undefined);
});
