import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { repositoryRoot } from "@quorate/testkit/target";
import { pages } from "./pages.ts";

const read = (file: string) => readFileSync(path.join(repositoryRoot, "docs", file), "utf8");

test("every document is in the site's list and on its first page, and nothing else is", () => {
  const listed = [...read(".vitepress/config.mts").matchAll(/link: "\/([\w-]+)"/g)].map(([, page]) => page!);
  const linked = [...read("index.md").matchAll(/\]\(([\w-]+)\.md\)/g)].map(([, page]) => page!);
  assert.deepEqual(listed.sort(), pages());
  assert.deepEqual(linked.sort(), pages());
});
