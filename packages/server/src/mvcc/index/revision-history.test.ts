import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { RevisionHistory } from "./revision-history.ts";

const KEYS = 20;

/** All revisions of a key, from newest to oldest. */
function contentOf(history: RevisionHistory, handle: number): string[] {
  const found: string[] = [];
  history.visit(handle, (main, sub, tombstone) => {
    found.push(`${main}.${sub}${tombstone ? " deleted" : ""}`);
    return true;
  });
  return found;
}

testWithSeed(
  "handles of chains that say how long these are, and those that do not, name the same histories",
  (seed) => {
    const random = new SeededRandom(seed);
    const kinds = [new RevisionHistory(), new RevisionHistory(3), new RevisionHistory(0)];
    const handles = kinds.map(() => new Array<number>(KEYS).fill(0));
    const pushed = Array.from({ length: KEYS }, () => [] as string[]);
    let main = 1;
    let compacted = 0;
    for (let step = 0; step < 4_000; step++) {
      const key = random.below(random.chance(0.5) ? 3 : KEYS);
      if (random.chance(0.97)) {
        main += random.below(3);
        const [sub, isDeleted] = [step, random.chance(0.2)];
        kinds.forEach((history, i) => {
          handles[i]![key] = history.push(handles[i]![key]!, main, sub, isDeleted);
        });
        pushed[key]!.unshift(`${main}.${sub}${isDeleted ? " deleted" : ""}`);
      } else {
        compacted += random.below(main - compacted + 1);
        for (let each = 0; each < KEYS; each++) {
          kinds.forEach((history, i) => {
            handles[i]![each] = history.compact(handles[i]![each]!, compacted, main + 1);
          });
        }
      }
      const contents = kinds.map((history, i) => contentOf(history, handles[i]![key]!));
      assert.deepEqual(contents[1], contents[0]);
      assert.deepEqual(contents[2], contents[0]);
      // What is above the compaction is all there.
      const above = pushed[key]!.filter((text) => Number.parseInt(text, 10) > compacted);
      assert.deepEqual(contents[0]!.slice(0, above.length), above);
      const at = random.below(main + 1);
      const found = kinds.map(
        (history, i) => history.find(handles[i]![key]!, at) && [history.main, history.sub],
      );
      assert.deepEqual(found[1], found[0]);
      assert.deepEqual(found[2], found[0]);
    }
  },
);

test("a compaction gives back the memory of what it forgets, and what stays is found", () => {
  const history = new RevisionHistory();
  const keys = 30_000;
  const handles = new Array<number>(keys).fill(0);
  let main = 0;
  const pushRound = () => {
    main++;
    for (let key = 0; key < keys; key++) handles[key] = history.push(handles[key]!, main, key, false);
  };
  for (let round = 0; round < 10; round++) pushRound();
  const most = history.chunkCount;
  assert.ok(most >= 18);
  for (let round = 0; round < 3; round++) {
    for (let key = 0; key < keys; key++) handles[key] = history.compact(handles[key]!, main, main);
    assert.equal(history.chunkCount, 1);
    for (let i = 0; i < 10; i++) pushRound();
    assert.ok(history.chunkCount <= most + 1, "rooms of chunks that were dropped are used again");
  }
  // Of every hundredth key all is kept, so no chunk can go; what comes goes where there is room.
  for (let key = 0; key < keys; key++) {
    if (key % 100 !== 0) handles[key] = history.compact(handles[key]!, main, main);
  }
  const scattered = history.chunkCount;
  for (let i = 0; i < 9; i++) pushRound();
  assert.ok(history.chunkCount <= scattered + 1);
  for (const key of [0, 1, 99, 100, 29_999]) {
    assert.ok(history.find(handles[key]!, main - 3));
    assert.deepEqual([history.main, history.sub], [main - 3, key]);
  }
});
