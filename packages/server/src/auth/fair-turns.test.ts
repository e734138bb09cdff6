import assert from "node:assert/strict";
import test from "node:test";
import { FairTurns, type Waiter } from "./fair-turns.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));

function queue(atOnce: number) {
  const turns = new FairTurns(atOnce);
  const begun: string[] = [];
  const refused: string[] = [];
  const take = (name: string, of: object): Waiter => {
    const waiter = { of, isGone: false, onGone: undefined };
    takeAs(name, waiter);
    return waiter;
  };
  const takeAs = (name: string, waiter: Waiter) => {
    turns.take(waiter).then(
      () => begun.push(name),
      () => refused.push(name),
    );
  };
  /** Ends turns until nobody waits; those that began meanwhile, in order. */
  const rest = async () => {
    await settle();
    for (let left = 100; left > 0; left--) {
      turns.end();
      await settle();
    }
    return begun;
  };
  return { turns, begun, refused, take, takeAs, rest };
}

test("so many begin at once, and the next one when one has ended", async () => {
  const { turns, begun, take } = queue(2);
  const of = {};
  for (const name of ["a", "b", "c", "d"]) take(name, of);
  await settle();
  assert.deepEqual(begun, ["a", "b"]);
  turns.end();
  await settle();
  assert.deepEqual(begun, ["a", "b", "c"]);
});

test("whoever has one waits for one of each other's, however many these have", async () => {
  const { take, rest } = queue(1);
  const [crowd, other, third] = [{}, {}, {}];
  for (let i = 0; i < 50; i++) take(`crowd ${i}`, crowd);
  take("other", other);
  take("third 0", third);
  take("third 1", third);
  const order = (await rest()).slice(0, 8);
  assert.deepEqual(order, [
    "crowd 0",
    "crowd 1",
    "other",
    "third 0",
    "crowd 2",
    "third 1",
    "crowd 3",
    "crowd 4",
  ]);
});

test("who does not wait any more is told at once, and takes nobody's turn", async () => {
  const { begun, refused, take, takeAs, turns } = queue(1);
  const of = {};
  take("first", of);
  const gone = Array.from({ length: 5 }, (_, i) => take(`gone ${i}`, of));
  take("last", of);
  for (const { onGone } of gone) onGone?.();
  takeAs("late", { of, isGone: true, onGone: undefined });
  await settle();
  assert.deepEqual(refused.toSorted(), ["gone 0", "gone 1", "gone 2", "gone 3", "gone 4", "late"]);
  turns.end();
  await settle();
  assert.deepEqual(begun, ["first", "last"]);
});
