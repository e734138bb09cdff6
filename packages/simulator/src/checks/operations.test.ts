import assert from "node:assert/strict";
import test from "node:test";
import { type Action, type Answer, Journal } from "../clients/journal.ts";
import { KeyHistories } from "./history.ts";
import { checkOperations } from "./operations.ts";
import { historyOf } from "./testing.ts";

/** What happened: x=1 at 2, y=2 at 3, x deleted at 4, x=3 at 5 together with log=3. */
const HISTORY = historyOf({
  2: [["x", "1"]],
  3: [["y", "2"]],
  4: [["x"]],
  5: [
    ["x", "3"],
    ["log", "3"],
  ],
});

const put = (key: string, value: string): Action => ({ kind: "put", key, value });
const swap = (expected: number, value = "3"): Action => ({
  kind: "swap",
  key: "x",
  logKey: "log",
  value,
  expected,
});
const swapReading = (readRevision: number): Action => ({
  kind: "swap",
  key: "x",
  logKey: "log",
  value: "3",
  expected: 0,
  readRevision,
});
const swapReadingAll: Action = {
  kind: "swap",
  key: "x",
  logKey: "log",
  value: "3",
  expected: 0,
  readRange: { key: "x", end: "z" },
};
const range = (key: string, end = "", serializable = false): Action => ({
  kind: "range",
  key,
  end,
  serializable,
});
const x1 = { key: "x", value: "1", modRevision: 2 };
const x3 = { key: "x", value: "3", modRevision: 5 };
const y2 = { key: "y", value: "2", modRevision: 3 };

type Told = readonly [Action, Answer | "maybe" | "never", floor?: number];

/** Who did what else is in the history. */
const RIGHT: Told[] = [
  [put("x", "1"), { revision: 2 }],
  [put("y", "2"), { revision: 3 }],
  [
    { kind: "delete", key: "x" },
    { revision: 4, changed: true },
  ],
  [swap(0), { revision: 5, changed: true }],
];

const cases: { name: string; told: Told[]; wrong: RegExp | undefined }[] = [
  { name: "all is well", told: RIGHT, wrong: undefined },
  { name: "nobody was told", told: RIGHT.map(([action]) => [action, "maybe"]), wrong: undefined },
  {
    name: "a swap reads the past",
    told: [...RIGHT.slice(0, 3), [swapReading(2), { revision: 5, changed: true, found: [x1] }]],
    wrong: undefined,
  },
  {
    name: "a swap reads what was not there",
    told: [...RIGHT.slice(0, 3), [swapReading(4), { revision: 5, changed: true, found: [x1] }]],
    wrong: /is not the state at revision 4/,
  },
  {
    name: "a swap reads what was there before it and afterwards",
    told: [
      ...RIGHT.slice(0, 3),
      [swapReadingAll, { revision: 5, changed: true, before: [y2], after: [x3, y2] }],
    ],
    wrong: undefined,
  },
  {
    name: "a swap reads before it what it writes",
    told: [
      ...RIGHT.slice(0, 3),
      [swapReadingAll, { revision: 5, changed: true, before: [x3, y2], after: [x3, y2] }],
    ],
    wrong: /is not the state at revision 4/,
  },
  {
    name: "a swap reads afterwards what was there before it",
    told: [...RIGHT.slice(0, 3), [swapReadingAll, { revision: 5, changed: true, before: [y2], after: [y2] }]],
    wrong: /is not the state at revision 5/,
  },
  { name: "a write is lost", told: [...RIGHT, [put("z", "9"), { revision: 6 }]], wrong: /is lost/ },
  {
    name: "an unanswered write never happened",
    told: [...RIGHT, [put("z", "9"), "maybe"]],
    wrong: undefined,
  },
  {
    name: "a refused write happened",
    told: [[put("x", "1"), "never"], ...RIGHT.slice(1)],
    wrong: /although it was refused/,
  },
  {
    name: "a write happened before it began",
    told: [[put("x", "1"), { revision: 2 }, 2], ...RIGHT.slice(1)],
    wrong: /before it began/,
  },
  { name: "a write comes from nobody", told: RIGHT.slice(1), wrong: /nobody wrote x=1/ },
  { name: "a delete comes from nobody", told: [...RIGHT.slice(0, 2), RIGHT[3]!], wrong: /deleted 1 times/ },
  { name: "two deletes are told of one", told: [...RIGHT, RIGHT[2]!], wrong: /is the same as/ },
  {
    name: "a swap was made where it must not be",
    told: [...RIGHT.slice(0, 3), [swap(2), { revision: 5, changed: true }]],
    wrong: /where the key was at 0/,
  },
  {
    name: "a swap was refused where it must be made",
    told: [...RIGHT, [swap(2, "8"), { revision: 3, changed: false }]],
    wrong: /failed where the key was at 2/,
  },
  {
    name: "a swap was refused with right",
    told: [...RIGHT, [swap(3, "8"), { revision: 3, changed: false }]],
    wrong: undefined,
  },
  {
    name: "a read is right",
    told: [...RIGHT, [range("x", "z"), { revision: 3, found: [x1, y2] }, 3]],
    wrong: undefined,
  },
  {
    name: "a read is stale",
    told: [...RIGHT, [range("x"), { revision: 2, found: [x1] }, 3]],
    wrong: /older than what was told/,
  },
  {
    name: "a read finds what was deleted",
    told: [...RIGHT, [range("x"), { revision: 4, found: [x1] }]],
    wrong: /is not the state at revision 4/,
  },
  {
    name: "a read misses a key",
    told: [...RIGHT, [range("x", "z"), { revision: 3, found: [x1] }]],
    wrong: /is not the state at revision 3/,
  },
  {
    name: "a serializable read goes back",
    told: [...RIGHT, [range("x", "", true), { revision: 2, found: [x1] }, 3]],
    wrong: /this member told before/,
  },
];

for (const { name, told, wrong } of cases) {
  test(`${name}: ${wrong === undefined ? "accepted" : "found"}`, () => {
    const journal = new Journal();
    for (const [action, answer, floor = 0] of told) {
      const operation = journal.begin("client", "member", action, floor, 0);
      if (typeof answer === "object") journal.answered(operation, answer, 1);
      else journal.failed(operation, answer === "never", 1);
    }
    const found = checkOperations(journal, HISTORY, new KeyHistories(HISTORY));
    if (wrong === undefined) assert.deepEqual(found, []);
    else assert.match(found.join("\n"), wrong);
  });
}

test("a write that happened twice is found", () => {
  const twice = historyOf({ 2: [["x", "1"]], 3: [["x", "1"]] });
  const journal = new Journal();
  journal.answered(journal.begin("client", "member", put("x", "1"), 0, 0), { revision: 2 }, 1);
  assert.match(checkOperations(journal, twice, new KeyHistories(twice)).join(), /happened 2 times/);
});
