import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";

const ROOT = path.resolve(import.meta.dirname, "../..");
const DOCUMENTS = [
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "TERMINOLOGY.md",
  "docs/limits.md",
  "docs/stalls.md",
];

/** All of ours, from the root. */
const files = ["packages", "test", "scripts"].flatMap((folder) =>
  globSync(`${folder}/**/*.ts`, {
    cwd: ROOT,
    exclude: (name) => name.split(path.sep).includes("node_modules"),
  }),
);

/** What a text names in backquotes that is the name of a source file, with or without folders. */
function namedFiles(text: string): string[] {
  return [...text.matchAll(/`([\w.@/-]+\.ts)`/g)].map(([, name]) => name!);
}

function isThere(name: string): boolean {
  return files.some((file) => file === name || file.endsWith(`/${name}`));
}

test("a file that a document names is there", () => {
  const missing = DOCUMENTS.flatMap((document) =>
    namedFiles(readFileSync(path.join(ROOT, document), "utf8"))
      .filter((name) => !isThere(name))
      .map((name) => `${document}: ${name}`),
  );
  assert.deepEqual(missing, []);
});

test("a folder that the table of the house names is there", () => {
  const architecture = readFileSync(path.join(ROOT, "ARCHITECTURE.md"), "utf8");
  const table = /Inside `packages\/server\/src`:\n\n([\s\S]*?)\n\n/.exec(architecture)![1]!;
  const named = [...table.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`(\w[\w-]*)\/`/g)].map(([, folder]) => folder!),
  );
  assert.ok(named.length > 10, named.join(" "));
  assert.deepEqual(
    named.filter((folder) => !existsSync(path.join(ROOT, "packages/server/src", folder))),
    [],
  );
});

const cases = [
  { name: "a file in its folder", text: "see `mvcc/store.ts`", want: ["mvcc/store.ts"] },
  { name: "a name alone", text: "(`store.ts` and `range.ts`)", want: ["store.ts", "range.ts"] },
  { name: "no file", text: "`Slices.begin` of `mvcc/`, store.ts", want: [] },
];
for (const { name, text, want } of cases) {
  test(`finds: ${name}`, () => assert.deepEqual(namedFiles(text), want));
}

test("a file that is not there is missed", () => {
  assert.equal(isThere("mvcc/store.ts"), true);
  assert.equal(isThere("mvcc/no-such-file.ts"), false);
});
