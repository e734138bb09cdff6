import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { countTogether } from "./counter.ts";

test("three members count the same", () => {
  assert.deepEqual(countTogether([1, 2, 3, 36]), [42, 42, 42]);
});

test("the guide shows the example as it is", () => {
  const read = (name: string) => readFileSync(path.resolve(import.meta.dirname, name), "utf8");
  const [, shown] =
    /^```ts\n(\/\/ src\/examples\/counter\.ts\n[\s\S]*?)^```$/m.exec(read("../../README.md")) ?? [];
  assert.equal(shown?.replace(/^\/\/ .*\n/, ""), read("counter.ts"));
});
