import assert from "node:assert/strict";
import test from "node:test";
import { TurnBudget } from "@quorate/rpc/server";
import { type AwaitedFlight, HandshakeTurns } from "./handshake-turns.ts";

/** Room for two second flights in a turn, which ends by hand. */
function setUp() {
  const later: (() => void)[] = [];
  const turns = new HandshakeTurns(new TurnBudget(1_000, (callback) => void later.push(callback)));
  const said: string[] = [];
  const flight = (name: string): AwaitedFlight => {
    const made = {
      hold: () => void said.push(`${name} is held`),
      goOn: () => void said.push(`${name} goes on`),
    };
    turns.await(made);
    return made;
  };
  /** What is said from now on until the next turn has begun, and what has come by then would have been read. */
  const runTurn = (): void => {
    for (const callback of later.splice(0)) callback();
  };
  const nextTurn = async (): Promise<string[]> => {
    said.length = 0;
    runTurn();
    const inTurn = [...said];
    await new Promise(setImmediate);
    return inTurn;
  };
  return { turns, said, flight, runTurn, nextTurn };
}

test("second flights within the room of a turn hold nobody", () => {
  const { turns, said, flight } = setUp();
  const [a] = [flight("a"), flight("b")];
  turns.arrived(a);
  assert.deepEqual(said, []);
});

test("when those of a turn have been enough the others are held, and go on as turns have room", async () => {
  const { turns, said, flight, nextTurn } = setUp();
  const [a, b] = [flight("a"), flight("b"), flight("c"), flight("d"), flight("e")];
  turns.arrived(a);
  turns.arrived(b);
  assert.deepEqual(said, ["c is held", "d is held", "e is held"]);
  assert.deepEqual(await nextTurn(), ["c goes on", "d goes on"]);
  assert.deepEqual(await nextTurn(), ["e goes on"]);
  assert.deepEqual(await nextTurn(), []);
});

test("what comes of those that go on was reckoned with, and holds nobody", async () => {
  const { turns, said, flight, runTurn } = setUp();
  const [a, b, c, d] = [flight("a"), flight("b"), flight("c"), flight("d"), flight("e")];
  turns.arrived(a);
  turns.arrived(b);
  runTurn();
  const f = flight("f");
  said.length = 0;
  turns.arrived(c!);
  turns.arrived(d!);
  assert.deepEqual(said, []);
  // Of one that was not, the turn has no room left.
  turns.arrived(f);
  assert.deepEqual(said, []);
  flight("g");
  turns.arrived(flight("h"));
  assert.deepEqual(said, ["g is held"]);
});

test("who was let go on and sent nothing has no claim on a later turn", async () => {
  const { turns, said, flight, nextTurn } = setUp();
  const [a, b, c] = [flight("a"), flight("b"), flight("c"), flight("d")];
  turns.arrived(a);
  turns.arrived(b);
  assert.deepEqual(await nextTurn(), ["c goes on", "d goes on"]);
  await nextTurn();
  said.length = 0;
  turns.arrived(c);
  turns.arrived(flight("e"));
  assert.deepEqual(said, ["d is held"]);
});

test("who leaves while it is held takes no turn", async () => {
  const { turns, flight, nextTurn } = setUp();
  const [a, b, c] = [flight("a"), flight("b"), flight("c"), flight("d"), flight("e")];
  turns.arrived(a);
  turns.arrived(b);
  turns.left(c);
  assert.deepEqual(await nextTurn(), ["d goes on", "e goes on"]);
});
