import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "../backend/memory-backend.ts";
import { Probe } from "../consensus/testing.ts";
import { ManualClock } from "../watch/testing/manual-clock.ts";
import { StateMachine, type StateMachineOptions } from "./state-machine.ts";

const KEY = Buffer.from("key");

test("an entry without effect, a new leader's, does not keep what came before it from being committed", () => {
  const clock = new ManualClock();
  const backend = new MemoryBackend({ clock, batchIntervalMs: 100, flushMs: 1 });
  const machine = new StateMachine({ clock, state: { backend } } as unknown as StateMachineOptions);
  backend.setConsistentIndex(5, 1);
  backend.put("meta", KEY, Buffer.from("value"));
  backend.entryApplied();
  machine.applyEmpty({ index: 6, term: 2 });
  clock.advance(200);
  const left = backend.crash();
  assert.equal(left.consistentIndex, 6);
  assert.equal(Buffer.from(left.get("meta", KEY) ?? []).toString(), "value");
});

test("whoever waits for an entry that the state reflects already is told that its outcome is not known", () => {
  const clock = new ManualClock();
  const backend = new MemoryBackend({ clock, batchIntervalMs: 100, flushMs: 1 });
  const machine = new StateMachine({ clock, state: { backend } } as unknown as StateMachineOptions);
  backend.setConsistentIndex(5, 1);
  const probe = new Probe({});
  machine.applyEntry({ type: 0, index: 5, term: 1, data: new Uint8Array(0) }, probe);
  assert.equal(probe.outcome, "etcdserver: request timed out");
});
