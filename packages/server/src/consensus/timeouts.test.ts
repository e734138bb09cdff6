import assert from "node:assert/strict";
import { test } from "node:test";
import { type TimeoutCircumstances, timeoutFailure } from "./timeouts.ts";

const base: TimeoutCircumstances = {
  localId: 1n,
  leader: 1n,
  electedMs: undefined,
  electionTimeoutMs: 1_000,
  members: [1n, 2n, 3n],
  connectedSince: () => 0,
};

const cases: [name: string, startedMs: number, change: Partial<TimeoutCircumstances>, failure: string][] = [
  ["everything seems fine", 5_000, {}, "TIMEOUT"],
  ["it began shortly before this member was elected", 9_000, { electedMs: 10_000 }, "TIMEOUT_LEADER_FAILED"],
  ["it began long before that", 8_000, { electedMs: 10_000 }, "TIMEOUT"],
  ["it began after that", 10_000, { electedMs: 10_000 }, "TIMEOUT"],
  ["there is no leader", 5_000, { leader: 0n, connectedSince: () => undefined }, "TIMEOUT"],
  [
    "the leader cannot be reached",
    5_000,
    { leader: 2n, connectedSince: () => undefined },
    "TIMEOUT_CONNECTION_LOST",
  ],
  [
    "the leader was lost in between",
    5_000,
    { leader: 2n, connectedSince: () => 5_000 },
    "TIMEOUT_CONNECTION_LOST",
  ],
  ["a quorum is reachable", 5_000, { connectedSince: (id) => (id === 2n ? 0 : undefined) }, "TIMEOUT"],
  ["none is", 5_000, { connectedSince: () => undefined }, "TIMEOUT_CONNECTION_LOST"],
];
for (const [name, startedMs, change, failure] of cases) {
  test(`a request timed out: ${name}`, () => {
    assert.equal(timeoutFailure(startedMs, { ...base, ...change }).code, failure);
  });
}
