import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { Freelist } from "./freelist.ts";

const allOf = (pages: number) => new Freelist(pages, () => true);

/** A transaction that frees runs and makes others; returns the pages that it got. */
function run(
  list: Freelist,
  txId: number,
  readers: number[],
  freed: [number, number][],
  made: number[],
): number[] {
  list.begin(txId - 1, readers);
  for (const [page, slots] of freed) list.free(page, slots);
  const pages = made.map((slots) => list.allocate(slots, txId));
  list.commit(txId);
  return pages;
}

test("pages are used again when neither meta reaches them", () => {
  const list = allOf(10);
  assert.deepEqual(run(list, 2, [], [[4, 2]], [1]), [10]);
  // The metas are at 2 and 1 now, and 1 reaches page 4.
  assert.deepEqual(run(list, 3, [], [], [1]), [11]);
  assert.deepEqual(run(list, 4, [], [], [1, 1, 1]), [4, 5, 12]);
});

test("a reader keeps the pages that it can reach, and no others", () => {
  const list = allOf(10);
  run(list, 2, [], [], [1]);
  // A reader begins at 2. What was there before is kept for it, what is made and freed later is not.
  const [made] = run(list, 3, [2], [[5, 1]], [1]);
  run(list, 4, [2], [[made!, 1]], []);
  run(list, 5, [2], [], []);
  assert.deepEqual(run(list, 6, [2], [], [1, 1]), [made, list.highWater - 1]);
  assert.equal(list.pendingPages, 1);
  list.readerEnded();
  assert.deepEqual(run(list, 7, [], [], [1]), [5]);
  assert.equal(list.pendingPages, 0);
});

test("runs are found where they are, and the file grows when they are not", () => {
  const list = new Freelist(20, (page) => page % 5 === 0);
  list.begin(9, []);
  assert.equal(list.allocate(4, 10), 6);
  assert.equal(list.allocate(5, 10), 20);
  assert.equal(list.allocate(1, 10), 2);
  assert.equal(list.allocate(2, 10), 3);
  assert.equal(list.allocate(4, 10), 11);
  assert.equal(list.freePages, 4);
});

test("a transaction that is rolled back has taken and freed nothing", () => {
  const list = new Freelist(20, (page) => page >= 10);
  list.begin(9, []);
  const before = list.listed();
  list.allocate(3, 10);
  list.allocate(100, 10);
  list.free(15, 2);
  list.giveBack(list.allocate(1, 10), 1);
  list.rollback();
  assert.deepEqual(list.listed(), before);
  assert.equal(list.highWater, 20);
  assert.equal(list.freePages, before.length);
});

test("pages that were made above all others and not used are no part of the file", () => {
  const list = allOf(10);
  list.begin(9, []);
  const kept = list.allocate(1, 10);
  list.giveBack(list.allocate(7, 10), 7);
  list.trim();
  assert.equal(list.highWater, kept + 1);
  assert.equal(list.freePages, 0);
});

testWithSeed("no state that somebody can see ever loses a page", (seed) => {
  const random = new SeededRandom(seed);
  const list = allOf(10);
  /** The pages of each state that is read or has a meta. */
  const states = new Map<number, Set<number>>([[1, new Set([2, 3, 4, 5, 6, 7, 8, 9])]]);
  const readers: number[] = [];
  for (let tx = 2; tx < 400; tx++) {
    const pages = new Set(states.get(tx - 1));
    list.begin(
      tx - 1,
      [...new Set(readers)].sort((a, b) => a - b),
    );
    for (const page of random.shuffled([...pages]).slice(0, random.below(6))) {
      pages.delete(page);
      list.free(page, 1);
    }
    for (let i = random.below(7); i > 0; i--) {
      const slots = random.pick([1, 1, 1, 2, 5]);
      const page = list.allocate(slots, tx);
      for (let each = page; each < page + slots; each++) {
        for (const [state, seen] of states) assert.ok(!seen.has(each), `${each} of ${state} in ${tx}`);
        assert.ok(!pages.has(each) && each >= 2);
        pages.add(each);
      }
    }
    if (random.chance(0.1)) {
      list.rollback();
      states.set(tx, states.get(tx - 1)!);
    } else {
      list.commit(tx);
      states.set(tx, pages);
    }
    if (random.chance(0.3)) readers.push(tx);
    if (readers.length > 0 && random.chance(0.3)) {
      readers.splice(random.below(readers.length), 1);
      list.readerEnded();
    }
    for (const state of states.keys()) if (state < tx - 1 && !readers.includes(state)) states.delete(state);
  }
  assert.ok(list.highWater < 5000);
});
