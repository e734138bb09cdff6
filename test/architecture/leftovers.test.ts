import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { entriesOf, isProduct, type Module, parseModule, ROOT, readModule, sourcesIn } from "./modules.ts";
import { ONLY_FOR_TESTS, STARTED } from "./reasons.ts";

const modules = ["packages", "scripts", "test"]
  .flatMap(sourcesIn)
  .filter((file) => !file.includes("/gen/"))
  .map(readModule);
const packages = readdirSync(path.join(ROOT, "packages"));
/** What others may import: not all of it is imported by us. */
const entries = new Set(packages.flatMap((name) => [...entriesOf(name).values()]));

test("what is exported is imported, or is a type that another export speaks of", () => {
  assert.deepEqual(
    unused(modules, entries, () => true),
    [],
    "let it be exported no more, or remove it",
  );
});

test("what is exported is used in production, or there is a reason", () => {
  assert.deepEqual(
    unused(modules, entries, isProduct).filter((name) => !unusedByAll.has(name)),
    Object.keys(ONLY_FOR_TESTS).sort(),
    "code for tests alone goes into a file of theirs",
  );
});
const unusedByAll = new Set(unused(modules, entries, () => true));

test("every file is reached from where a program or a package begins", () => {
  const lost = unreached(modules, [...entries, ...Object.keys(STARTED)]);
  assert.deepEqual(lost, []);
});

test("finds what nobody imports, and files that nobody reaches", () => {
  const all = Object.entries({
    "begin.ts":
      'import { used } from "./used.ts"; new Worker(new URL("./worker.ts", import.meta.url)); used();',
    "used.ts":
      "export function used(): Spoken { return helper(); } export function helper() {} export interface Spoken {} export type Lost = 1;",
    "worker.ts": 'import * as all from "./whole.ts";',
    "whole.ts": "export const one = 1;",
    "lost.ts": 'import { helper } from "./begin.ts"; export { used } from "./used.ts";',
  }).map(([file, text]) => parseModule(`packages/p/src/${file}`, text));
  const names = (found: string[]) => found.map((name) => name.replace("packages/p/src/", ""));
  assert.deepEqual(names(unused(all, new Set(["packages/p/src/begin.ts"]), () => true)), [
    "lost.ts: used",
    "used.ts: Lost",
    "used.ts: helper",
  ]);
  assert.deepEqual(names(unreached(all, ["packages/p/src/begin.ts"])), ["lost.ts"]);
});

/** Exports of product files that no file imports of those for which `counts` is true. */
function unused(
  all: readonly Module[],
  entries: ReadonlySet<string>,
  counts: (file: string) => boolean,
): string[] {
  const imported = new Set<string>();
  for (const { file, references } of all) {
    if (!counts(file)) continue;
    for (const { target, names } of references) for (const name of names) imported.add(`${target}: ${name}`);
  }
  const isImported = (file: string, name: string) =>
    imported.has(`${file}: ${name}`) || imported.has(`${file}: *`);
  const onlyTests = counts === isProduct;
  return all
    .filter(({ file }) => isProduct(file) && !entries.has(file))
    .flatMap(({ file, exports, handedOn, usedInside }) => {
      const own = [...exports].filter(
        ([name, kind]) => !((kind === "type" || onlyTests) && usedInside.has(name)),
      );
      return [...own.map(([name]) => name), ...handedOn.keys()]
        .filter((name) => !isImported(file, name))
        .map((name) => `${file}: ${name}`);
    })
    .sort();
}

/** Product files that do not come to be loaded when the files at `starts` are. */
function unreached(all: readonly Module[], starts: readonly string[]): string[] {
  const byFile = new Map(all.map((module) => [module.file, module]));
  const reached = new Set<string>();
  const open = [...starts];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    const module = byFile.get(file);
    if (module === undefined || reached.has(file)) continue;
    reached.add(file);
    for (const { target } of module.references) if (target !== undefined) open.push(target);
  }
  return [...byFile.keys()].filter((file) => isProduct(file) && !reached.has(file)).sort();
}
