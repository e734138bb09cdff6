import assert from "node:assert/strict";
import { test } from "node:test";
import { matchesPattern, readTables } from "./left-out.ts";

const DOCUMENT = `Text.

| common | why |
|---|---|
| \`TestAuth*\` | no users yet |

| other | why |
|---|---|
| a | b |

| common | why |
|---|---|
| \`TestAlarm\` | another quota |
`;

test("all tables with the columns are read", () => {
  assert.deepEqual(readTables(DOCUMENT, ["common", "why"]), [
    { common: "TestAuth*", why: "no users yet" },
    { common: "TestAlarm", why: "another quota" },
  ]);
  assert.throws(() => readTables(DOCUMENT, ["e2e", "why"]), /no table with the columns e2e, why/);
  assert.throws(() => readTables("|a|why|\n|--|--|\n|1|\n", ["a", "why"]), /not 2 cells: \|1\|/);
});

test("an asterisk stands for anything, all else for itself", () => {
  assert.equal(matchesPattern("TestAuthEnable", "TestAuth*"), true);
  assert.equal(matchesPattern("TestAuth", "TestAuth*"), true);
  assert.equal(matchesPattern("TestAuthEnable", "TestAuth"), false);
  assert.equal(matchesPattern("raftBeforeSave=sleep", "raft.*=sleep"), false);
});
