import assert from "node:assert/strict";
import test from "node:test";
import { patternSort } from "./pattern-sort.ts";

interface Item {
  readonly key: number;
  readonly id: number;
}
const isBefore = (a: Item, b: Item) => a.key < b.key;

/** The same numbers wherever they are made. */
function numbers(): (limit: number) => number {
  let state = 1;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % limit;
  };
}

test("equal items end up where Go's sort.Sort leaves them", () => {
  const next = numbers();
  let sum = 0;
  for (let round = 0; round < 3_000; round++) {
    const [length, kinds, mode] = [next(120), 1 + next(30), round % 3];
    const items: Item[] = [];
    for (let id = 0; id < length; id++) {
      const drawn = next(kinds);
      const ascending = Math.floor((id * kinds) / (length + 1));
      const descending = Math.floor(((length - id) * kinds) / (length + 1));
      items.push({ key: [drawn, ascending, descending][mode]!, id });
      if (mode === 0 && round % 2 === 0) patternSort(items, isBefore);
    }
    patternSort(items, isBefore);
    for (let i = 1; i < items.length; i++) assert.ok(items[i - 1]!.key <= items[i]!.key);
    for (const { id } of items) sum = (Math.imul(sum, 31) + id) >>> 0;
  }
  // Of the order that a program of Go 1.26 prints for the same numbers.
  assert.equal(sum, 2_896_077_077);
});
