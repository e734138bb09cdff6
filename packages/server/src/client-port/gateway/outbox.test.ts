import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { GatewayCall } from "../../api/gateway-backend.ts";
import { ConversionTurns } from "./conversion-turns.ts";
import type { GatewayResponse } from "./exchange.ts";
import { MAX_UNSENT_BYTES, Outbox } from "./outbox.ts";

/** A client that reads only when the test says so, and a loop that turns only then. */
class Harness {
  readonly written: string[] = [];
  readonly soon: (() => void)[] = [];
  readsSlowly = false;
  state: "open" | "ended" | "aborted" = "open";
  readonly outbox: Outbox;

  constructor() {
    const response: GatewayResponse = {
      head: () => {},
      write: (parts) => {
        this.written.push(Buffer.concat(parts).toString());
        return !this.readsSlowly;
      },
      end: () => {
        this.state = "ended";
      },
      abort: () => {
        this.state = "aborted";
      },
      listen: () => {},
    };
    this.outbox = new Outbox(response, new ConversionTurns({ soon: (callback) => this.soon.push(callback) }));
  }
}

class CountingCall implements GatewayCall {
  pauses = 0;
  resumes = 0;
  send(): void {}
  halfClose(): void {}
  cancel(): void {}
  pause(): void {
    this.pauses++;
  }
  resume(): void {
    this.resumes++;
  }
}

const MIB = 1024 * 1024;
const pieces = (...texts: string[]): Iterator<string> => texts.values();

suite("outbox", () => {
  test("texts go out in order, and the end after them", () => {
    const h = new Harness();
    h.readsSlowly = true;
    h.outbox.add(pieces("a", "b"), 1, undefined);
    h.outbox.add(pieces("c"), 1, undefined);
    h.outbox.end();
    assert.deepEqual([h.written, h.state], [["a"], "open"]);
    h.outbox.drained();
    assert.deepEqual([h.written, h.state], [["a", "b"], "open"]);
    h.readsSlowly = false;
    h.outbox.drained();
    assert.deepEqual([h.written, h.state], [["a", "b", "c"], "ended"]);
  });

  test("a text that is to be whole waits for its last piece, and then goes out as one", () => {
    const h = new Harness();
    h.outbox.addWhole(pieces("a", "b"), 1, undefined);
    h.outbox.addWhole(pieces("c"), 1, undefined);
    h.outbox.addWhole(pieces("x".repeat(50_000), "x".repeat(50_000), "y"), 1, undefined);
    assert.deepEqual(h.written, ["ab", "c"]);
    h.soon.shift()!();
    assert.deepEqual([h.written.length, h.written[2]?.length], [3, 100_001]);
  });

  test("nothing is written of a whole text that cannot be made", () => {
    const h = new Harness();
    const failing = (function* (): Generator<string, void, undefined> {
      yield "{";
      throw new Error("not a message");
    })();
    h.outbox.addWhole(failing, 1, undefined);
    assert.deepEqual([h.written, h.state], [[], "aborted"]);
  });

  test("after much text other work gets a turn", () => {
    const h = new Harness();
    const large = "x".repeat(50_000);
    h.outbox.add(pieces(large, large, large), 1, undefined);
    assert.equal(h.written.length, 2);
    h.outbox.end();
    assert.equal(h.state, "open");
    h.soon.shift()!();
    assert.deepEqual([h.written.length, h.state], [3, "ended"]);
  });

  test("other work gets a turn also when the client takes every piece at once", () => {
    const h = new Harness();
    h.readsSlowly = true;
    h.outbox.add(pieces(...new Array(100).fill("x".repeat(50_000))), 1, undefined);
    const perTurn: number[] = [];
    let before = 0;
    for (;;) {
      for (let seen = -1; seen !== h.written.length; ) {
        seen = h.written.length;
        h.outbox.drained();
      }
      perTurn.push(h.written.length - before);
      before = h.written.length;
      const turn = h.soon.shift();
      if (turn === undefined) break;
      turn();
    }
    assert.equal(h.written.length, 100);
    assert.ok(Math.max(...perTurn) <= 2, `${perTurn}`);
  });

  test("a call is paused while more than 1 MiB waits, and resumed at a quarter of it", () => {
    const h = new Harness();
    const call = new CountingCall();
    h.readsSlowly = true;
    for (let i = 0; i < 4; i++) h.outbox.add(pieces("x"), MIB / 2, call);
    assert.deepEqual([call.pauses, call.resumes], [1, 0]);
    for (let i = 0; i < 3; i++) {
      h.outbox.drained();
      assert.equal(call.resumes, 0);
    }
    h.readsSlowly = false;
    h.outbox.drained();
    assert.deepEqual([call.pauses, call.resumes], [1, 1]);
  });

  test("a client that reads nothing is cut off when the backend cannot wait", () => {
    const h = new Harness();
    h.readsSlowly = true;
    let isOpen = true;
    let bytes = 0;
    while (isOpen) {
      isOpen = h.outbox.add(pieces("x"), MIB, undefined);
      bytes += MIB;
    }
    assert.equal(h.state, "aborted");
    assert.ok(bytes <= MAX_UNSENT_BYTES + 2 * MIB);
    h.outbox.drained();
    assert.equal(h.written.length, 1);
  });

  test("a client is not cut off when the call waits, however large a message is", () => {
    const h = new Harness();
    const call = new CountingCall();
    h.readsSlowly = true;
    assert.equal(h.outbox.add(pieces("x", "y"), 2 * MAX_UNSENT_BYTES, call), true);
    assert.equal(h.outbox.add(pieces("z"), 2 * MAX_UNSENT_BYTES, call), true);
    assert.deepEqual([h.state, call.pauses], ["open", 1]);
  });

  test("pieces without text count as work, and are not written", () => {
    const h = new Harness();
    let made = 0;
    const looking = (function* (): Generator<string, void, undefined> {
      for (; made < 100; made++) yield "";
      yield "found";
    })();
    h.outbox.add(looking, 1, undefined);
    const turns: number[] = [made];
    for (let turn = h.soon.shift(); turn !== undefined; turn = h.soon.shift()) {
      turn();
      turns.push(made - turns.reduce((sum, each) => sum + each, 0));
    }
    assert.ok(Math.max(...turns) <= 9, `${turns}`);
    assert.deepEqual(h.written, ["found"]);
  });

  test("what is not written any more is told so", () => {
    const h = new Harness();
    let released = 0;
    const holding = (function* (): Generator<string, void, undefined> {
      try {
        yield "a";
        yield "b";
      } finally {
        released++;
      }
    })();
    h.readsSlowly = true;
    h.outbox.add(holding, 1, undefined);
    h.outbox.close();
    assert.equal(released, 1);
  });

  test("a text that cannot be made breaks the response off", () => {
    const h = new Harness();
    const failing = (function* (): Generator<string, void, undefined> {
      yield "{";
      throw new Error("not a message");
    })();
    h.outbox.add(failing, 1, undefined);
    assert.deepEqual([h.written, h.state], [["{"], "aborted"]);
  });
});
