import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestIds } from "../cluster/request-ids.ts";
import { type Reader, ReadIndexRounds } from "./read-index.ts";

class Probe implements Reader {
  outcome = "waiting";
  ready(): void {
    this.outcome = "ready";
  }
  fail(error: Error): void {
    this.outcome = error.message;
  }
}

function setUp() {
  const contexts: Uint8Array[] = [];
  const rounds = new ReadIndexRounds(new RequestIds(1n, 0), 7_000, (context) => contexts.push(context));
  const reader = () => {
    const probe = new Probe();
    rounds.add(probe);
    return probe;
  };
  return { contexts, rounds, reader };
}

test("one round serves all who waited when it began; who comes later waits for the next", () => {
  const { contexts, rounds, reader } = setUp();
  const first = [reader(), reader()];
  rounds.start(0);
  const late = reader();
  rounds.start(1);
  assert.equal(contexts.length, 1);
  rounds.answered({ index: 5, requestContext: contexts[0]! });
  assert.equal(rounds.applied(4), false);
  assert.deepEqual(
    [...first, late].map((probe) => probe.outcome),
    ["waiting", "waiting", "waiting"],
  );
  assert.equal(rounds.applied(5), true);
  assert.deepEqual(
    [...first, late].map((probe) => probe.outcome),
    ["ready", "ready", "waiting"],
  );
  rounds.start(2);
  rounds.answered({ index: 6, requestContext: contexts[1]! });
  rounds.applied(6);
  assert.equal(late.outcome, "ready");
});

test("attempts have IDs of their own; an answer to any of this round counts, others are ignored", () => {
  const { contexts, rounds, reader } = setUp();
  const probe = reader();
  rounds.start(0);
  rounds.tick(499);
  rounds.tick(500);
  rounds.firstCommitInTerm(600);
  assert.equal(new Set(contexts.map(String)).size, 3);
  rounds.answered({ index: 9, requestContext: new Uint8Array(8) });
  rounds.answered({ index: 9, requestContext: new Uint8Array(3) });
  assert.equal(rounds.applied(9), false);
  rounds.answered({ index: 9, requestContext: contexts[1]! });
  rounds.applied(9);
  assert.equal(probe.outcome, "ready");
  const next = reader();
  rounds.start(700);
  rounds.answered({ index: 10, requestContext: contexts[0]! });
  assert.equal(rounds.applied(10), false);
  assert.equal(next.outcome, "waiting");
});

const endings = [
  {
    name: "a change of leader",
    end: (rounds: ReadIndexRounds) => rounds.leaderChanged(),
    want: "etcdserver: leader changed",
  },
  {
    name: "the request timeout",
    end: (rounds: ReadIndexRounds) => rounds.tick(7_000),
    want: "etcdserver: request timed out",
  },
  { name: "a stop", end: (rounds: ReadIndexRounds) => rounds.stop(), want: "etcdserver: server stopped" },
];
for (const { name, end, want } of endings) {
  test(`${name} fails the readers of the round`, () => {
    const { rounds, reader } = setUp();
    const probe = reader();
    rounds.start(0);
    end(rounds);
    assert.equal(probe.outcome, want);
  });
}

test("once an index was answered, only applying it matters", () => {
  const { contexts, rounds, reader } = setUp();
  const probe = reader();
  rounds.start(0);
  rounds.answered({ index: 3, requestContext: contexts[0]! });
  rounds.leaderChanged();
  rounds.tick(60_000);
  rounds.applied(3);
  assert.equal(probe.outcome, "ready");
});
