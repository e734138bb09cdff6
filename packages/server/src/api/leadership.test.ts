import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterHarness, failureOf, testMember } from "./cluster-context.testing.ts";
import { moveLeader, transferOnStop } from "./leadership.ts";

const NEVER = new AbortController().signal;
const cluster = () =>
  new ClusterHarness([testMember(1), testMember(2), testMember(3), testMember(7, { isLearner: true })]);

const refusals: { name: string; to: bigint; leader: bigint; want: string }[] = [
  { name: "this member does not lead", to: 3n, leader: 2n, want: "NOT_LEADER" },
  { name: "nobody leads", to: 3n, leader: 0n, want: "NOT_LEADER" },
  { name: "the target is unknown", to: 9n, leader: 1n, want: "BAD_LEADER_TRANSFEREE" },
  { name: "the target is a learner", to: 7n, leader: 1n, want: "BAD_LEADER_TRANSFEREE" },
];

for (const { name, to, leader, want } of refusals) {
  test(`leadership is not moved when ${name}`, async () => {
    const harness = cluster();
    harness.consensus.leader = leader;
    assert.equal(await failureOf(moveLeader(harness.context, to, NEVER)), want);
    assert.deepEqual(harness.transfers, []);
  });
}

test("leadership has moved when the target leads", async () => {
  const harness = cluster();
  harness.onTransfer = () => {};
  let done = false;
  const moved = moveLeader(harness.context, 3n, NEVER).then(() => {
    done = true;
  });
  await harness.advance(500);
  harness.consensus.leader = 2n;
  await harness.advance(500);
  assert.equal(done, false);
  harness.consensus.leader = 3n;
  await harness.advance(200);
  await moved;
  assert.deepEqual(harness.transfers, [3n]);
});

test("a transfer is waited for as long as the caller waits", async () => {
  const harness = cluster();
  harness.onTransfer = () => {};
  const caller = new AbortController();
  const failure = failureOf(moveLeader(harness.context, 3n, caller.signal));
  await harness.advance(60_000, 10_000);
  caller.abort();
  assert.equal(await failure, "TIMEOUT_LEADER_TRANSFER");
});

test("before a stop the voter that was connected for longest takes over", async () => {
  const harness = cluster();
  harness.active.set(2n, 5_000);
  harness.active.set(3n, 4_000);
  harness.active.set(7n, 1);
  await transferOnStop(harness.context);
  assert.deepEqual(harness.transfers, [3n]);
});

const skipped: { name: string; change: (harness: ClusterHarness) => void }[] = [
  { name: "another member leads", change: (harness) => (harness.consensus.leader = 2n) },
  { name: "nobody is connected", change: (harness) => harness.active.clear() },
  {
    name: "there is no other voter",
    change: (harness) => {
      harness.membership.applyRemove(2n);
      harness.membership.applyRemove(3n);
    },
  },
];

for (const { name, change } of skipped) {
  test(`a stop hands nothing over when ${name}`, async () => {
    const harness = cluster();
    harness.connectAll(10);
    change(harness);
    await transferOnStop(harness.context);
    assert.deepEqual(harness.transfers, []);
  });
}

test("a stop tries the other voters in turn, each for an election timeout, and then goes on", async () => {
  const harness = cluster();
  harness.connectAll(10);
  harness.onTransfer = () => {};
  let stopped = false;
  const stop = transferOnStop(harness.context).then(() => {
    stopped = true;
  });
  await harness.advance(1_900);
  assert.deepEqual([stopped, new Set(harness.transfers).size], [false, 2]);
  await harness.advance(200);
  await stop;
});
