import assert from "node:assert/strict";
import { test } from "node:test";
import { inOneGo } from "@quorate/storage/slices";
import { fc } from "@quorate/testkit/property";
import { searchRuns } from "@quorate/testkit/seed";
import { EMPTY, encodeTxnResponseInParts, type RequestOp, type TxnRequest } from "@quorate/wire/hot";
import { isRefusedWith, RequestError } from "../../errors.ts";
import type { MvccStoreOptions } from "../store.ts";
import {
  compare,
  memoryBackend,
  op,
  openStore,
  PatientClock,
  put,
  remove,
  tableContent,
  txnRequest,
} from "../testing.ts";
import { checkTxn } from "./check.ts";
import { executePlainTxn, isPlain, txnSteps } from "./execute.ts";
import type { TxnOutcome } from "./outcome.ts";
import type { KeyLeases } from "./put.ts";
import { describeResponses } from "./response-text.testing.ts";
import { UnreadTxn } from "./unread.ts";

const LEASES: KeyLeases = { has: () => false, attach: () => {}, detach: () => {} };
const KEYS = 1000;
const nameOf = (key: number) => `k${String(key).padStart(4, "0")}`;

/** A store of many keys, whose transactions leave unread what they may. */
async function largeStore(options: Partial<MvccStoreOptions> = {}) {
  const store = await openStore(memoryBackend(), { entryReadCost: 0, ...options });
  for (let i = 0; i < KEYS; i++) put(store, nameOf(i), "v");
  return store;
}

type Store = Awaited<ReturnType<typeof largeStore>>;

function apply(store: Store, request: TxnRequest): TxnOutcome | UnreadTxn {
  if (isPlain(request)) return executePlainTxn(store, request, LEASES);
  return inOneGo(txnSteps(store, request, LEASES));
}

/** Applies a transaction that leaves something unread. */
function applyUnread(store: Store, ...success: RequestOp[]): UnreadTxn {
  const unread = apply(store, txnRequest({ success }));
  assert.ok(unread instanceof UnreadTxn);
  return unread;
}

/** Somebody who waits for an answer, and counts how often it is looked whether they still do. */
function waiting() {
  return {
    asked: 0,
    isGone: false,
    get ended() {
      this.asked += 1;
      return this.isGone;
    },
  };
}

const ALL_KEYS = op.range("k", "l");
const cases: { name: string; ops: RequestOp[]; isUnread: boolean; cost?: number }[] = [
  { name: "a range before the first write", ops: [ALL_KEYS, op.put("k0001")], isUnread: true },
  { name: "a range behind the last write", ops: [op.put("k0001"), ALL_KEYS], isUnread: true },
  { name: "a range behind a deletion", ops: [op.delete("k", "k01"), ALL_KEYS], isUnread: true },
  {
    name: "a range between two writes, the second one of its keys",
    ops: [op.put("k0001"), ALL_KEYS, op.put("k0002")],
    isUnread: false,
  },
  {
    name: "a range before a deletion of its keys that is not the first write",
    ops: [op.put("a"), ALL_KEYS, op.delete("k01", "k02")],
    isUnread: false,
  },
  {
    name: "a range between two writes, the second one of other keys",
    ops: [op.put("k0001"), ALL_KEYS, op.put("z"), op.delete("l", "\0"), op.delete("a", "k")],
    isUnread: true,
  },
  {
    name: "a range behind a write without effect",
    ops: [op.delete("a"), ALL_KEYS, op.put("k0001")],
    isUnread: true,
  },
  {
    name: "a range before more writes than anybody looks at",
    ops: [op.put("k0001"), ALL_KEYS, ...Array.from({ length: 65 }, (_, i) => op.put(`z${i}`))],
    isUnread: false,
  },
  {
    name: "a range of an older revision between writes of its keys",
    ops: [op.put("k0001"), op.range("k", "l", { revision: 500 }), op.put("k0002")],
    isUnread: true,
  },
  {
    name: "a range in a transaction inside",
    ops: [op.put("k0001"), op.txn({ success: [op.txn({ success: [ALL_KEYS] }), op.put("z")] })],
    isUnread: true,
  },
  {
    name: "a range before a write in a transaction inside",
    ops: [op.put("k0001"), ALL_KEYS, op.txn({ success: [op.put("k0002")] })],
    isUnread: false,
  },
  { name: "a number of keys", ops: [op.range("k", "l", { countOnly: true }), op.put("a")], isUnread: false },
  { name: "little", ops: [op.range("k000", "k001"), op.put("a")], cost: 10_000, isUnread: false },
  {
    name: "single keys that are much together",
    ops: [...Array.from({ length: 9 }, (_, i) => op.range(nameOf(i))), op.put("a")],
    cost: 1000,
    isUnread: true,
  },
];
for (const { name, ops, isUnread, cost = 0 } of cases) {
  test(`${name} is ${isUnread ? "left unread" : "read at once"}, and answered alike`, async () => {
    const store = await largeStore({ entryReadCost: cost });
    const other = await largeStore({ entryReadCost: Number.POSITIVE_INFINITY });
    const outcome = apply(store, txnRequest({ success: ops }));
    const wanted = apply(other, txnRequest({ success: ops })) as TxnOutcome;
    assert.equal(outcome instanceof UnreadTxn, isUnread);
    const read = outcome instanceof UnreadTxn ? outcome.read(waiting()) : outcome;
    remove(store, "k", "l");
    put(store, "k0003", "later");
    assert.deepEqual(encoded(await read), encoded(wanted));
    assert.equal(store.counters.ranges, other.counters.ranges);
  });
}

