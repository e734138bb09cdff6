import assert from "node:assert/strict";
import { test } from "node:test";
import { inOneGo } from "@quorate/storage/slices";
import {
  decodeKeyValue,
  EMPTY,
  encodeDeleteRangeResponse,
  encodeInnerHeader,
  encodeTxnResponse,
  encodeTxnResponseInParts,
  type RequestOp,
  type TxnRequest,
} from "@quorate/wire/hot";
import { type FailureCode, RequestError } from "../../errors.ts";
import type { MvccStore } from "../store.ts";
import {
  ALL,
  bytes,
  compare,
  describe,
  memoryBackend,
  op,
  openStore,
  put,
  rangeRequest,
  remove,
  text,
  txnRequest,
} from "../testing.ts";
import { checkTxn, isReadOnlyTxn, isSerializableTxn } from "./check.ts";
import { executePlainTxn, executeReadOnlyTxn, executeTxn, isPlain, txnSteps } from "./execute.ts";
import { isInParts } from "./outcome.ts";
import type { KeyLeases } from "./put.ts";
import { describeResponses } from "./response-text.testing.ts";

const LEASES: KeyLeases = { has: (lease) => lease === 5n, attach: () => {}, detach: () => {} };
const MAX_OPS = 8;

async function smallStore(): Promise<MvccStore> {
  const store = await openStore(memoryBackend());
  for (const [key, value] of [
    ["c", "1"],
    ["b", "2"],
    ["a", "3"],
    ["c", "4"],
    ["c", "5"],
    ["a", "6"],
  ] as const) {
    put(store, key, value);
  }
  return store;
}

function run(store: MvccStore, request: Partial<TxnRequest>): string {
  const txn = txnRequest(request);
  checkTxn(txn, MAX_OPS);
  const { revision, succeeded, responses } = executeTxn(store, txn, LEASES);
  return `${revision} ${succeeded ? "yes" : "no"} ${describeResponses(responses)}`.trim();
}

function fails(run: () => unknown, code: FailureCode, name?: string): void {
  assert.throws(run, (error) => error instanceof RequestError && error.code === code, name);
}

test("transactions in order", async () => {
  const store = await smallStore();
  assert.equal(
    run(store, { success: [op.range("a", "", { revision: -1 })] }),
    "7 yes range@7 a(4,7,2)=6 count 1",
  );
  fails(() => run(store, { success: [op.range("a", "", { revision: -2 })] }), "COMPACTED");
  assert.equal(run(store, { success: [op.delete("b", "\0"), op.put("bb", "n")] }), "8 yes delete@8 2; put@8");
  assert.deepEqual(store.range(rangeRequest(ALL)).kvs.map(describe), ["a(4,7,2)=6", "bb(8,8,1)=n"]);
  assert.equal(
    run(store, { success: [op.put("zz", "n"), op.delete("bb", "\0", { prevKv: true })] }),
    "9 yes put@9; delete@9 2 bb(8,8,1)=n zz(9,9,1)=n",
  );
  assert.equal(
    run(store, { success: [op.txn({ success: [op.put("q")] }), op.txn({ success: [op.delete("q")] })] }),
    "10 yes txn yes [put@10]; txn yes [delete@10 1]",
  );
  fails(
    () =>
      run(store, { success: [op.txn({ success: [op.delete("q")] }), op.txn({ success: [op.put("q")] })] }),
    "DUPLICATE_KEY",
  );
  assert.equal(
    run(store, { success: [op.txn({ success: [op.put("q")], failure: [op.delete("q")] })] }),
    "11 yes txn yes [put@11]",
  );
  fails(() => run(store, { success: [op.put("w"), op.put("w"), op.range("")] }), "KEY_NOT_PROVIDED");
  fails(() => run(store, { compare: Array.from({ length: 9 }, () => compare("", {})) }), "TOO_MANY_OPS");
  fails(() => run(store, { success: [op.none] }), "KEY_NOT_FOUND");
  assert.equal(run(store, {}), "11 yes");
  assert.equal(
    run(store, {
      success: [
        op.range("r"),
        op.put("r", "1"),
        op.range("r"),
        op.put("s", "1", { prevKv: true }),
        op.delete("none"),
        op.range("r", "t"),
      ],
    }),
    "12 yes range@11 count 0; put@12; range@12 r(12,12,1)=1 count 1; put@12; delete@12 0; " +
      "range@12 r(12,12,1)=1 s(12,12,1)=1 count 2",
  );
  assert.equal(run(store, { success: [op.delete("missing")] }), "12 yes delete@12 0");
  assert.equal(
    run(store, { success: [op.put("r", "NEW"), op.range("r", "", { revision: 12 })] }),
    "13 yes put@13; range@13 r(12,12,1)=1 count 1",
  );
  fails(
    () => run(store, { success: [op.put("r", "3"), op.range("r", "", { revision: 14 })] }),
    "FUTURE_REVISION",
  );
  assert.equal(describe(store.latestRecord(bytes("r"))!), "r(12,13,2)=NEW");
  await store.compact(5).done;
  fails(() => run(store, { success: [op.range("a", "", { revision: -1 })] }), "COMPACTED");
  store.check();
});

