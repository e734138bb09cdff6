import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, op, putRequest, txnRequest } from "../mvcc/testing.ts";
import { ALARM, AlarmAction, encodeActivation } from "./alarm.ts";
import { NOBODY } from "./caller.ts";
import { CLUSTER_VERSION } from "./cluster-version.ts";
import { COMPACT } from "./compact.ts";
import { DELETE_RANGE } from "./delete-range.ts";
import { LEASE_CHECKPOINT } from "./lease-checkpoint.ts";
import { LEASE_GRANT } from "./lease-grant.ts";
import { LEASE_REVOKE } from "./lease-revoke.ts";
import { execute, type Operation } from "./operation.ts";
import { PUT } from "./put.ts";
import type { ReplicatedState } from "./state.ts";
import { newState, OneUser, refusalOf } from "./testing.ts";
import { TXN } from "./txn.ts";

const NOSPACE = 1;
const CORRUPT = 2;
const key = bytes("k");
const rangeEnd = bytes("");

interface Case {
  readonly name: string;
  /** Runs the operation on a state, and says what it costs. */
  readonly costBytes: number;
  readonly run: (state: ReplicatedState) => unknown;
  /** The alarms under which it is refused. */
  readonly refusedUnder: readonly number[];
}

function given<Request>(
  name: string,
  operation: Operation<Request, unknown>,
  request: Request,
  refusedUnder: readonly number[],
): Case {
  const costBytes = operation.costBytes(request);
  const run = (state: ReplicatedState) => execute(operation, state, request, costBytes, NOBODY, true);
  return { name, costBytes, run, refusedUnder };
}

const put = putRequest("key", { value: bytes("value") });
const raised = encodeActivation(2n, CORRUPT);
const cases = [
  given("a put", PUT, put, [NOSPACE, CORRUPT]),
  given("a transaction that puts", TXN, txnRequest({ success: [op.put("k", "v")] }), [NOSPACE, CORRUPT]),
  given("a transaction that may put", TXN, txnRequest({ failure: [op.put("k", "v")] }), [NOSPACE, CORRUPT]),
  given("a transaction that deletes", TXN, txnRequest({ success: [op.delete("k")] }), [CORRUPT]),
  given("a deletion", DELETE_RANGE, { key, rangeEnd, prevKv: false }, [CORRUPT]),
  given("a grant", LEASE_GRANT, { id: 8n, ttlSeconds: 10 }, [NOSPACE, CORRUPT]),
  given("a revoke", LEASE_REVOKE, 7n, [CORRUPT]),
  given("a compaction", COMPACT, COMPACT.decode(bytes("\x08\x01"), 0, 2), [CORRUPT]),
  given("a checkpoint", LEASE_CHECKPOINT, [{ id: 7n, remainingTtlSeconds: 5 }], []),
  given("an alarm", ALARM, ALARM.decode(raised, 0, raised.length), []),
  given("a cluster version", CLUSTER_VERSION, "3.7.0", []),
];
for (const { name, costBytes, run, refusedUnder } of cases) {
  test(`${name} is refused under ${refusedUnder.length} kinds of alarms`, async () => {
    assert.equal(await refusalOf(async () => run(await newState())), "none");
    for (const [type, code] of [
      [NOSPACE, "NO_SPACE"],
      [CORRUPT, "CORRUPT"],
    ] as const) {
      const state = await newState();
      state.alarms.activate(1n, type);
      const { currentRevision } = state.store;
      assert.equal(await refusalOf(() => run(state)), refusedUnder.includes(type) ? code : "none");
      if (refusedUnder.includes(type)) assert.equal(state.store.currentRevision, currentRevision);
    }
    assert.equal(costBytes > 0, refusedUnder.includes(NOSPACE));
  });
}

test("what is priced: keys, values and a little more for each put, of the dearer branch", () => {
  assert.equal(PUT.costBytes(put), 256 + 3 + 5);
  const dear = txnRequest({ success: [{ kind: 2, put }], failure: [{ kind: 2, put }, op.delete("k")] });
  const nested = txnRequest({ success: [op.txn(dear), { kind: 2, put }], failure: [{ kind: 2, put }] });
  assert.equal(TXN.costBytes(nested), 2 * 264);
  assert.equal(LEASE_GRANT.costBytes({ id: 1n, ttlSeconds: 1 }), 64);
});

test("a caller without the permission changes nothing, and alarms come first", async () => {
  const access = new OneUser("u");
  const state = await newState(access);
  const run = (username: string) =>
    refusalOf(() => execute(PUT, state, put, 264, { ...NOBODY, username, authRevision: 8 }, true));
  assert.equal(await run("v"), "CANCELED");
  assert.equal(state.store.currentRevision, 1);
  assert.equal(await run("u"), "none");
  assert.equal(state.store.currentRevision, 2);
  state.alarms.activate(1n, NOSPACE);
  assert.equal(await run("v"), "NO_SPACE");
  state.alarms.activate(1n, CORRUPT);
  assert.equal(await run("v"), "CORRUPT");
  assert.equal(access.asked.length, 2);
});

test("alarms are raised, listed and switched off; other actions do nothing", async () => {
  const state = await newState();
  const run = (action: number) =>
    execute(ALARM, state, { ...ALARM.decode(raised, 0, raised.length), action }, 0, NOBODY, true);
  const alarm = { memberId: 2n, type: CORRUPT };
  assert.deepEqual(await run(AlarmAction.GET), []);
  assert.deepEqual(await run(AlarmAction.ACTIVATE), [alarm]);
  assert.deepEqual(await run(AlarmAction.GET), [alarm]);
  assert.deepEqual(await run(9), []);
  assert.equal(state.alarms.corrupt, true);
  assert.deepEqual(await run(AlarmAction.DEACTIVATE), [alarm]);
  assert.equal(state.alarms.corrupt, false);
});
