import assert from "node:assert/strict";
import test from "node:test";
import { violatedRule } from "./violated-rule.ts";

const cases = [
  {
    violation:
      'was acknowledged and is lost (it is at 71): w2 at m3, 4210.3-4214.0 ms: {"kind":"put"}, floor 12, ok',
    rule: "was acknowledged and is lost",
  },
  {
    violation: "waited 30000 ms for an answer of m1: m1 serving, leader 8e9e05c5, applied 30 of 31, 0 leases",
    rule: "waited # ms for an answer of #",
  },
  {
    violation: "m2 has applied another entry at index 71: term 4 instead of 3",
    rule: "# has applied another entry at index #",
  },
  {
    violation:
      "m3 failed: RaftInvariantError: tocommit(31) is out of range\n    at Log.commitTo (log.ts:1:2)",
    rule: "# failed: RaftInvariantError: tocommit is out of range",
  },
  {
    violation: "happened 2 times, at 12,15: w0 at m1, 1.0-2.0 ms: {}",
    rule: "happened # times, at #",
  },
  {
    violation: "lease 3c1f of l/h0-1 (TTL 2000 ms, renewed at 1.0) was revoked at 1200.1 ms, before 3001.0",
    rule: "lease # of l/# was revoked at # ms, before #",
  },
];

for (const { violation, rule } of cases) {
  test(`the rule of "${violation.slice(0, 40)}..." is that of its kind`, () => {
    assert.equal(violatedRule(violation), rule);
  });
}

test("a lost write and a stale read are two rules", () => {
  const [lost, stale] = [
    "was acknowledged and is lost (it is at 1): w0",
    "is older than what was told before: w0",
  ];
  assert.notEqual(violatedRule(lost), violatedRule(stale));
});
