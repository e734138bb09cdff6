import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ConversionTurns } from "./conversion-turns.ts";
import type { GatewayResponse } from "./exchange.ts";
import { Outbox } from "./outbox.ts";

/** A loop that turns when the test says so. */
class Loop {
  readonly #soon: (() => void)[] = [];
  readonly turns = new ConversionTurns({ soon: (callback) => this.#soon.push(callback) });

  /** False: nothing is to be done. */
  turn(): boolean {
    const due = this.#soon.splice(0);
    for (const callback of due) callback();
    return due.length > 0;
  }
}

const PIECE = "x".repeat(32 * 1024);
/** The share of a turn, and a piece that begins when nearly all of it is spent. */
const MOST_IN_A_TURN = 64 * 1024 + PIECE.length;

suite("turns of the conversion", () => {
  test("however many exchanges have much to write, a turn of the loop converts as much as for one", () => {
    for (const exchanges of [1, 2, 30]) {
      const loop = new Loop();
      let written = 0;
      const perExchange: number[] = [];
      const response = (number: number): GatewayResponse => ({
        head: () => {},
        write: (parts) => {
          for (const { length } of parts) {
            written += length;
            perExchange[number] = (perExchange[number] ?? 0) + length;
          }
          return true;
        },
        end: () => {},
        abort: () => {},
        listen: () => {},
      });
      const pieces = 20;
      for (let i = 0; i < exchanges; i++) {
        const outbox = new Outbox(response(i), loop.turns);
        outbox.add(new Array(pieces).fill(PIECE).values(), pieces * PIECE.length, undefined);
      }
      let most = written;
      for (let before = written; loop.turn(); before = written) most = Math.max(most, written - before);
      assert.deepEqual(perExchange, new Array(exchanges).fill(pieces * PIECE.length));
      assert.ok(most <= MOST_IN_A_TURN, `${exchanges} exchanges: ${most} in a turn`);
    }
  });

  test("those who wait take turns", () => {
    const loop = new Loop();
    const order: string[] = [];
    const work = (name: string, steps: number): void => {
      loop.turns.next(() => {
        order.push(name);
        loop.turns.spend(300_000);
        if (steps > 1) work(name, steps - 1);
      });
    };
    work("a", 3);
    work("b", 2);
    work("c", 1);
    while (loop.turn());
    assert.deepEqual(order, ["a", "b", "c", "a", "b", "a"]);
  });

  test("what is small leaves nothing to be done later", () => {
    const loop = new Loop();
    loop.turns.spend(1_000);
    assert.equal(loop.turn(), false);
    assert.equal(loop.turns.isUsedUp, false);
  });
});