function encoded({ revision, succeeded, responses }: TxnOutcome) {
  const body = Buffer.concat(encodeTxnResponseInParts(EMPTY, succeeded, responses)).toString("hex");
  return { revision, body };
}

test("what a transaction may not read is refused before it changes anything, however much it reads", async () => {
  const store = await largeStore();
  const { currentRevision } = store;
  await store.compact(500).done;
  for (const [revision, code] of [
    [currentRevision + 1, "FUTURE_REVISION"],
    [499, "COMPACTED"],
  ] as const) {
    const request = txnRequest({ success: [ALL_KEYS, op.put("a"), op.range("k", "l", { revision })] });
    assert.throws(
      () => apply(store, request),
      (error) => isRefusedWith(error, code),
    );
  }
  assert.equal(store.currentRevision, currentRevision);
});

test("nobody who waits for it: nothing is left unread", async () => {
  const store = await largeStore();
  const outcome = inOneGo(txnSteps(store, txnRequest({ success: [ALL_KEYS, op.put("a")] }), LEASES, false));
  assert.ok(!(outcome instanceof UnreadTxn));
});

test("transactions are read one after another, in their order", async () => {
  const store = await largeStore();
  const callers = Array.from({ length: 4 }, waiting);
  const order: number[] = [];
  const readings = callers.map(async (caller, i) => {
    await applyUnread(store, ALL_KEYS, op.put("k0001", `${i}`)).read(caller);
    for (const later of callers.slice(i + 1)) assert.equal(later.asked, 0);
    order.push(i);
  });
  await Promise.all(readings);
  assert.deepEqual(order, [0, 1, 2, 3]);
  assert.ok(callers.every(({ asked }) => asked > KEYS / 256));
});

test("a transaction whose caller has gone is not read, and neither a compaction nor others wait for it", async () => {
  const store = await largeStore({ clock: new PatientClock() });
  const callers = [waiting(), waiting(), waiting()] as const;
  const unread = callers.map((_, i) => applyUnread(store, ALL_KEYS, op.put("k0001", `${i}`)));
  const readings = unread.map((each, i) => each.read(callers[i]!));
  put(store, "k0001", "later");
  const compaction = store.compact(store.currentRevision).done;
  for (const i of [0, 1]) {
    callers[i]!.isGone = true;
    unread[i]!.cancel();
    await assert.rejects(readings[i]!, (error) => isRefusedWith(error, "CANCELED"));
  }
  assert.ok(callers[1].asked <= 1);
  const { responses } = await readings[2]!;
  assert.match(describeResponses(responses.map(whole)), /k0001\(3,1003,3\)=1 .*count 1000; put@1004$/);
  await compaction;
});

