import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestError } from "../errors.ts";
import { PendingProposals } from "./pending-proposals.ts";
import { Probe } from "./testing.ts";

const entry = (index: number, term: number) => ({ type: 0 as const, index, term, data: new Uint8Array(0) });

test("the caller of a committed entry is found by its place in the log", () => {
  const pending = new PendingProposals(7_000);
  const probes = [new Probe({}), new Probe({}), new Probe({})];
  pending.accepted(probes, 10, 2);
  assert.equal(pending.take(entry(9, 2)), undefined);
  assert.equal(pending.take(entry(10, 2)), probes[0]);
  assert.equal(pending.take(entry(11, 2)), probes[1]);
  assert.equal(pending.take(entry(12, 2)), probes[2]);
  assert.equal(pending.take(entry(13, 2)), undefined);
});

test("a proposal whose place another leader's entry took is told so, and the rest go on", () => {
  const pending = new PendingProposals(7_000);
  const [lost, alsoLost] = [new Probe({}), new Probe({})];
  pending.accepted([lost, alsoLost], 10, 2);
  assert.equal(pending.take(entry(10, 3)), undefined);
  assert.equal(lost.outcome, "etcdserver: leader changed");
  const later = new Probe({});
  pending.accepted([later], 12, 4);
  assert.equal(pending.take(entry(12, 4)), later);
  assert.equal(alsoLost.outcome, "etcdserver: leader changed");
});

test("what a leader lost to another one hides nothing of what it accepts when it leads again", () => {
  const pending = new PendingProposals(7_000);
  const kept = new Probe({});
  const lost = [new Probe({}), new Probe({}), new Probe({})];
  pending.accepted([kept, ...lost], 10, 2);
  pending.expire(8_000, () => new RequestError("TIMEOUT"));
  const young = new Probe({ startedMs: 8_000 });
  pending.accepted([young], 14, 2);
  // Another leader's log was shorter, and its first entry went to index 12.
  const later = new Probe({ startedMs: 9_000 });
  pending.accepted([later], 12, 4);
  assert.equal(young.outcome, "etcdserver: leader changed");
  assert.equal(pending.take(entry(12, 4)), later);
  assert.equal(pending.size, 0);
});

test("who waited too long is failed", () => {
  const pending = new PendingProposals(7_000);
  const [old, young] = [new Probe({ startedMs: 0 }), new Probe({ startedMs: 5_000 })];
  pending.accepted([old, young], 1, 1);
  pending.expire(7_200, () => new RequestError("TIMEOUT"));
  assert.equal(old.outcome, "etcdserver: request timed out");
  assert.equal(young.outcome, "waiting");
  // Its entry may still be applied: for nobody.
  assert.equal(pending.take(entry(1, 1)), undefined);
  assert.equal(pending.take(entry(2, 1)), young);
});

test("an entry that has the place of a proposal and other bytes breaks what raft promises", () => {
  const pending = new PendingProposals(7_000);
  const probe = new Probe({});
  pending.accepted([probe], 1, 1);
  const other = { ...entry(1, 1), data: new Uint8Array([7]) };
  assert.throws(() => pending.take(other), /entry 1 of term 1 is what was proposed as it/);
  assert.equal(probe.outcome, "waiting");
});

test("memory stays bounded over many proposals", () => {
  const pending = new PendingProposals(7_000);
  for (let index = 1; index <= 100_000; index += 10) {
    const probes = Array.from({ length: 10 }, () => new Probe({}));
    pending.accepted(probes, index, 1);
    for (let i = 0; i < 10; i++) assert.equal(pending.take(entry(index + i, 1)), probes[i]);
  }
  const last = new Probe({});
  pending.accepted([last], 100_001, 1);
  pending.failAll(new Error("stopped"));
  assert.equal(last.outcome, "stopped");
});
