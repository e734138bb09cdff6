import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock, withCancelFunctions } from "@quorate/testkit/clock";
import { UnansweredCalls } from "./unanswered-calls.ts";

const MOST = 4;

/** Calls of one crowd and of a modest connection; turns and time pass when the test says so. */
class Calls {
  readonly clock = new ManualClock();
  readonly calls = new UnansweredCalls(withCancelFunctions(this.clock), MOST, (callback) =>
    this.clock.soon(callback),
  );
  readonly wentOn: string[] = [];

  begin(count: number): this {
    for (let i = 0; i < count; i++) this.calls.begun();
    return this;
  }

  answer(count: number): this {
    for (let i = 0; i < count; i++) this.calls.answered();
    this.clock.settle();
    return this;
  }

  /** Somebody who asks for little has asked. */
  modestCall(): this {
    this.calls.received(true);
    return this;
  }

  /** As a transport does it: when it goes on it looks again, and with `calls` it begins so many. */
  wait(name: string, calls = 0): this {
    this.calls.wait(() => {
      if (this.calls.holdsOthers) this.wait(name, calls);
      else {
        this.wentOn.push(name);
        this.begin(calls);
      }
    });
    this.clock.settle();
    return this;
  }
}

const cases: { name: string; with: (calls: Calls) => unknown; holds: boolean }[] = [
  { name: "who is alone does not wait", with: (calls) => calls.begin(100), holds: false },
  {
    name: "a few calls keep nobody waiting",
    with: (calls) => calls.modestCall().begin(MOST - 1),
    holds: false,
  },
  {
    name: "with enough calls others wait for who asks for little",
    with: (calls) => calls.modestCall().begin(MOST),
    holds: true,
  },
  {
    name: "when some are answered they go on",
    with: (calls) => calls.modestCall().begin(MOST).answer(1),
    holds: false,
  },
  {
    name: "what asked for little long ago is no reason any more",
    with: (calls) => {
      calls.modestCall().begin(MOST);
      for (let i = 0; i < 2_048; i++) calls.calls.received(false);
    },
    holds: false,
  },
];
for (const { name, with: prepare, holds } of cases) {
  test(name, () => {
    const calls = new Calls();
    prepare(calls);
    assert.equal(calls.calls.holdsOthers, holds);
  });
}

test("those who wait go on in their order, as many as there is room for their calls", () => {
  const calls = new Calls().modestCall().begin(MOST).wait("a", 2).wait("b", 2).wait("c", 2);
  assert.deepEqual(calls.wentOn, []);
  calls.answer(3);
  assert.deepEqual(calls.wentOn, ["a", "b"]);
  assert.equal(calls.calls.holdsOthers, true);
  calls.answer(1);
  assert.deepEqual(calls.wentOn, ["a", "b"]);
  calls.answer(2);
  assert.deepEqual(calls.wentOn, ["a", "b", "c"]);
  assert.equal(calls.calls.waitingCount, 0);
});

test("who comes while others wait does not get ahead of them", () => {
  const calls = new Calls().modestCall().begin(MOST).wait("a", 1);
  calls.calls.answered();
  assert.equal(calls.calls.holdsOthers, true);
  calls.wait("b", 1);
  assert.deepEqual(calls.wentOn, ["a"]);
  calls.answer(1);
  assert.deepEqual(calls.wentOn, ["a", "b"]);
});

test("when nothing is answered for half a second nobody waits any more, until something is", () => {
  const calls = new Calls().modestCall().begin(MOST).wait("a", 1).wait("b", 1);
  calls.clock.advance(499);
  assert.deepEqual(calls.wentOn, []);
  calls.clock.advance(1);
  assert.deepEqual(calls.wentOn, ["a", "b"]);
  assert.equal(calls.calls.holdsOthers, false);
  calls.answer(1);
  assert.equal(calls.calls.holdsOthers, true);
});

test("as long as calls are answered those who have no room go on waiting", () => {
  const calls = new Calls()
    .modestCall()
    .begin(3 * MOST)
    .wait("a", 1);
  for (let i = 0; i < 2 * MOST; i++) {
    calls.answer(1);
    calls.clock.advance(499);
  }
  assert.deepEqual(calls.wentOn, []);
  calls.answer(1);
  assert.deepEqual(calls.wentOn, ["a"]);
});

test("who throws keeps nobody else from going on", () => {
  const calls = new Calls().modestCall().begin(MOST);
  calls.calls.wait(() => {
    throw new Error("a defect");
  });
  calls.wait("b", 1);
  assert.throws(() => calls.answer(1), /a defect/);
  calls.clock.settle();
  assert.deepEqual(calls.wentOn, ["b"]);
});