function whole({ kind, body, rest }: TxnOutcome["responses"][number]) {
  return { kind, body: Buffer.concat([body, ...rest]) };
}

test("a caller that has gone while there was no room for its answer waits no more", async () => {
  const store = await largeStore();
  const caller = { ...waiting(), ended: false, whenAnswerRoom: () => {} };
  const unread = applyUnread(store, ALL_KEYS, op.put("a"));
  const reading = unread.read(caller);
  // It holds nobody up.
  await applyUnread(store, ALL_KEYS, op.put("b")).read(waiting());
  caller.ended = true;
  unread.cancel();
  await assert.rejects(reading, (error) => isRefusedWith(error, "CANCELED"));
  assert.equal(store.counters.unansweredTxns, 0);
});

const losses: { name: string; lose: (store: Store, clock: PatientClock) => Promise<unknown> }[] = [
  {
    name: "a compaction has waited for long",
    async lose(store, clock) {
      remove(store, "k", "l");
      const { done } = store.compact(store.currentRevision);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(clock.long.length, 1);
      for (const callback of clock.long.splice(0)) callback();
      return done;
    },
  },
  {
    name: "another state has come in the place of its own",
    async lose(store) {
      const snapshot = memoryBackend();
      for (let i = 0; i < 10; i++) put(await openStore(snapshot), "k", "new");
      const become = async () => {};
      return store.replace(snapshot, () => {}, become);
    },
  },
  { name: "the member ends", lose: (store) => store.close() },
];
for (const { name, lose } of losses) {
  test(`a transaction of which not all was read when ${name} may have happened, for all that is told`, async () => {
    const clock = new PatientClock();
    const store = await largeStore({ clock });
    const { currentRevision } = store;
    const readings = [
      applyUnread(store, ALL_KEYS, op.put("k0001")).read(waiting()),
      applyUnread(store, op.put("k0002"), ALL_KEYS).read(waiting()),
    ];
    const told = Promise.allSettled(readings);
    assert.equal(store.currentRevision, currentRevision + 2);
    await lose(store, clock);
    for (const result of await told) {
      assert.ok(result.status === "rejected" && isRefusedWith(result.reason, "TIMEOUT"));
    }
    assert.equal(store.counters.unansweredTxns, 2);
  });
}

test("what is read behind an entry is compacted when it has been read", async () => {
  const store = await largeStore({ clock: new PatientClock() });
  const reading = applyUnread(store, ALL_KEYS, op.delete("k", "l")).read(waiting());
  const { done } = store.compact(store.currentRevision);
  const { responses } = await reading;
  assert.match(describeResponses(responses.map(whole)), /count 1000; delete@1002 1000$/);
  await done;
  assert.equal(tableContent(store.state.backend).length, KEYS, "tombstones at the compacted revision stay");
});

// Any transactions: the answers are alike, to the byte, whether they are read in the entry or behind it.

const anyKey = fc.constantFrom("a", "b", "c", "d", "e");
const anyEnd = fc.constantFrom("", "", "\0", "c", "e", "z");
const anyRange = fc
  .record({
    key: anyKey,
    end: fc.constantFrom("\0", "\0", "c", "e", "z", ""),
    back: fc.constantFrom(0, 0, 0, 1, 3),
    limit: fc.constantFrom(0, 0, 1, 3),
    sortOrder: fc.nat(2),
    sortTarget: fc.nat(4),
    keysOnly: fc.boolean(),
    countOnly: fc.boolean(),
    minModRevision: fc.constantFrom(0, 0, 0, 4),
    maxCreateRevision: fc.constantFrom(0, 0, 0, 9),
  })
  .map(({ key, end, back, ...fields }) => ({ kind: "range" as const, key, end, back, fields }));
