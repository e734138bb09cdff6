import assert from "node:assert/strict";
import path from "node:path";
import test from "node:test";
import { circlesOf, type Graph } from "./circles.ts";
import { isProduct, type Module, parseModule, readModule, sourcesIn } from "./modules.ts";

const modules = sourcesIn("packages").filter(isProduct).map(readModule);

test("no files import each other in a circle, types included", () => {
  assert.deepEqual(circlesOf(filesOf(modules)), []);
});

test("no folders import each other in a circle", () => {
  assert.deepEqual(circlesOf(foldersOf(modules)), []);
});

const planted: { name: string; sources: Record<string, string>; files: string[][]; folders: string[][] }[] = [
  {
    name: "of two files, one of which only needs a type",
    sources: { "a/x.ts": 'import { y } from "./y.ts";', "a/y.ts": 'import type { X } from "./x.ts";' },
    files: [["a/x.ts", "a/y.ts"]],
    folders: [],
  },
  {
    name: "of three files, by what they hand on",
    sources: {
      "a/x.ts": 'export { y } from "./y.ts";',
      "a/y.ts": 'export * from "./z.ts";',
      "a/z.ts": 'type X = import("./x.ts").X;',
    },
    files: [["a/x.ts", "a/y.ts", "a/z.ts"]],
    folders: [],
  },
  {
    name: "of folders whose files form none, through one that is loaded later",
    sources: {
      "a/x.ts": 'import { z } from "../b/z.ts";',
      "a/y.ts": "export const y = 1;",
      "b/z.ts": 'const y = import("../a/y.ts");',
    },
    files: [],
    folders: [["a", "b"]],
  },
  {
    name: "none: a file that loads later what has loaded it, and a folder with what lies in it",
    sources: { "a/x.ts": 'import { y } from "./b/y.ts";', "a/b/y.ts": 'const x = () => import("../x.ts");' },
    files: [],
    folders: [],
  },
];
for (const { name, sources, files, folders } of planted) {
  test(`finds a circle ${name}`, () => {
    const all = Object.entries(sources).map(([file, text]) => parseModule(`packages/p/src/${file}`, text));
    const inPackage = (found: string[][]) =>
      found.map((circle) => circle.map((node) => path.posix.relative("packages/p/src", node)));
    assert.deepEqual(inPackage(circlesOf(filesOf(all))), files);
    assert.deepEqual(inPackage(circlesOf(foldersOf(all))), folders);
  });
}

function filesOf(all: readonly Module[]): Graph {
  return new Map(
    all.map(({ file, references }) => [
      file,
      new Set(references.filter(({ kind }) => kind === "static").flatMap(({ target }) => productOf(target))),
    ]),
  );
}

/** A folder and what lies in it are one. */
function foldersOf(all: readonly Module[]): Graph {
  const graph = new Map<string, Set<string>>();
  for (const { file, references } of all) {
    const folder = path.posix.dirname(file);
    for (const target of references.flatMap((reference) => productOf(reference.target))) {
      const other = path.posix.dirname(target);
      if (`${folder}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${folder}/`)) continue;
      graph.set(folder, (graph.get(folder) ?? new Set()).add(other));
    }
  }
  return graph;
}

function productOf(target: string | undefined): string[] {
  return target !== undefined && isProduct(target) ? [target] : [];
}
