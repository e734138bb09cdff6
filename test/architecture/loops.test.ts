import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { BOUNDED_LOOPS } from "./bounded-loops.ts";
import { BOUNDED_AT_THE_EDGES } from "./bounded-loops-at-the-edges.ts";
import { findUnslicedLoops } from "./find-loops.ts";

const PACKAGES = path.resolve(import.meta.dirname, "../../packages");

/** Where all that is gone through may be as large as clients make it. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  server: [
    "alarm",
    "api",
    "apply",
    "audit",
    "client-port",
    "auth",
    "cluster",
    "consensus",
    "corruption",
    "duties",
    "http",
    "keys",
    "lease",
    "member",
    "mvcc",
    "operations",
    "peer",
    "peer-port",
    "snapshot",
    "watch",
  ],
  storage: ["backend", "database", "snap", "wal"],
  rpc: ["grpc", "hpack", "http2", "net", "server"],
};
const BOUNDED = { ...BOUNDED_LOOPS, ...BOUNDED_AT_THE_EDGES };
/** Not part of a member. */
const ONLY_TESTS = /(^|[./])(test|testing|suite)\.ts$|^testing\//;

const WHAT_TO_DO =
  "a loop that may be long goes into a generator that yields what it costs (Steps, in slices.ts) or asks the slicer; " +
  "one that cannot be long is listed in bounded-loops.ts or bounded-loops-at-the-edges.ts, with the reason";

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

const loopsOf = new Map(
  files.map((file) => [
    file,
    findUnslicedLoops(readFileSync(lieAt.get(file)!, "utf8")).map((loop) => ({ file, ...loop })),
  ]),
);
const places = (file: string) => loopsOf.get(file)!;

test("every loop over what clients decide the size of is cut into slices, or there is a reason why it is short", () => {
  const unexplained = files
    .flatMap(places)
    .filter(({ file, where }) => {
      const reasons = BOUNDED[file];
      return reasons?.["*"] === undefined && reasons?.[where] === undefined;
    })
    .map(({ file, where, line }) => `${file}:${line} in ${where}`);
  assert.deepEqual(unexplained, [], WHAT_TO_DO);
});

test("the list of short loops names only such as there are", () => {
  const stale = Object.entries(BOUNDED).flatMap(([file, reasons]) => {
    if (!files.includes(file)) return [file];
    const found = new Set(places(file).map(({ where }) => where));
    return Object.keys(reasons)
      .filter((where) => (where === "*" ? found.size === 0 : !found.has(where)))
      .map((where) => `${file}: ${where}`);
  });
  assert.deepEqual(stale, [], "remove them from the list");
});

test("no file is in both lists, nor in two packages by the same name", () => {
  const both = Object.keys(BOUNDED_LOOPS).filter((file) => BOUNDED_AT_THE_EDGES[file] !== undefined);
  assert.deepEqual(both, []);
  const folders = Object.values(FOLDERS).flat();
  assert.equal(new Set(folders).size, folders.length);
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
  {
    name: "a call for each item with a function that has a name",
    source:
      "const f = (xs) => { xs.filter(isOdd); xs.flatMap(parse); xs.forEach(this.#close); xs.some(isOdd); };",
    want: ["(module)", "(module)", "(module)", "(module)"],
  },
  { name: "a copy of all items", source: "function f(xs) { return Array.from(xs); }", want: ["f"] },
  {
    name: "as many items as a number",
    source: "function f(n) { Array.from({ length: n }, g); }",
    want: ["f"],
  },
  { name: "items spread into an array", source: "class A { b(xs) { return [1, ...xs]; } }", want: ["A.b"] },
  { name: "items spread into a call", source: "function f(xs) { Math.max(...xs); }", want: ["f"] },
  {
    name: "items spread into an object that is made",
    source: "function f(xs) { new A(...xs); }",
    want: ["f"],
  },
  { name: "fields spread into an object", source: "function f(x) { return { ...x, y: 1 }; }", want: [] },
  { name: "all items as one text", source: "function f(xs) { return xs.join(','); }", want: ["f"] },
  { name: "parts of a path", source: "path.join(a, b); path.posix.join(a, b);", want: [] },
  {
    name: "JSON",
    source: "function f(x) { JSON.stringify(x); } function g(x) { JSON.parse(x); }",
    want: ["f", "g"],
  },
  { name: "bytes that are joined", source: "function f(xs) { Buffer.concat(xs); }", want: ["f"] },
  {
    name: "the keys of an object",
    source: "function f(x) { Object.keys(x); Object.entries(x); }",
    want: ["f", "f"],
  },
  { name: "a set of all items", source: "function f(xs) { new Set(xs); new Map(xs); }", want: ["f", "f"] },
  { name: "an empty set", source: "new Set(); new Map(); new Pool(xs);", want: [] },
  {
    name: "items in another order",
    source: "function f(xs) { xs.sort(); xs.toReversed(); }",
    want: ["f", "f"],
  },
  {
    name: "such a form inside steps, and beside them",
    source: "function* f(xs) { yield [...xs].length; } function g(xs) { return [...f(xs)]; }",
    want: ["g"],
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
