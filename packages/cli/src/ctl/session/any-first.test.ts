import assert from "node:assert/strict";
import test from "node:test";
import { anyFirst } from "./any-first.ts";

const cases = [
  {
    name: "the first endpoint stays the first with the least number",
    random: 0,
    given: "a b c",
    want: "a b c",
  },
  {
    name: "one in the middle is the first, and those before it the last",
    random: 0.5,
    given: "a b c",
    want: "b c a",
  },
  {
    name: "the last endpoint is the first with the largest number",
    random: 0.999,
    given: "a b c",
    want: "c a b",
  },
  { name: "one endpoint is the first", random: 0.7, given: "a", want: "a" },
];
for (const { name, random, given, want } of cases)
  test(name, () => assert.equal(anyFirst(given.split(" "), () => random).join(" "), want));

test("no endpoint stays none", () => assert.deepEqual(anyFirst([]), []));
