import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Inflights } from "./inflights.ts";
import { Progress, ProgressState } from "./progress.ts";

function progress(match: number, next: number, state: ProgressState = ProgressState.StateProbe): Progress {
  const result = new Progress(2n, match, next, new Inflights(256), false);
  result.state = state;
  return result;
}

describe("a refusal", () => {
  const { StateProbe, StateReplicate } = ProgressState;
  const cases = [
    {
      name: "of the probe goes back to the hint",
      state: StateProbe,
      match: 0,
      next: 11,
      rejected: 10,
      hint: 3,
      want: 4,
    },
    {
      name: "of another probe is stale",
      state: StateProbe,
      match: 0,
      next: 11,
      rejected: 9,
      hint: 3,
      want: undefined,
    },
    {
      name: "never goes below what matches",
      state: StateProbe,
      match: 5,
      next: 11,
      rejected: 10,
      hint: 2,
      want: 6,
    },
    {
      name: "with a hint above goes back by one",
      state: StateProbe,
      match: 0,
      next: 11,
      rejected: 10,
      hint: 20,
      want: 10,
    },
    {
      name: "of what matches is stale",
      state: StateReplicate,
      match: 5,
      next: 10,
      rejected: 5,
      hint: 3,
      want: undefined,
    },
    {
      name: "in a stream goes back to what matches",
      state: StateReplicate,
      match: 5,
      next: 10,
      rejected: 7,
      hint: 3,
      want: 6,
    },
  ];
  for (const { name, state, match, next, rejected, hint, want } of cases) {
    test(name, () => {
      const p = progress(match, next, state);
      assert.equal(p.maybeDecrTo(rejected, hint), want !== undefined);
      assert.equal(p.next, want ?? next);
      assert.equal(p.match, match);
    });
  }
});

describe("an acknowledgement", () => {
  const cases = [
    { name: "of the same is old news", index: 3, match: 3, next: 5, isNews: false },
    { name: "of less is old news", index: 2, match: 3, next: 5, isNews: false },
    { name: "of what was sent moves match", index: 4, match: 4, next: 5, isNews: true },
    { name: "of more moves next as well", index: 9, match: 9, next: 10, isNews: true },
  ];
  for (const { name, index, match, next, isNews } of cases) {
    test(name, () => {
      const p = progress(3, 5);
      assert.equal(p.maybeUpdate(index), isNews);
      assert.deepEqual([p.match, p.next], [match, next]);
    });
  }
});

describe("the states of progress", () => {
  test("after a snapshot the probe starts behind it, or behind what matches by then", () => {
    const p = progress(1, 5);
    p.becomeSnapshot(10);
    assert.equal(`${p}`, "StateSnapshot match=1 next=11 paused pendingSnap=10 inactive");
    p.becomeProbe();
    assert.equal(p.next, 11);
    p.becomeSnapshot(20);
    p.match = 30;
    p.becomeProbe();
    assert.equal(p.next, 31);
  });

  test("a probe pauses when it sent entries, but not when it sent none", () => {
    const p = progress(0, 5);
    p.sentEntries(0, 0);
    assert.equal(p.isPaused(), false);
    p.sentEntries(2, 20);
    assert.equal(p.isPaused(), true);
    assert.equal(p.next, 5);
  });

  test("a stream moves on as it sends, and pauses when the window is full", () => {
    const p = new Progress(2n, 4, 5, new Inflights(2), false);
    p.becomeReplicate();
    p.sentEntries(3, 30);
    assert.deepEqual([p.next, p.isPaused()], [8, false]);
    p.sentEntries(1, 10);
    assert.deepEqual([p.next, p.isPaused()], [9, true]);
    assert.equal(`${p}`, "StateReplicate match=4 next=9 paused inactive inflight=2[full]");
  });

  test("a commit index is worth sending only if the member can use it and does not have it", () => {
    const p = progress(4, 6);
    assert.equal(p.canBumpCommit(3), true);
    p.sentCommit(3);
    assert.equal(p.canBumpCommit(3), false);
    assert.equal(p.canBumpCommit(4), true);
    p.sentCommit(5);
    assert.equal(p.canBumpCommit(7), false);
  });

  test("nothing can be sent while a snapshot is on its way", () => {
    const p = progress(0, 1);
    p.becomeSnapshot(3);
    assert.throws(() => p.sentEntries(1, 1), /StateSnapshot/);
  });
});
