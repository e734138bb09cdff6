import assert from "node:assert/strict";
import { test } from "node:test";
import { freshSeed, testWithSeed } from "./seed.ts";
import { SeededRandom } from "./seeded-random.ts";

const drawn = (random: SeededRandom): number[] => Array.from({ length: 20 }, () => random.next());

test("the same seed gives the same numbers, on every machine", () => {
  assert.deepEqual(drawn(new SeededRandom(42)), drawn(new SeededRandom(42)));
  assert.deepEqual(drawn(new SeededRandom(42)).slice(0, 3), [2180834394, 1350328659, 1924803457]);
});

test("seeds that differ anywhere in 53 bits give other numbers", () => {
  const seeds = [0, 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 52, -1];
  const starts = seeds.map((seed) => drawn(new SeededRandom(seed)).join());
  assert.equal(new Set(starts).size, seeds.length);
});

testWithSeed("every number keeps to its limits, and reaches them", (seed) => {
  const random = new SeededRandom(seed);
  const kinds = {
    below: () => random.below(4),
    between: () => random.between(0, 3),
    pick: () => random.pick([0, 1, 2, 3]),
    bytes: () => random.bytes(1)[0]! & 3,
    weighted: () => random.weighted([1, 2, 3, 4].map((weight, i) => [weight, i] as const)),
    shuffled: () => random.shuffled([0, 1, 2, 3])[0]!,
  };
  for (const [kind, draw] of Object.entries(kinds)) {
    const seen = new Set(Array.from({ length: 1_000 }, draw));
    assert.deepEqual([...seen].sort(), [0, 1, 2, 3], kind);
  }
  for (let i = 0; i < 1_000; i++) {
    const uniform = random.uniform(-2, 3);
    assert.ok(uniform >= -2 && uniform < 3);
    const waited = random.exponential(5);
    assert.ok(waited >= 0 && waited <= 50);
  }
});

testWithSeed("a fork draws by itself", (seed) => {
  const [one, other] = [new SeededRandom(seed), new SeededRandom(seed)];
  const fork = one.fork();
  other.fork();
  drawn(fork);
  assert.deepEqual(drawn(one), drawn(other));
});

test("a shuffled list has the same items and leaves the other one alone", () => {
  const items = Array.from({ length: 50 }, (_, i) => i);
  const shuffled = new SeededRandom(freshSeed()).shuffled(items);
  assert.deepEqual(
    items,
    Array.from({ length: 50 }, (_, i) => i),
  );
  assert.deepEqual(
    shuffled.toSorted((a, b) => a - b),
    items,
  );
});