function nested(levels: number): RequestOp[] {
  return levels === 0 ? [op.put("deep")] : [op.txn({ success: nested(levels - 1) })];
}

const puts = (count: number): RequestOp[] => Array.from({ length: count }, (_, i) => op.put(`p${i}`));

const limitCases: { name: string; txn: Partial<TxnRequest>; want: "ok" | FailureCode }[] = [
  { name: "seven levels around a put", txn: { success: nested(7) }, want: "ok" },
  { name: "eight levels around a put", txn: { success: nested(8) }, want: "TOO_MANY_OPS" },
  {
    name: "six puts and a nested put",
    txn: { success: [...puts(6), op.txn({ success: [op.put("q")] })] },
    want: "ok",
  },
  {
    name: "seven puts and a nested put",
    txn: { success: [...puts(7), op.txn({ success: [op.put("q")] })] },
    want: "TOO_MANY_OPS",
  },
  {
    name: "seven puts and an empty nested transaction",
    txn: { success: [...puts(7), op.txn({})] },
    want: "ok",
  },
  {
    name: "an unknown lease in the branch not taken",
    txn: { failure: [op.put("k", "", { lease: 99n })] },
    want: "ok",
  },
  {
    name: "an unknown lease in the branch taken",
    txn: { success: [op.put("k", "", { lease: 99n })] },
    want: "LEASE_NOT_FOUND",
  },
  {
    name: "an unknown lease comes before a missing key",
    txn: { success: [op.put("k", "", { lease: 77n, ignoreValue: true })] },
    want: "LEASE_NOT_FOUND",
  },
  {
    name: "keeping the value of a missing key",
    txn: { success: [op.put("k", "", { ignoreValue: true })] },
    want: "KEY_NOT_FOUND",
  },
  {
    name: "a value beside ignore_value",
    txn: { success: [op.put("k", "v", { ignoreValue: true })] },
    want: "VALUE_PROVIDED",
  },
  {
    name: "a lease beside ignore_lease",
    txn: { success: [op.put("k", "v", { ignoreLease: true, lease: 5n })] },
    want: "LEASE_PROVIDED",
  },
  {
    name: "keeping the value of a key that a from-key delete has deleted",
    txn: { success: [op.delete("a", "\0"), op.put("b", "", { ignoreValue: true })] },
    want: "DUPLICATE_KEY",
  },
  {
    name: "keeping the value of a key before a from-key delete",
    txn: { success: [op.put("b", "", { ignoreValue: true }), op.delete("a", "\0")] },
    want: "ok",
  },
  {
    name: "a nested from-key delete, then a nested put that keeps the lease",
    txn: {
      success: [
        op.txn({ failure: [op.delete("a", "\0")] }),
        op.txn({ success: [op.put("b", "x", { ignoreLease: true })] }),
      ],
    },
    want: "DUPLICATE_KEY",
  },
];
for (const { name, txn, want } of limitCases) {
  test(`${name}: ${want}`, async () => {
    const store = await smallStore();
    const before = store.currentRevision;
    if (want === "ok") {
      run(store, txn);
    } else {
      fails(() => run(store, txn), want);
      assert.equal(store.currentRevision, before);
    }
  });
}

