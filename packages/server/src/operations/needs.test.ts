import assert from "node:assert/strict";
import { test } from "node:test";
import { compare, op, putRequest, rangeRequest, txnRequest } from "../mvcc/testing.ts";
import type { Needs } from "./access.ts";
import { ALARM, AlarmAction, encodeActivation } from "./alarm.ts";
import { operationWithField } from "./by-field.ts";
import { COMPACT } from "./compact.ts";
import { DELETE_RANGE } from "./delete-range.ts";
import { LEASE_GRANT } from "./lease-grant.ts";
import { LEASE_REVOKE } from "./lease-revoke.ts";
import { PUT } from "./put.ts";
import { RANGE } from "./range.ts";
import { recordedNeeds } from "./testing.ts";
import { TXN } from "./txn.ts";

const key = Buffer.from("k");
const rangeEnd = Buffer.from("m");
const alarm = (action: number) => {
  const raised = encodeActivation(1n, 1);
  return { ...ALARM.decode(raised, 0, raised.length), action };
};
const compaction = COMPACT.decode(new Uint8Array(0), 0, 0);
const nested = txnRequest({
  compare: [compare("c", {})],
  success: [op.put("s", "", { lease: 7n, prevKv: true })],
  failure: [op.delete("f", "g", { prevKv: true })],
});

interface Case {
  readonly name: string;
  readonly ask: (needs: Needs) => void;
  readonly want: readonly string[];
}

const whenApplied: Case[] = [
  {
    name: "a put writes its key",
    ask: (needs) => PUT.needsWhenApplied(putRequest("k"), needs),
    want: ["write [k,)"],
  },
  {
    name: "a put with a lease writes what is attached to it, and reads what it answers last",
    ask: (needs) => PUT.needsWhenApplied(putRequest("k", { lease: 7n, prevKv: true }), needs),
    want: ["write [k,)", "write what is attached to 7", "read [k,)"],
  },
  {
    name: "to keep a value or a lease needs nothing more",
    ask: (needs) => PUT.needsWhenApplied(putRequest("k", { ignoreValue: true, ignoreLease: true }), needs),
    want: ["write [k,)"],
  },
  {
    name: "a deletion writes its interval",
    ask: (needs) => DELETE_RANGE.needsWhenApplied({ key, rangeEnd, prevKv: false }, needs),
    want: ["write [k,m)"],
  },
  {
    name: "a deletion that answers what it deletes reads it",
    ask: (needs) => DELETE_RANGE.needsWhenApplied({ key, rangeEnd, prevKv: true }, needs),
    want: ["write [k,m)", "read [k,m)"],
  },
  {
    name: "a range reads its interval as the request has it",
    ask: (needs) => RANGE.needs(rangeRequest({ key, rangeEnd: Buffer.from("\0"), countOnly: true }), needs),
    want: ["read [k,\\0)"],
  },
  {
    name: "a transaction needs what its compares and both branches do, nested ones likewise",
    ask: (needs) =>
      TXN.needsWhenApplied(
        txnRequest({ compare: [compare("a", {})], success: [op.txn(nested)], failure: [op.range("r")] }),
        needs,
      ),
    want: [
      "read [a,)",
      "read [c,)",
      "write [s,)",
      "write what is attached to 7",
      "read [s,)",
      "write [f,g)",
      "read [f,g)",
      "read [r,)",
    ],
  },
  {
    name: "an empty transaction needs nothing",
    ask: (needs) => TXN.needsWhenApplied(txnRequest({}), needs),
    want: [],
  },
  {
    name: "a revoke writes what is attached to the lease",
    ask: (needs) => LEASE_REVOKE.needsWhenApplied(9n, needs),
    want: ["write what is attached to 9"],
  },
  {
    name: "a grant was checked where it was asked for",
    ask: (needs) => LEASE_GRANT.needsWhenApplied({ id: 1n, ttlSeconds: 1 }, needs),
    want: [],
  },
  { name: "a compaction likewise", ask: (needs) => COMPACT.needsWhenApplied(compaction, needs), want: [] },
  {
    name: "an alarm likewise",
    ask: (needs) => ALARM.needsWhenApplied(alarm(AlarmAction.ACTIVATE), needs),
    want: [],
  },
];

const ofProposer: Case[] = [
  { name: "a put", ask: (needs) => PUT.needsOfProposer(putRequest("k"), needs), want: [] },
  { name: "a transaction", ask: (needs) => TXN.needsOfProposer(nested, needs), want: [] },
  {
    name: "a grant",
    ask: (needs) => LEASE_GRANT.needsOfProposer({ id: 1n, ttlSeconds: 1 }, needs),
    want: ["a user"],
  },
  { name: "a revoke", ask: (needs) => LEASE_REVOKE.needsOfProposer(9n, needs), want: ["a user"] },
  {
    name: "a compaction",
    ask: (needs) => COMPACT.needsOfProposer(compaction, needs),
    want: ["an administrator"],
  },
  {
    name: "to look at alarms",
    ask: (needs) => ALARM.needsOfProposer(alarm(AlarmAction.GET), needs),
    want: ["a user"],
  },
  ...[AlarmAction.ACTIVATE, AlarmAction.DEACTIVATE, 9].map((action) => ({
    name: `to change alarms (${action})`,
    ask: (needs: Needs) => ALARM.needsOfProposer(alarm(action), needs),
    want: ["an administrator"],
  })),
];

for (const [moment, cases] of [
  ["applied", whenApplied],
  ["proposed", ofProposer],
] as const) {
  for (const { name, ask, want } of cases) {
    test(`needs of what is ${moment}: ${name}`, () => {
      const needed: string[] = [];
      ask(recordedNeeds(needed));
      assert.deepEqual(needed, want);
    });
  }
}

test("every operation is found by the field that its entries have", () => {
  for (const operation of [PUT, DELETE_RANGE, TXN, COMPACT, LEASE_GRANT, LEASE_REVOKE, ALARM]) {
    assert.equal(operationWithField(operation.field), operation);
  }
});
