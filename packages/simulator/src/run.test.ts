import assert from "node:assert/strict";
import test from "node:test";
import { testWithSeed } from "@quorate/testkit/seed";
import { exhibitNamed, type RunResult, simulate } from "./index.ts";

const TROUBLE_MS = 2_500;

testWithSeed(
  "clusters in trouble lose nothing and become well again",
  { timeout: 600_000 },
  async (first) => {
    for (let seed = first; seed < first + 3; seed++) {
      const result = await simulate({ seed, troubleMs: TROUBLE_MS });
      assert.deepEqual(result.violations, [], replay(result));
      assert.ok(result.acknowledged > 0, replay(result));
    }
  },
);

test("a seed gives the same run, byte for byte", { timeout: 600_000 }, async () => {
  const options = { seed: 4, troubleMs: TROUBLE_MS, traceLines: 100_000 };
  const [one, other] = [await simulate(options), await simulate(options)];
  assert.deepEqual(one.trace, other.trace);
  assert.equal(one.digest, other.digest);
  assert.ok(one.events > 1_000);
});

test("reads that do not ask a quorum are found to be stale", { timeout: 600_000 }, async () => {
  const violations: string[] = [];
  for (let seed = 1; seed <= 20 && violations.length === 0; seed++) {
    const plants = [exhibitNamed("reads-without-quorum")];
    violations.push(...(await simulate({ seed, plants, troubleMs: TROUBLE_MS })).violations);
  }
  assert.match(violations.join("\n"), /older than what was told/);
});

function replay({ seed }: RunResult): string {
  return `node packages/simulator/src/main.ts --seed ${seed} --trouble-ms ${TROUBLE_MS} --trace`;
}