const anyOp = fc.oneof(
  { weight: 4, arbitrary: anyRange },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("put" as const), key: anyKey, value: fc.string() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), key: anyKey, end: anyEnd }) },
);
const { txn: anyTxn } = fc.letrec<{ txn: AnyTxn }>((tie) => ({
  txn: fc.record({
    kind: fc.constant("txn" as const),
    exists: fc.option(anyKey, { nil: undefined }),
    success: fc.array(fc.oneof({ weight: 6, arbitrary: anyOp }, { weight: 1, arbitrary: tie("txn") }), {
      maxLength: 6,
      depthIdentifier: "txn",
    }),
    failure: fc.array(anyOp, { maxLength: 3 }),
  }),
}));
type AnyOp = typeof anyOp extends fc.Arbitrary<infer Value> ? Value : never;
interface AnyTxn {
  readonly kind: "txn";
  /** It succeeds where this key is. */
  readonly exists: string | undefined;
  readonly success: readonly (AnyOp | AnyTxn)[];
  readonly failure: readonly AnyOp[];
}

function requestOf(txn: AnyTxn, currentRevision: number): TxnRequest {
  const opOf = (each: AnyOp | AnyTxn): RequestOp => {
    switch (each.kind) {
      case "range": {
        const revision = each.back === 0 ? 0 : Math.max(1, currentRevision - each.back);
        return op.range(each.key, each.end, { ...each.fields, revision });
      }
      case "put":
        return op.put(each.key, each.value, { prevKv: true });
      case "delete":
        return op.delete(each.key, each.end, { prevKv: true });
      case "txn":
        return op.txn(requestOf(each, currentRevision));
    }
  };
  const exists = { target: 0, operand: 4, result: 1, number: 0 };
  return txnRequest({
    compare: txn.exists === undefined ? [] : [compare(txn.exists, exists)],
    success: txn.success.map(opOf),
    failure: txn.failure.map(opOf),
  });
}

test("whatever a transaction reads and writes, it is answered alike when its ranges are read behind it", async () => {
  let unreadCount = 0;
  const step = fc.record({ txn: anyTxn, entriesBehind: fc.nat(3), compacts: fc.nat(9).map((n) => n === 0) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), fc.constantFrom(0, 600), async (steps, cost) => {
      const options = { clock: new PatientClock(), slices: { turn: 256, small: 256 } };
      const store = await openStore(memoryBackend(), { ...options, entryReadCost: cost });
      const other = await openStore(memoryBackend(), { ...options, entryReadCost: Number.POSITIVE_INFINITY });
      const answers: (() => Promise<void>)[] = [];
      for (const { txn, entriesBehind, compacts } of steps) {
        const request = requestOf(txn, store.currentRevision);
        const [outcome, wanted] = [store, other].map((each) => {
          try {
            checkTxn(request, 128);
            return apply(each, request);
          } catch (error) {
            if (!(error instanceof RequestError)) throw error;
            return error.code;
          }
        });
        if (typeof wanted === "string" || wanted === undefined) assert.equal(outcome, wanted);
        else {
          assert.ok(!(wanted instanceof UnreadTxn) && typeof outcome === "object");
          if (outcome instanceof UnreadTxn) unreadCount += 1;
          const read = outcome instanceof UnreadTxn ? outcome.read(waiting()) : Promise.resolve(outcome);
          answers.push(async () => assert.deepEqual(encoded(await read), encoded(wanted)));
        }
        if (compacts && store.currentRevision > store.compactRevision) {
          for (const each of [store, other]) each.compact(each.currentRevision);
        }
        while (answers.length > entriesBehind) await answers.shift()!();
      }
      for (const answer of answers) await answer();
      assert.equal(store.counters.ranges, other.counters.ranges);
      assert.equal((await store.hashKv(0)).hash, (await other.hashKv(0)).hash);
    }),
    { numRuns: searchRuns(100, 3000) },
  );
  assert.ok(unreadCount > 0);
});