test("a poisonous entry that comes through the log fails as a whole", async () => {
  const store = await smallStore();
  const poison = txnRequest({
    success: [op.put("x"), op.delete("a", "\0"), op.put("b", "", { ignoreValue: true })],
  });
  fails(() => executeTxn(store, poison, LEASES), "KEY_NOT_FOUND");
  assert.equal(store.currentRevision, 7);
  const healed = txnRequest({
    success: [op.delete("a", "\0"), op.put("b", "v"), op.put("b", "", { ignoreValue: true })],
  });
  executeTxn(store, healed, LEASES);
  assert.equal(describe(store.latestRecord(bytes("b"))!), "b(8,8,2)=v");
});

// All in one success list; K is "abc".
const K = "abc";
const duplicateCases: { ops: RequestOp[]; refused: boolean; name: string }[] = [
  { name: "put, put", ops: [op.put(K), op.put(K)], refused: true },
  { name: "put, delete of it", ops: [op.put(K), op.delete(K)], refused: true },
  { name: "delete of it, put", ops: [op.delete(K), op.put(K)], refused: true },
  { name: "put, delete of a range with it", ops: [op.put(K), op.delete("a", "b")], refused: true },
  {
    name: "put, nested delete of a range with it",
    ops: [op.put(K), op.txn({ success: [op.delete("a", "b")] })],
    refused: true,
  },
  {
    name: "delete of a range, nested put in it",
    ops: [op.delete("a", "b"), op.txn({ success: [op.put(K)] })],
    refused: true,
  },
  {
    name: "both branches put, twice",
    ops: [
      op.txn({ success: [op.put(K)], failure: [op.put(K)] }),
      op.txn({ success: [op.put(K)], failure: [op.put(K)] }),
    ],
    refused: true,
  },
  {
    name: "delete of a range that ends before, both branches put",
    ops: [op.delete("abb", "abc"), op.txn({ success: [op.put(K)], failure: [op.put(K)] })],
    refused: false,
  },
  {
    name: "nested deletes only",
    ops: [op.txn({ success: [op.delete(K)] }), op.txn({ success: [op.delete(K)], failure: [op.delete(K)] })],
    refused: false,
  },
  {
    name: "deletes only",
    ops: [op.delete(K), op.delete("a", "b"), op.delete(K), op.delete("a", "b")],
    refused: false,
  },
  {
    name: "put, delete of a range that ends before",
    ops: [op.put(K), op.delete("abb", "abc")],
    refused: false,
  },
  {
    name: "a from-key delete conflicts with nothing",
    ops: [op.delete("a", "\0"), op.put(K)],
    refused: false,
  },
  {
    name: "a put in one nested transaction, then its deletion in the next",
    ops: [op.txn({ success: [op.put(K)] }), op.txn({ success: [op.delete("a", "b")] })],
    refused: false,
  },
];
for (const { name, ops, refused } of duplicateCases) {
  test(`${name}: ${refused ? "refused" : "allowed"}`, () => {
    const check = () => checkTxn(txnRequest({ success: ops }), 128);
    if (refused) fails(check, "DUPLICATE_KEY");
    else check();
    const inFailure = () => checkTxn(txnRequest({ failure: ops }), 128);
    if (refused) fails(inFailure, "DUPLICATE_KEY");
    else inFailure();
  });
}

