import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { configurationPage, PAGE } from "./configuration-page.ts";

test("the page of all settings is what the table of flags makes", () => {
  assert.equal(
    readFileSync(PAGE, "utf8"),
    configurationPage(),
    "run `node scripts/configuration-page.ts` and commit what it writes",
  );
});
