import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { ROOT, sourcesIn } from "./modules.ts";

const DOCUMENT = "docs/security-advisories.md";
const HEADER = "| advisory | what was wrong | what is right | test |";

interface NamedTest {
  readonly advisory: string;
  readonly file: string;
  readonly name: string;
}

const testFiles = ["packages", "test"].flatMap(sourcesIn).filter((file) => file.endsWith(".test.ts"));

/** The last cell of each row: files, each with names of tests behind it. */
function testsIn(document: string): NamedTest[] {
  const named: NamedTest[] = [];
  let isInTable = false;
  for (const line of document.split("\n")) {
    if (line === HEADER) isInTable = true;
    else if (!line.startsWith("|")) isInTable = false;
    else if (isInTable && !line.startsWith("|---")) {
      const [advisory, , , tests] = line.slice(2, -2).split(" | ");
      for (const part of tests!.split("<br>")) {
        const [, file, names] = /^`([^`]+)`: (.*)$/.exec(part) ?? [];
        if (file === undefined) named.push({ advisory: advisory!, file: "", name: part });
        for (const name of names?.split("; ") ?? []) {
          named.push({ advisory: advisory!, file: file!, name: name.replace(/^`(.*)`$/, "$1") });
        }
      }
    }
  }
  return named;
}

/** Why a test is not the one that is named; undefined when it is. */
function whyNot({ file, name }: NamedTest): string | undefined {
  if (file === "") return name === "none" ? undefined : "no file";
  const found = testFiles.filter((each) => each === file || each.endsWith(`/${file}`));
  if (found.length !== 1) return `${found.length} files ${file}`;
  const source = readFileSync(path.join(ROOT, found[0]!), "utf8");
  return source.includes(name) ? undefined : `no test "${name}" in ${file}`;
}

const named = testsIn(readFileSync(path.join(ROOT, DOCUMENT), "utf8"));

test("every advisory has its tests, where and by which name the table says", () => {
  const advisories = new Set(named.map(({ advisory }) => advisory));
  assert.ok(advisories.size > 40, `${advisories.size}`);
  const missing = named
    .map((each) => `${each.advisory}: ${whyNot(each)}`)
    .filter((text) => !text.endsWith(": undefined"));
  assert.deepEqual(missing, []);
});

test("finds files, names, and tables of names", () => {
  const row = "| CVE-1, TB 2 | a | b | `x/a.test.ts`: one, or two; `three of 4`<br>`b.test.ts`: five |";
  const advisory = "CVE-1, TB 2";
  assert.deepEqual(testsIn(`${HEADER}\n|---|---|---|---|\n${row}\n\n| no | table | of | tests |`), [
    { advisory, file: "x/a.test.ts", name: "one, or two" },
    { advisory, file: "x/a.test.ts", name: "three of 4" },
    { advisory, file: "b.test.ts", name: "five" },
  ]);
  assert.match(whyNot({ advisory, file: "no-such.test.ts", name: "a" })!, /^0 files/);
  assert.match(
    whyNot({ advisory, file: "architecture/advisories.test.ts", name: `no ${"such"}` })!,
    /^no test/,
  );
  assert.equal(whyNot({ advisory, file: "", name: "soon" }), "no file");
});
