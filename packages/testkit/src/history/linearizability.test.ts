import assert from "node:assert/strict";
import test from "node:test";
import { testWithSeed } from "../random/seed.ts";
import { SeededRandom } from "../random/seeded-random.ts";
import { searchOrder, type Verdict } from "./linearizability.ts";
import type { Operation } from "./operation.ts";

type Brief = Partial<Operation> & Pick<Operation, "kind" | "startMs" | "endMs">;

function operation(brief: Brief): Operation {
  return {
    client: "c",
    member: "m",
    key: "k",
    value: undefined,
    expected: undefined,
    floor: 1,
    outcome: brief.endMs === Infinity ? "maybe" : "ok",
    revision: 0,
    succeeded: false,
    found: null,
    ...brief,
  };
}

const at = (startMs: number, endMs: number) => ({ startMs, endMs });
const put = (value: string, startMs: number, endMs: number) =>
  operation({ kind: "put", value, ...at(startMs, endMs) });
const remove = (startMs: number, endMs: number) => operation({ kind: "delete", ...at(startMs, endMs) });
const holding = (value: string | null) => (value === null ? null : { value, modRevision: 0 });
const get = (value: string | null, startMs: number, endMs: number) =>
  operation({ kind: "get", found: holding(value), ...at(startMs, endMs) });
const swap = (expected: string | null, value: string, succeeded: boolean, startMs: number, endMs: number) =>
  operation({ kind: "swap", expected: holding(expected), value, succeeded, ...at(startMs, endMs) });

const cases: { name: string; operations: Operation[]; want: Verdict }[] = [
  { name: "a fresh register is empty", operations: [get(null, 0, 1)], want: "linearizable" },
  { name: "a value that nobody wrote", operations: [get("a", 0, 1)], want: "violated" },
  {
    name: "a read behind a deletion finds nothing",
    operations: [put("a", 0, 1), remove(2, 3), get(null, 4, 5)],
    want: "linearizable",
  },
  {
    name: "a read behind a deletion finds what was there before",
    operations: [put("a", 0, 1), remove(2, 3), get("a", 4, 5)],
    want: "violated",
  },
  {
    name: "a read behind a write finds it",
    operations: [put("a", 0, 1), get("a", 2, 3)],
    want: "linearizable",
  },
  {
    name: "a lost write",
    operations: [put("a", 0, 1), put("b", 2, 3), get("a", 4, 5)],
    want: "violated",
  },
  {
    name: "a read beside a write may find either",
    operations: [put("a", 0, 1), put("b", 2, 9), get("a", 3, 4), get("b", 5, 6)],
    want: "linearizable",
  },
  {
    name: "two reads in a row may not go back",
    operations: [put("a", 0, 1), put("b", 2, 9), get("b", 3, 4), get("a", 5, 6)],
    want: "violated",
  },
  {
    name: "an unanswered write may happen late",
    operations: [put("a", 0, Infinity), get(null, 1, 2), get("a", 3, 4)],
    want: "linearizable",
  },
  {
    name: "an unanswered write may never happen",
    operations: [put("a", 0, Infinity), get(null, 1, 2)],
    want: "linearizable",
  },
  {
    name: "an unanswered write does not come undone",
    operations: [put("a", 0, Infinity), get("a", 1, 2), get(null, 3, 4)],
    want: "violated",
  },
  {
    name: "of two swaps of one value only one succeeds",
    operations: [put("a", 0, 1), swap("a", "b", true, 2, 5), swap("a", "c", false, 2, 5)],
    want: "linearizable",
  },
  {
    name: "both swaps of one value succeed",
    operations: [put("a", 0, 1), swap("a", "b", true, 2, 5), swap("a", "c", true, 2, 5)],
    want: "violated",
  },
  {
    name: "a swap that failed without reason",
    operations: [put("a", 0, 1), swap("a", "b", false, 2, 3)],
    want: "violated",
  },
];

for (const { name, operations, want } of cases) {
  test(`${name}: ${want}`, () => assert.equal(searchOrder(operations), want));
}

/** A register with truly atomic operations at a random moment of each call. */
function simulate(random: SeededRandom, count: number): Operation[] {
  const calls = Array.from({ length: count }, (_, i) => {
    const startMs = random.below(count * 3);
    const endMs = startMs + 1 + random.below(15);
    return { i, startMs, endMs, actsMs: startMs + (random.below(1_000) / 1_000) * (endMs - startMs) };
  }).sort((a, b) => a.actsMs - b.actsMs);
  let value: string | null = null;
  let seen: string | null = null;
  return calls.map(({ i, startMs, endMs }) => {
    const kind = random.pick(["put", "get", "swap"] as const);
    if (random.chance(0.5)) seen = value;
    if (kind === "get") return get(value, startMs, endMs);
    const unanswered = random.chance(0.05) ? Infinity : endMs;
    if (kind === "put") {
      value = `v${i}`;
      return put(value, startMs, unanswered);
    }
    const succeeds = seen === value;
    const expected = seen;
    if (succeeds) value = `v${i}`;
    return swap(expected, `v${i}`, succeeds, startMs, succeeds ? unanswered : endMs);
  });
}

testWithSeed(
  "histories of an atomic register are linearizable; with one read swapped for an old value they are not",
  (seed) => {
    const random = new SeededRandom(seed);
    for (let run = 0; run < 100; run++) {
      const operations = simulate(random, 40);
      assert.equal(searchOrder(operations), "linearizable", `seed ${seed}, run ${run}`);
      const end = Math.max(...operations.map(({ endMs }) => (endMs === Infinity ? 0 : endMs)));
      const [first] = operations.filter(({ kind, endMs }) => kind === "put" && endMs < end / 2);
      const overwritten = [put("z", end + 1, end + 2), get(first?.value ?? "nobody", end + 3, end + 4)];
      assert.equal(searchOrder([...operations, ...overwritten]), "violated", `seed ${seed}, run ${run}`);
    }
  },
);
