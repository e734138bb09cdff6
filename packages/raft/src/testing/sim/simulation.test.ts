import assert from "node:assert/strict";
import { test } from "node:test";
import { givenSeed, searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { Simulation } from "./simulation.ts";

/** `QUORATE_RUNS=1000 node --test ...` for more, `QUORATE_SEED=n` to begin elsewhere. */
const seedCount = searchRuns(50, 150);
const seed = givenSeed() ?? 1;

testWithSeed(`groups under faults stay safe and recover, from seed ${seed} on`, { seed }, (firstSeed) => {
  let committed = 0;
  for (let seed = firstSeed; seed < firstSeed + seedCount; seed++) {
    const simulation = new Simulation({ seed });
    simulation.run();
    committed += simulation.checker.committedCount;
  }
  assert.ok(committed > 10 * seedCount, `only ${committed} entries were committed: the faults leave no room`);
});

test("a seed replays its run", () => {
  const outcome = () => {
    const simulation = new Simulation({ seed: 42 });
    simulation.run();
    return [...simulation.members.values()].map(({ node, application }) => ({
      ...node.basicStatus(),
      checksum: application.checksum,
    }));
  };
  assert.deepEqual(outcome(), outcome());
});
