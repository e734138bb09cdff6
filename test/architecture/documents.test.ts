import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { ROOMS } from "./rooms.ts";

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

/** The folders of a package, each in the line after the last one of those that it may import from. */
function linesOf(rooms: Readonly<Record<string, readonly string[]>>): string {
  const whole = (folder: string): string => folder.split("/")[0]!;
  const below = new Map<string, Set<string>>();
  for (const [folder, imported] of Object.entries(rooms)) {
    const known = below.get(whole(folder)) ?? new Set();
    for (const other of imported) if (whole(other) !== whole(folder)) known.add(whole(other));
    below.set(whole(folder), known);
  }
  const lines: string[] = [];
  const placed = new Set<string>();
  while (placed.size < below.size) {
    const line = [...below].filter(
      ([folder, on]) => !placed.has(folder) && [...on].every((o) => placed.has(o)),
    );
    assert.ok(line.length > 0, "folders import each other in a circle");
    for (const [folder] of line) placed.add(folder);
    lines.push(line.map(([folder]) => folder).join("  "));
  }
  return lines.join("\n");
}

test("the order of the server's folders is as they may import from each other", () => {
  const architecture = readFileSync(path.join(ROOT, "ARCHITECTURE.md"), "utf8");
  const [, shown] = /has to stand here\):\n\n```\n([\s\S]*?)\n?```/.exec(architecture)!;
  assert.equal(shown, linesOf(ROOMS.server!));
});

test("a folder stands behind all that it may import from, with what lies in it", () => {
  const rooms = { api: ["store", "log"], "api/kv": ["api", "watch"], log: [], store: [], watch: ["store"] };
  assert.equal(linesOf(rooms), "log  store\nwatch\napi");
  assert.throws(() => linesOf({ a: ["b"], b: ["a"] }), /circle/);
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
