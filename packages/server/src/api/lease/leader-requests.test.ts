import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import type { ApiContext } from "../context.ts";
import { LeaderRequests } from "./leader-requests.ts";
import { FakePeerRequests, passTime, settle } from "./testing.ts";

const NEVER = new AbortController().signal;

function setUp(clock = new ManualClock()) {
  const peerRequests = new FakePeerRequests(clock);
  const consensus = { leader: 2n };
  const requests = new LeaderRequests({ clock, peerRequests, consensus } as unknown as ApiContext);
  const outcomes: (number | undefined)[] = [];
  const send = (signal = NEVER, timeoutMs = 7_000) => {
    const request = {
      leader: 2n,
      url: "http://leader",
      path: "/leases",
      body: Uint8Array.of(8, 7),
      deadlineMs: clock.nowMs() + timeoutMs,
      maxResponseBytes: 100,
    };
    void requests.send(request, signal).then((response) => outcomes.push(response?.status));
  };
  return { clock, peerRequests, consensus, send, outcomes };
}

test("16 requests are under way at once; the next go when one is answered", async () => {
  const { peerRequests, send, outcomes } = setUp();
  for (let i = 0; i < 20; i++) send();
  assert.equal(peerRequests.sent.length, 16);
  peerRequests.sent[3]!.answer(200);
  peerRequests.sent[5]!.answer(404);
  await settle();
  assert.deepEqual(outcomes, [200, 404]);
  assert.equal(peerRequests.sent.length, 18);
  for (const sent of peerRequests.sent.slice()) sent.fail();
  await settle();
  for (const sent of peerRequests.sent) sent.answer(200);
  await settle();
  assert.equal(outcomes.length, 20);
});

test("requests that wait at the leader do not hold up those behind them", async () => {
  const { clock, peerRequests, send, outcomes } = setUp();
  for (let i = 0; i < 40; i++) send();
  await passTime(clock, 300);
  assert.equal(peerRequests.sent.length, 40);
  peerRequests.sent[39]!.answer(200);
  await settle();
  assert.deepEqual(outcomes, [200]);
  // Those that gave up their place give it up once.
  for (let i = 0; i < 20; i++) send();
  for (const sent of peerRequests.sent.slice(0, 39)) sent.answer(200);
  await settle();
  assert.equal(peerRequests.sent.length, 56);
});

test("nobody waits for a leader that has gone, neither under way nor in the queue", async () => {
  const { clock, consensus, peerRequests, send, outcomes } = setUp();
  for (let i = 0; i < 20; i++) send();
  consensus.leader = 0n;
  await passTime(clock, 100);
  assert.deepEqual(outcomes, new Array(20).fill(undefined));
  assert.ok(peerRequests.sent.every(({ aborted }) => aborted));
});

test("when the leader of very many requests goes, a turn gives up some of them, and soon all", async () => {
  const later: (() => void)[] = [];
  const { clock, consensus, send, outcomes } = setUp(new ManualClock({ soon: (turn) => later.push(turn) }));
  const total = 2_000;
  for (let i = 0; i < total; i++) send();
  consensus.leader = 0n;
  clock.advance(100);
  const outcomesByTurn: number[] = [];
  for (let turn = 0; turn < 20 && outcomes.length < total; turn++) {
    const before = outcomes.length;
    await settle();
    outcomesByTurn.push(outcomes.length - before);
    later.shift()?.();
  }
  assert.deepEqual(outcomesByTurn, [512, 512, 512, 464]);
});

test("in the queue too a request ends at its deadline", async () => {
  const { clock, send, outcomes } = setUp();
  for (let i = 0; i < 16; i++) send();
  send(NEVER, 50);
  await passTime(clock, 100);
  assert.deepEqual(outcomes, [undefined]);
});

test("a request ends with its client, wherever it is", async () => {
  const { clock, peerRequests, send, outcomes } = setUp();
  const callers = Array.from({ length: 20 }, () => new AbortController());
  for (const { signal } of callers) send(signal);
  for (const caller of callers) caller.abort();
  await settle();
  assert.equal(outcomes.length, 20);
  assert.ok(peerRequests.sent.every(({ aborted }) => aborted));
  send();
  peerRequests.sent.at(-1)!.answer(200);
  await passTime(clock, 200);
  assert.equal(outcomes.at(-1), 200);
});
