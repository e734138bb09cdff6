import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { entriesOf, isProduct, type Module, parseModule, ROOT, readModule, sourcesIn } from "./modules.ts";

const RPC = "@quorate/rpc";

/** Through which doors of rpc each package's product goes: what it does not need is not loaded. Tests may use any. */
const DOORS_OF: Readonly<Record<string, readonly string[]>> = {
  bench: ["client", "server", "status", "testing"],
  cli: ["server", "status"],
  client: ["client", "status"],
  proxy: ["client", "server", "status"],
  server: ["server", "status"],
};

/** What must not lie behind a door. The rest of the package is for all. */
const NOT_BEHIND: Readonly<Record<string, readonly string[]>> = {
  client: ["server.ts", "server/", "net/acceptor.ts", "net/listener.ts", "grpc/http-exchange.ts", "testing/"],
  server: ["client.ts", "client/", "testing/"],
  status: ["client", "server", "net/", "http2/", "hpack/", "testing/"],
  testing: ["client", "server"],
};

const modules = sourcesIn("packages").map(readModule);

test("every package goes through the doors of rpc that it is said to need, and no others", () => {
  const used = Object.fromEntries(
    readdirSync(path.join(ROOT, "packages"))
      .sort()
      .filter((name) => name !== "rpc")
      .map((name) => [name, doorsOf(modules, name)] as const)
      .filter(([, doors]) => doors.length > 0),
  );
  assert.deepEqual(used, DOORS_OF);
});

test("behind a door there is nothing that only those need who go through another one", () => {
  const doors = [...entriesOf("rpc")].map(([specifier, file]) => [doorOf(specifier), file] as const);
  assert.deepEqual(doors.map(([door]) => door).sort(), Object.keys(NOT_BEHIND).sort());
  const wrong = doors.flatMap(([door, file]) =>
    behind(modules, file)
      .filter((reached) => NOT_BEHIND[door]!.some((start) => reached.startsWith(`packages/rpc/src/${start}`)))
      .map((reached) => `${door}: ${reached}`),
  );
  assert.deepEqual(wrong, []);
});

test("finds the doors that a package goes through, also for types, but not those of its tests", () => {
  const parsed = Object.entries({
    "packages/p/src/a.ts": `import type { X } from "${RPC}/client"; import "./b.ts";`,
    "packages/p/src/b.ts": `const { x } = await import("${RPC}/status");`,
    "packages/p/src/b.test.ts": `import { x } from "${RPC}/testing";`,
    "packages/q/src/a.ts": `import { x } from "${RPC}/server";`,
  }).map(([file, text]) => parseModule(file, text));
  assert.deepEqual(doorsOf(parsed, "p"), ["client", "status"]);
  assert.deepEqual(behind(parsed, "packages/p/src/b.ts"), [
    "packages/p/src/b.ts",
    "packages/rpc/src/grpc/status.ts",
  ]);
});

/** The doors that the product of a package goes through, sorted. */
function doorsOf(all: readonly Module[], name: string): string[] {
  const doors = all
    .filter(({ file }) => file.startsWith(`packages/${name}/src/`) && isProduct(file))
    .flatMap(({ references }) => references.map(({ specifier }) => specifier))
    .filter((specifier) => specifier === RPC || specifier.startsWith(`${RPC}/`))
    .map(doorOf);
  return [...new Set(doors)].sort();
}

function doorOf(specifier: string): string {
  return specifier.slice(RPC.length + 1);
}

/** The files that are loaded, or whose types are needed, when `start` is; sorted. */
function behind(all: readonly Module[], start: string): string[] {
  const byFile = new Map(all.map((module) => [module.file, module]));
  const reached = new Set<string>();
  const open = [start];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    for (const { target } of byFile.get(file)?.references ?? []) if (target !== undefined) open.push(target);
  }
  return [...reached].sort();
}
