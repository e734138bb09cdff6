import assert from "node:assert/strict";
import { test } from "node:test";
import { chosenScenarios } from "./chosen.ts";

const ALL = ["a", "b", "c", "d"].map((name, i) => ({ name, lines: (i + 1) * 10 }));
const chosen = (args: string[], seed: number) => {
  const { scenarios, what } = chosenScenarios(ALL, ({ lines }) => lines, 30, args, seed);
  return { names: scenarios.map(({ name }) => name).join(""), what };
};

test("all are run when all are asked for", () =>
  assert.deepEqual(chosen(["--all"], 1), { names: "abcd", what: "100 lines" }));

test("those are run that are named, and nothing else is a name", () => {
  assert.deepEqual(chosen(["--only", "d,b"], 1), { names: "bd", what: "60 of 100 lines" });
  assert.throws(() => chosen(["--only", "b,x"], 1), /there are a, b, c, d/);
});

test("a seed draws as many as have enough lines, none of which could be left out, in their order", () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const { names, what } = chosen([], seed);
    assert.deepEqual(chosen([], seed), { names, what });
    assert.equal(names, [...names].sort().join(""));
    const lines = ALL.filter(({ name }) => names.includes(name)).map((scenario) => scenario.lines);
    const sum = lines.reduce((all, one) => all + one, 0);
    assert.equal(what, `${sum} of 100 lines (QUORATE_SEED=${seed})`);
    assert.ok(sum >= 30 && sum - Math.max(...lines) < 30, names);
    seen.add(names);
  }
  assert.ok(seen.size > 5, "every scenario has its turn");
  assert.equal([...new Set([...seen].join(""))].sort().join(""), "abcd");
});

test("a number of lines that is none is refused", () => {
  for (const lines of ["0", "x", "1.5"])
    assert.throws(() => chosen(["--lines", lines], 1), /--lines is how many/);
});
