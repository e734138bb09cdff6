import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { leftOutOf, readLeftOut, SCENARIOS } from "./scenarios.ts";

const TABLE = `Text.

| failpoint | scenarios | why |
|---|---|---|
| \`MemberDowngrade\` | \`*/3\` | no way back |
| \`raftBeforeSave=sleep\` | \`Kubernetes*/1\` | nothing is decided |

| other | table |
|---|---|
`;

test("what is left out is read from a table of a document", () => {
  assert.deepEqual(readLeftOut(TABLE), [
    { failpoint: "MemberDowngrade", scenarios: "*/3", why: "no way back" },
    { failpoint: "raftBeforeSave=sleep", scenarios: "Kubernetes*/1", why: "nothing is decided" },
  ]);
});

test("a document without the table, and a row with other cells, are refused", () => {
  assert.throws(() => readLeftOut("Text.\n"), /no table/);
  assert.throws(
    () => readLeftOut(`${TABLE.slice(0, TABLE.indexOf("| `raft"))}| \`a\` | b |\n`),
    /not 3 cells/,
  );
});

for (const [scenario, want] of [
  ["EtcdHighTraffic/1", []],
  ["EtcdHighTraffic/3", ["MemberDowngrade"]],
  ["KubernetesLowTraffic/1", ["raftBeforeSave=sleep"]],
  ["Issue14370", []],
] as const) {
  test(`left out of ${scenario}: ${want.join(", ") || "nothing"}`, () => {
    const found = SCENARIOS.find(({ name }) => name === scenario)!;
    assert.deepEqual(leftOutOf(found, readLeftOut(TABLE)), want);
  });
}

test("everything that is left out belongs to a scenario, and says why", () => {
  const document = readFileSync(path.resolve(import.meta.dirname, "../../docs/foreign-suites.md"), "utf8");
  for (const each of readLeftOut(document)) {
    assert.ok(
      SCENARIOS.some((scenario) => leftOutOf(scenario, [each]).length > 0),
      `no scenario is called ${each.scenarios}`,
    );
    assert.notEqual(each.why, "");
  }
});