const EQUAL = 0;
const GREATER = 1;
const LESS = 2;
const NOT_EQUAL = 3;
const compareCases: { name: string; compare: Parameters<typeof compare>; want: boolean }[] = [
  { name: "the version", compare: ["a", { target: 0, operand: 4, number: 2 }], want: true },
  {
    name: "an operand for another target counts as zero",
    compare: ["a", { target: 0, operand: 5, number: 2 }],
    want: false,
  },
  {
    name: "the value of a missing key differs from none",
    compare: ["m", { result: NOT_EQUAL, target: 3, operand: 7, value: bytes("x") }],
    want: false,
  },
  { name: "the version of a missing key is 0", compare: ["m", { target: 0, operand: 4 }], want: true },
  { name: "the lease of a missing key is 0", compare: ["m", { target: 4, operand: 8 }], want: true },
  { name: "an unset operand is zero", compare: ["m", { target: 1, result: EQUAL }], want: true },
  {
    name: "a value greater",
    compare: ["a", { result: GREATER, target: 3, operand: 7, value: bytes("5") }],
    want: true,
  },
  { name: "a value against an unset operand", compare: ["a", { result: GREATER, target: 3 }], want: true },
  {
    name: "every key of the range below",
    compare: ["a", { rangeEnd: bytes("\0"), result: LESS, target: 1, operand: 5, number: 5 }],
    want: true,
  },
  {
    name: "one key of the range not below",
    compare: ["a", { rangeEnd: bytes("\0"), result: LESS, target: 1, operand: 5, number: 4 }],
    want: false,
  },
  {
    name: "an empty range is a missing key",
    compare: ["x", { rangeEnd: bytes("y"), target: 2, operand: 6, number: 0 }],
    want: true,
  },
  {
    name: "an unknown target differs by nothing",
    compare: ["a", { target: 9, operand: 4, number: 8 }],
    want: true,
  },
  { name: "an unknown target is never less", compare: ["a", { target: 9, result: LESS }], want: false },
  {
    name: "an unknown result always holds",
    compare: ["a", { result: 9, operand: 4, number: 77 }],
    want: true,
  },
  {
    name: "a lease as a signed number",
    compare: ["L", { result: LESS, target: 4, operand: 8, lease: 0n }],
    want: true,
  },
  {
    name: "the lease of a key without one",
    compare: ["a", { result: EQUAL, target: 4, operand: 8, lease: 0n }],
    want: true,
  },
];
for (const { name, compare: fields, want } of compareCases) {
  test(`compare: ${name} ${want ? "holds" : "does not hold"}`, async () => {
    const store = await smallStore();
    put(store, "L", "v", -9n);
    const { succeeded } = await executeReadOnlyTxn(store, txnRequest({ compare: [compare(...fields)] }));
    assert.equal(succeeded, want);
    // So many that it is worth steps.
    const many = txnRequest({ compare: Array.from({ length: 9 }, () => compare(...fields)) });
    assert.equal((await executeReadOnlyTxn(store, many)).succeeded, want);
  });
}

test("nested compares see the state before the transaction, nested ranges what it did", async () => {
  const store = await smallStore();
  const inner = op.txn({
    compare: [compare("n", { target: 0, operand: 4, number: 0 })],
    success: [op.range("n")],
    failure: [op.put("never")],
  });
  assert.equal(
    run(store, { success: [op.put("n", "1"), inner] }),
    "8 yes put@8; txn yes [range@8 n(8,8,1)=1 count 1]",
  );
});

test("a put keeps value and lease when asked to, and reports the old record", async () => {
  const store = await openStore(memoryBackend());
  put(store, "k", "old", 5n);
  const attached: string[] = [];
  const leases: KeyLeases = { ...LEASES, attach: (key, lease) => attached.push(`${text(key)}=${lease}`) };
  const keepValue = txnRequest({ success: [op.put("k", "", { ignoreValue: true, prevKv: true })] });
  const { responses } = executeTxn(store, keepValue, leases);
  assert.equal(describeResponses(responses), "put@3 k(2,2,1)=old");
  assert.equal(decodeKeyValue(store.latestRecord(bytes("k"))!).lease, 0n);
  executeTxn(store, txnRequest({ success: [op.put("k", "", { lease: 5n, ignoreValue: true })] }), leases);
  executeTxn(store, txnRequest({ success: [op.put("k", "new", { ignoreLease: true })] }), leases);
  assert.equal(decodeKeyValue(store.latestRecord(bytes("k"))!).lease, 5n);
  assert.deepEqual(attached, ["k=0", "k=5", "k=5"]);
});

