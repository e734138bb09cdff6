import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { BOUNDED_LOOPS } from "./bounded-loops.ts";
import { findUnslicedLoops } from "./find-loops.ts";

const PACKAGES = path.resolve(import.meta.dirname, "../../packages");

/** Where all that is gone through may be as large as clients make it. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  server: [
    "alarm",
    "apply",
    "cluster",
    "consensus",
    "corruption",
    "duties",
    "lease",
    "mvcc",
    "operations",
    "peer",
    "snapshot",
    "watch",
  ],
  storage: ["snap", "wal"],
};
/** Not part of a member. */
const ONLY_TESTS = /(^|[./])(test|testing|suite)\.ts$|^testing\//;

const WHAT_TO_DO =
  "a loop that may be long goes into a generator that yields what it costs (Steps, in slices.ts) or asks the slicer; " +
  "one that cannot be long is listed in bounded-loops.ts, with the reason";

/** By its name in its package's sources, where each file lies. */
const lieAt = new Map(
  Object.entries(FOLDERS).flatMap(([name, folders]) => {
    const sources = path.join(PACKAGES, name, "src");
    return folders.flatMap((folder) =>
      (readdirSync(path.join(sources, folder), { recursive: true }) as string[])
        .filter((file) => file.endsWith(".ts") && !ONLY_TESTS.test(file))
        .map((file) => path.posix.join(folder, file))
        .map((file) => [file, path.join(sources, file)] as const),
    );
  }),
);
const files = [...lieAt.keys()].sort();

const places = (file: string) =>
  findUnslicedLoops(readFileSync(lieAt.get(file)!, "utf8")).map((loop) => ({ file, ...loop }));

test("every loop over what clients decide the size of is cut into slices, or there is a reason why it is short", () => {
  const unexplained = files
    .flatMap(places)
    .filter(({ file, where }) => {
      const reasons = BOUNDED_LOOPS[file];
      return reasons?.["*"] === undefined && reasons?.[where] === undefined;
    })
    .map(({ file, where, line }) => `${file}:${line} in ${where}`);
  assert.deepEqual(unexplained, [], WHAT_TO_DO);
});

test("the list of short loops names only such as there are", () => {
  const stale = Object.entries(BOUNDED_LOOPS).flatMap(([file, reasons]) => {
    if (!files.includes(file)) return [file];
    const found = new Set(places(file).map(({ where }) => where));
    return Object.keys(reasons)
      .filter((where) => (where === "*" ? found.size === 0 : !found.has(where)))
      .map((where) => `${file}: ${where}`);
  });
  assert.deepEqual(stale, [], "remove them from bounded-loops.ts");
});

const cases: { name: string; source: string; want: string[] }[] = [
  { name: "a loop in a function", source: "function f(xs) { for (const x of xs) g(x); }", want: ["f"] },
  { name: "a loop in a generator", source: "function* f(xs) { for (const x of xs) yield g(x); }", want: [] },
  {
    name: "a loop in a method, and one in steps of the same class",
    source:
      "class A { b() { while (c()); } *#d() { do { yield 1; } while (c()); } #e = () => { for (;;) g(); }; }",
    want: ["A.b", "A.#e"],
  },
  {
    name: "loops that ask the slicer, and one that does not",
    source:
      "async function f(xs) { for (const x of xs) if (slices.spend(1)) await slices.next(); while (g()) h(); }",
    want: ["f"],
  },
  { name: "a function inside steps", source: "function* f(xs) { yield xs.map((x) => x); }", want: [] },
  {
    name: "a loop in a function inside steps",
    source: "function* f(xs) { g(() => { for (;;) h(); }); }",
    want: ["f"],
  },
  { name: "a call for each item", source: "const f = (xs) => xs.filter((x) => x > 1);", want: ["(module)"] },
  {
    name: "a method of the same name that takes no function",
    source: "heap.find(7); table.map(key);",
    want: [],
  },
];
for (const { name, source, want } of cases) {
  test(`finds: ${name}`, () => {
    assert.deepEqual(
      findUnslicedLoops(source).map(({ where }) => where),
      want,
    );
  });
}
