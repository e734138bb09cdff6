import assert from "node:assert/strict";
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