test("a transaction reads only when all its operations are ranges", () => {
  assert.equal(isReadOnlyTxn(txnRequest({})), true);
  assert.equal(isSerializableTxn(txnRequest({})), true);
  assert.equal(isReadOnlyTxn(txnRequest({ success: [op.range("a")] })), true);
  assert.equal(isSerializableTxn(txnRequest({ success: [op.range("a")] })), false);
  assert.equal(isSerializableTxn(txnRequest({ failure: [op.range("a", "", { serializable: true })] })), true);
  assert.equal(isReadOnlyTxn(txnRequest({ success: [op.txn({ success: [op.range("a")] })] })), false);
  assert.equal(isReadOnlyTxn(txnRequest({ failure: [op.put("a")] })), false);
});

test("a read-only transaction fails on its revisions like any other", async () => {
  const store = await smallStore();
  fails(
    () => executeReadOnlyTxn(store, txnRequest({ success: [op.range("a", "", { revision: 8 })] })),
    "FUTURE_REVISION",
  );
  const { revision, responses } = await executeReadOnlyTxn(
    store,
    txnRequest({ success: [op.range("a", "", { revision: 4 }), op.range("b", "\0", { limit: 1 })] }),
  );
  assert.equal(revision, 7);
  assert.equal(describeResponses(responses), "range@7 a(4,4,1)=3 count 1; range@7 b(3,3,1)=2 more count 2");
});

test("a large read-only transaction is read in slices, all of it at the revision of its beginning", async () => {
  const store = await openStore(memoryBackend());
  for (let i = 0; i < 2000; i++) put(store, `k${String(i).padStart(4, "0")}`, `v${i % 10}${"x".repeat(50)}`);
  const { currentRevision } = store;
  const ofAll = { key: "k", rangeEnd: bytes("l") };
  const compares = [
    { target: 3, operand: 7, result: 1, value: bytes("v") },
    { target: 2, operand: 6, result: 2, number: currentRevision + 1 },
    { target: 1, operand: 5, result: 2, number: currentRevision + 1 },
    { target: 0, operand: 4, result: 0, number: 1 },
    { target: 4, operand: 8, result: 0, lease: 0n },
  ].map((fields) => compare(ofAll.key, { ...fields, rangeEnd: ofAll.rangeEnd }));
  const ranges = [
    op.range("k", "l", { limit: 2, sortOrder: 2, sortTarget: 4 }),
    op.range("k", "l", { limit: 1, sortOrder: 1, sortTarget: 3, keysOnly: true }),
    op.range("k", "l", { countOnly: true }),
    op.range("k0000"),
    op.range("k", "l", { revision: 1000, countOnly: true }),
  ];
  const request = txnRequest({ compare: compares, success: ranges });
  const slow = { ...request, success: [...ranges, op.range("k", "l")] };
  const wanted = await executeReadOnlyTxn(store, request);
  assert.equal(wanted.succeeded, true);
  store.state.reading.meter.turns = 0;
  const reading = executeReadOnlyTxn(store, slow);
  assert.ok(reading instanceof Promise);
  put(store, "k0000", "zzz", 5n);
  remove(store, "k0001", "k1");
  for (let i = 0; i < 100; i++) put(store, `k1000x${i}`, "late");
  const { revision, succeeded, responses } = await reading;
  assert.equal(revision, currentRevision);
  assert.equal(succeeded, true);
  assert.equal(describeResponses(responses.slice(0, -1)), describeResponses(wanted.responses));
  const all = responses.at(-1)!;
  const bodies = [all.body, ...all.rest].map(({ length }) => length);
  assert.ok(bodies.length > 1, "what is large is not copied into one piece");
  assert.ok(store.state.reading.meter.turns > 100);
  assert.ok(store.state.reading.meter.mostInATurn < 2 ** 19);
});

