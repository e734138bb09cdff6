import assert from "node:assert/strict";
import test from "node:test";
import { deltaDebug } from "./delta-debugging.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

const cases = [
  { name: "nothing is left when nothing is needed", items: numbers(20), needed: [], want: [] },
  { name: "one of many is found", items: numbers(100), needed: [73], want: [73] },
  { name: "two that are far apart are found", items: numbers(64), needed: [2, 63], want: [2, 63] },
  { name: "neighbours across a chunk's end are found", items: numbers(10), needed: [5, 6], want: [5, 6] },
  { name: "all stay when all are needed", items: numbers(7), needed: numbers(7), want: numbers(7) },
  { name: "the only one stays when it is needed", items: [4], needed: [4], want: [4] },
  { name: "no items are no items", items: [], needed: [], want: [] },
];

for (const { name, items, needed, want } of cases) {
  test(name, async () => {
    const found = await deltaDebug(items, async (part) => needed.every((item) => part.includes(item)));
    assert.deepEqual(found, want);
  });
}

test("one of a hundred takes no more tries than halving does, and a few", async () => {
  let tries = 0;
  await deltaDebug(numbers(100), async (part) => {
    tries++;
    return part.includes(73);
  });
  assert.ok(tries <= 2 * Math.ceil(Math.log2(100)) + 2, `${tries} tries`);
});

test("no single item can be left out of what is found, whatever makes it fail", async () => {
  // Fails with any three odd numbers: many parts do, of several sizes.
  const fails = async (part: readonly number[]) => part.filter((item) => item % 2 === 1).length >= 3;
  const found = await deltaDebug(numbers(41), fails);
  assert.equal(await fails(found), true);
  for (const item of found) assert.equal(await fails(found.filter((other) => other !== item)), false);
});

test("when there are no more tries, the smallest part so far is the answer", async () => {
  let tries = 0;
  const found = await deltaDebug(numbers(16), async (part) =>
    ++tries > 4 ? undefined : part.includes(9) && part.length > 0,
  );
  assert.ok(found.includes(9));
  assert.ok(found.length < 16);
});
