import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "./property.ts";
import { testWithSeed } from "./seed.ts";
import { SeededRandom } from "./seeded-random.ts";

// For seed.test.ts: a file whose tests fail with what they have drawn.

testWithSeed("draws from a seed", (seed) => assert.fail(`drew ${new SeededRandom(seed).next()}`));

test("draws from a property", () => {
  // Shrinking would hide what was drawn, and a bias make it the same for many seeds.
  const any = fc.noBias(fc.noShrink(fc.nat()));
  fc.assert(fc.property(any, (drawn) => assert.fail(`drew ${drawn}`)));
});
