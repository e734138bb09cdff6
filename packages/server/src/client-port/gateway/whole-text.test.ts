import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { freshSeed, testWithSeed } from "@quorate/testkit/seed";
import { WholeText } from "./whole-text.ts";

test("a text of one piece is in no larger memory than it needs", () => {
  const text = new WholeText();
  text.add("größer");
  assert.deepEqual(
    text.finish().map((part) => part.length),
    [8],
  );
});

test("of a long text no part is in memory that lies between what is smaller", () => {
  const text = new WholeText();
  for (let i = 0; i < 100; i++) text.add("x".repeat(32 * 1024));
  const [, ...blocks] = text.finish();
  assert.ok(blocks.length >= 9);
  for (const { buffer } of blocks) assert.ok(buffer.byteLength > 256 * 1024);
});

const seed = freshSeed();
testWithSeed(
  `a text is the pieces that it was made of, however long they are (seed ${seed})`,
  { seed },
  () => {
    const random = new SeededRandom(seed);
    for (let round = 0; round < 50; round++) {
      const text = new WholeText();
      let whole = "";
      for (let pieces = random.below(30); pieces > 0; pieces--) {
        const piece = random
          .pick(["", "a", "€", "😀", "{}"])
          .repeat(random.below(random.pick([3, 1_000, 200_000])));
        text.add(piece);
        whole += piece;
      }
      assert.equal(Buffer.concat(text.finish()).toString(), whole);
    }
  },
);
