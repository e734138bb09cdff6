import assert from "node:assert/strict";
import test from "node:test";
import { loadInSlices } from "./load-in-slices.ts";

test("between two parts the loop turns, and they come in their order", async () => {
  const seen: string[] = [];
  const turn = (): void => {
    seen.push("turn");
    if (!seen.includes("second")) setImmediate(turn);
  };
  setImmediate(turn);
  await loadInSlices([() => seen.push("first"), async () => seen.push("second")]);
  assert.deepEqual(seen.slice(0, 3), ["first", "turn", "second"]);
});

test("a part that fails ends the loading with its error", async () => {
  const failing = () => {
    throw new Error("broken");
  };
  await assert.rejects(loadInSlices([failing, () => assert.fail("it went on")]), /broken/);
});
