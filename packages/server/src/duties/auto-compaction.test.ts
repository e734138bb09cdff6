import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterHarness, settle, testMember } from "../api/cluster-context.testing.ts";
import { RequestError } from "../errors.ts";
import { AutoCompaction } from "./auto-compaction.ts";
import { createSchedule } from "./compaction-schedule.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Which revisions are compacted when, of a store whose revision is how many steps have begun. */
function compactions(schedule: ReturnType<typeof createSchedule>, steps: number, revisionsInAStep = 1) {
  const found: [atMs: number, revision: number][] = [];
  for (let step = 1; step <= steps; step++) {
    schedule.began(step * revisionsInAStep);
    const nowMs = step * schedule.stepMs;
    const revision = schedule.due(nowMs, step * revisionsInAStep);
    if (revision === undefined) continue;
    found.push([nowMs, revision]);
    schedule.done(nowMs, revision);
  }
  return found;
}

test("of five seconds it is asked every half, and first compacts when they have passed", () => {
  const schedule = createSchedule({ mode: "periodic", periodMs: 5_000 }, 0);
  assert.equal(schedule.stepMs, 500);
  assert.deepEqual(compactions(schedule, 30), [
    [5_000, 1],
    [10_000, 10],
    [15_000, 20],
  ]);
});

test("of two hours the first compaction is after these, and then there is one an hour, two hours back", () => {
  const schedule = createSchedule({ mode: "periodic", periodMs: 2 * HOUR_MS }, 0);
  assert.equal(schedule.stepMs, 6 * MINUTE_MS);
  assert.deepEqual(compactions(schedule, 40), [
    [2 * HOUR_MS, 1],
    [3 * HOUR_MS, 10],
    [4 * HOUR_MS, 20],
  ]);
});

test("nothing is compacted twice, and what failed is tried at the next step", () => {
  const schedule = createSchedule({ mode: "periodic", periodMs: 10_000 }, 0);
  for (let step = 1; step < 10; step++) schedule.began(7);
  schedule.began(7);
  assert.equal(schedule.due(10_000, 7), 7);
  schedule.began(7);
  assert.equal(schedule.due(11_000, 7), 7, "it was not done");
  schedule.done(11_000, 7);
  schedule.began(7);
  assert.equal(schedule.due(100_000, 7), undefined, "the store has not changed");
});

test("by revisions it is asked every five minutes, and keeps the last ones", () => {
  const schedule = createSchedule({ mode: "revision", revisions: 100 }, 0);
  assert.equal(schedule.stepMs, 5 * MINUTE_MS);
  assert.deepEqual(compactions(schedule, 4, 60), [
    [10 * MINUTE_MS, 20],
    [15 * MINUTE_MS, 80],
    [20 * MINUTE_MS, 140],
  ]);
  assert.equal(schedule.due(0, 240), undefined, "that is done");
});

class Compacted {
  readonly cluster = new ClusterHarness([testMember(1), testMember(2)]);
  readonly compacted: number[] = [];
  readonly duty: AutoCompaction;
  revision = 10;
  failure: RequestError | undefined;

  constructor() {
    const { context } = this.cluster;
    const store = {
      currentRevision: 0,
      compact: (revision: number) => {
        if (this.failure !== undefined) throw this.failure;
        this.compacted.push(revision);
        return { done: Promise.resolve() };
      },
    };
    Object.defineProperty(store, "currentRevision", { get: () => this.revision });
    const config = { ...context.config, autoCompaction: { mode: "revision", revisions: 4 } as const };
    Object.assign(this.cluster.state, { store });
    this.duty = new AutoCompaction({ ...context, config, store: store as never });
  }

  async pass(minutes: number): Promise<void> {
    this.cluster.clock.advance(minutes * MINUTE_MS);
    await settle();
  }
}

test("the leader compacts, and others only watch", async () => {
  const member = new Compacted();
  member.duty.start();
  await member.pass(5);
  assert.deepEqual(member.compacted, [6]);
  member.revision = 20;
  member.cluster.consensus.leader = 2n;
  await member.pass(5);
  assert.deepEqual(member.compacted, [6]);
  member.cluster.consensus.leader = 1n;
  await member.pass(5);
  assert.deepEqual(member.compacted, [6, 16]);
  member.duty.stop();
  member.revision = 30;
  await member.pass(5);
  assert.deepEqual(member.compacted, [6, 16]);
});

test("a compaction that fails is tried again, and one that somebody was ahead of is done", async () => {
  const member = new Compacted();
  member.failure = new RequestError("TIMEOUT");
  member.duty.start();
  await member.pass(5);
  member.failure = undefined;
  await member.pass(5);
  assert.deepEqual(member.compacted, [6]);
  member.revision = 20;
  member.failure = new RequestError("COMPACTED");
  await member.pass(5);
  member.failure = undefined;
  await member.pass(5);
  assert.deepEqual(member.compacted, [6], "revision 16 was taken for compacted");
});
