import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock, withCancelFunctions } from "@quorate/testkit/clock";
import { ConnectionCalls } from "./connection-calls.ts";
import { UnansweredCalls } from "./unanswered-calls.ts";

/** So many calls of others are unanswered, while somebody asks for little. */
const MOST = 4;

function connection(): ConnectionCalls {
  const all = new UnansweredCalls(withCancelFunctions(new ManualClock()), MOST);
  for (let i = 0; i < MOST; i++) all.begun();
  all.received(true);
  return new ConnectionCalls(all);
}

/** Chunks with so many calls each, which are answered before the next one comes. */
function send(calls: ConnectionCalls, chunks: number, callsOfEach: number): void {
  for (let chunk = 0; chunk < chunks; chunk++) {
    for (let i = 0; i < callsOfEach; i++) calls.begun();
    calls.received(callsOfEach > 0);
    for (let i = 0; i < callsOfEach; i++) calls.answered();
  }
}

const cases: { name: string; before: readonly [chunks: number, calls: number][]; waits: string }[] = [
  { name: "a new one waits with a large chunk", before: [], waits: "large" },
  { name: "after a few calls it does not, either", before: [[4, 1]], waits: "" },
  { name: "octets without calls tell nothing of it", before: [[100, 0]], waits: "large" },
  { name: "sixteen calls at once are little", before: [[4, 16]], waits: "" },
  { name: "seventeen are much, however it sends what follows", before: [[1, 17]], waits: "large small" },
  {
    name: "one that was modest and asks for much waits",
    before: [
      [10, 1],
      [1, 100],
    ],
    waits: "large small",
  },
  {
    name: "it is forgiven when it asks for little for long",
    before: [
      [1, 100],
      [64, 1],
    ],
    waits: "",
  },
  {
    name: "not before",
    before: [
      [1, 100],
      [59, 1],
    ],
    waits: "large small",
  },
];
for (const { name, before, waits } of cases) {
  test(`of connections: ${name}`, () => {
    const calls = connection();
    for (const [chunks, callsOfEach] of before) send(calls, chunks, callsOfEach);
    const held = [calls.holds(false) ? "large" : "", calls.holds(true) ? "small" : ""];
    assert.equal(held.join(" ").trim(), waits);
  });
}

test("only a connection that is known to ask for little has others wait for it", () => {
  const all = new UnansweredCalls(withCancelFunctions(new ManualClock()), MOST);
  for (let i = 0; i < MOST; i++) all.begun();
  const calls = new ConnectionCalls(all);
  send(calls, 3, 1);
  assert.equal(all.holdsOthers, false);
  send(calls, 1, 1);
  assert.equal(all.holdsOthers, true);
});