test("what a deletion answers with is in the parts that it was written to, and no part is large", async () => {
  const store = await openStore(memoryBackend());
  for (let i = 0; i < 300; i++) put(store, `k${String(i).padStart(3, "0")}`, "v".repeat(1000));
  const records = store
    .range(rangeRequest({ key: bytes("k"), rangeEnd: bytes("l") }))
    .kvs.map((kv) => kv.slice());
  const { revision, responses } = executeTxn(
    store,
    txnRequest({ success: [op.delete("k", "l", { prevKv: true })] }),
    LEASES,
  );
  const parts = [responses[0]!.body, ...responses[0]!.rest];
  const whole = encodeDeleteRangeResponse(encodeInnerHeader(revision), 300, records);
  assert.deepEqual(Buffer.concat(parts), Buffer.from(whole));
  assert.ok(parts.every(({ length }) => length <= 65_536));
});

test("responses that are much together are not copied into one piece", async () => {
  const store = await openStore(memoryBackend());
  put(store, "k", "v".repeat(60_000));
  for (const [count, inParts] of [
    [3, false],
    [8, true],
  ] as const) {
    const request = txnRequest({
      success: Array.from({ length: count }, () => op.put("k", "v".repeat(60_000), { prevKv: true })),
    });
    const { responses } = executeTxn(store, request, LEASES);
    assert.equal(isInParts(responses), inParts);
    const parts = encodeTxnResponseInParts(EMPTY, true, responses);
    assert.deepEqual(Buffer.concat(parts), Buffer.from(encodeTxnResponse(EMPTY, true, responses)));
  }
});

test("a key deleted and written again by one transaction survives the compaction at its revision", async () => {
  const backend = memoryBackend();
  const store = await openStore(backend);
  put(store, "k", "1");
  run(store, { success: [op.delete("k", "\0"), op.put("k", "2")] });
  run(store, { success: [op.txn({ success: [op.put("q")] }), op.txn({ success: [op.delete("q")] })] });
  await store.compact(3).done;
  assert.equal(describe(store.latestRecord(bytes("k"))!), "k(3,3,1)=2");
  const before = (await store.hashKv(0)).hash;
  const reopened = await openStore(backend);
  assert.equal((await reopened.hashKv(0)).hash, before);
  assert.equal(describe(reopened.latestRecord(bytes("k"))!), "k(3,3,1)=2");
  assert.equal(remove(reopened, "k"), 5);
  await reopened.compact(5).done;
  reopened.check();
  assert.equal(reopened.keyCount, 0);
});

test("very many operations are checked in reasonable time", () => {
  const list: RequestOp[] = [];
  for (let i = 0; i < 20_000; i++) {
    list.push(op.txn({ success: [op.put(`p${i}`)] }), op.txn({ success: [op.delete(`d${i}`, `d${i}x`)] }));
  }
  checkTxn(txnRequest({ success: list }), 1_000_000);
});

const manyWrites = (prevKv: boolean) => [
  op.put("a", "x", { prevKv }),
  op.range("a", "z"),
  op.delete("b", "d", { prevKv }),
  op.txn({ success: [op.put("n", "1"), op.range("a", "z"), op.delete("n", "", { prevKv })] }),
  op.put("z", "last"),
];
const unawaited: { name: string; success: RequestOp[] }[] = [
  { name: "of single keys", success: [op.put("a", "x", { prevKv: true }), op.range("a"), op.delete("b")] },
  { name: "of ranges, deletions and others within", success: manyWrites(true) },
];
for (const { name, success } of unawaited) {
  test(`a transaction ${name} that nobody waits for has the same effect, and reads nothing to be told`, async () => {
    const [told, untold] = [await smallStore(), await smallStore()];
    const request = txnRequest({ success });
    const execute = (store: MvccStore, isAwaited: boolean) =>
      isPlain(request)
        ? executePlainTxn(store, request, LEASES, isAwaited)
        : inOneGo(txnSteps(store, request, LEASES, isAwaited));
    const before = untold.state.counters.readBytes;
    const outcome = execute(untold, false);
    assert.deepEqual(outcome, { ...execute(told, true), responses: [] });
    assert.equal(untold.state.counters.readBytes, before);
    assert.ok(told.state.counters.readBytes > before);
    assert.deepEqual(await untold.hashKv(0), await told.hashKv(0));
  });
}
