import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { entriesOf, isProduct } from "./modules.ts";
import { ROOMS } from "./rooms.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** What each package may import of ours: only what stands under it. */
const PACKAGES: Record<string, readonly string[]> = {
  wire: [],
  rpc: [],
  raft: [],
  bbolt: [],
  storage: ["wire", "raft", "bbolt"],
  server: ["storage", "wire", "rpc", "raft", "client"],
  client: ["wire", "rpc"],
  proxy: ["wire", "rpc", "client"],
  backup: ["wire", "client"],
  cli: ["server", "proxy", "backup", "client", "storage", "wire", "rpc", "raft", "bbolt"],
  testkit: [],
  simulator: ["server", "storage", "raft", "bbolt", "wire", "testkit"],
  bench: ["server", "storage", "wire", "rpc", "raft", "bbolt", "testkit"],
};

/** What only tests are made of, and those who are not for others and may stand on it. */
const FOR_TESTS = "testkit";
const UNPUBLISHED = ["testkit", "simulator", "bench"];

/** Folders of server/src that decide: they may touch time, chance, disk and network only through the seams. */
const DECIDING = ["consensus", "operations", "apply", "mvcc", "watch", "lease", "alarm", "auth", "cluster"];

const FORBIDDEN_MODULES =
  /^node:(fs|net|tls|http|https|http2|dgram|dns|child_process|worker_threads|timers|perf_hooks|os)(\/|$)|^(pino|prom-client)$/;
const FORBIDDEN_CALLS =
  /\b(Date\.now|new Date\(|performance\.now|Math\.random|setTimeout|setInterval|setImmediate|randomBytes|randomInt|randomUUID|process\.(env|hrtime))\b/;

/** What the files beside the folders may import from them, but for those with which a package begins. */
const BESIDE_FOLDERS: Record<string, readonly string[]> = { server: [], storage: ["seams"] };

const importPattern = /(?:^|\n)\s*(?:import|export)\b[^;]*?\bfrom\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/g;

test("a package imports only the packages under it, and only through their exports", () => {
  const wrong: string[] = [];
  for (const [name, allowed] of Object.entries(PACKAGES)) {
    for (const file of sources(path.join(ROOT, "packages", name, "src"))) {
      for (const specifier of importsOf(file)) {
        const other = /^@quorate\/([^/]+)/.exec(specifier)?.[1];
        if (other === FOR_TESTS && !isProduct(relative(file))) continue;
        if (other !== undefined && other !== name && !allowed.includes(other))
          wrong.push(`${relative(file)}: ${specifier}`);
        // Benchmarks measure parts that nobody else may reach, so they alone may look inside.
        if (name === "bench") continue;
        if (specifier.startsWith(".") && !inside(file, specifier, path.join(ROOT, "packages", name))) {
          wrong.push(`${relative(file)}: ${specifier} leaves its package`);
        }
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test("what only tests use is nothing that a published package depends on", () => {
  const wrong: string[] = [];
  for (const name of Object.keys(PACKAGES)) {
    const manifest = JSON.parse(readFileSync(path.join(ROOT, "packages", name, "package.json"), "utf8"));
    assert.equal(manifest.private === true, UNPUBLISHED.includes(name), `${name} is private`);
    const needed = {
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
      ...manifest.peerDependencies,
    };
    if (`@quorate/${FOR_TESTS}` in needed) wrong.push(`${name} depends on ${FOR_TESTS}`);
    if (UNPUBLISHED.includes(name)) continue;
    for (const entry of Object.values<string>(manifest.exports)) {
      const reached = reachableFrom(path.join(ROOT, "packages", name, entry));
      for (const [file, specifiers] of reached) {
        if (specifiers.some((specifier) => specifier.startsWith(`@quorate/${FOR_TESTS}`)))
          wrong.push(`${name} exports ${entry}, which needs ${relative(file)}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test("an installation without packages for development has the runtime and one native package", () => {
  const lock = JSON.parse(readFileSync(path.join(ROOT, "package-lock.json"), "utf8"));
  const installed = Object.entries<{ dev?: boolean; cpu?: string[] }>(lock.packages);
  const native = installed
    .filter(([, { dev, cpu }]) => cpu !== undefined && dev !== true)
    .map(([folder]) => folder.replace("node_modules/", "").replace(/^(node|@node-rs\/crc32)-.*/, "$1"));
  assert.deepEqual(new Set(native), new Set(["@node-rs/crc32", "node"]));
  assert.ok("node_modules/rolldown" in lock.packages, "what makes bundles is one for development");
});

test("raft imports nothing that is not its own", () => {
  const wrong = productSources(path.join(ROOT, "packages/raft/src")).flatMap((file) =>
    importsOf(file)
      .filter((specifier) => !specifier.startsWith("."))
      .map((specifier) => `${relative(file)}: ${specifier}`),
  );
  assert.deepEqual(wrong, []);
});

test("bbolt imports nothing but what is its own, and the runtime's", () => {
  const wrong = productSources(path.join(ROOT, "packages/bbolt/src")).flatMap((file) =>
    importsOf(file)
      .filter((specifier) => !/^(\.|node:)/.test(specifier))
      .map((specifier) => `${relative(file)}: ${specifier}`),
  );
  assert.deepEqual(wrong, []);
});

test("deciding folders reach time, chance, disk and network only through the seams", () => {
  const wrong: string[] = [];
  const folders = [...DECIDING.map((folder) => `packages/server/src/${folder}`), "packages/raft/src"];
  for (const folder of folders) {
    for (const file of productSources(path.join(ROOT, folder))) {
      const text = withoutComments(readFileSync(file, "utf8"));
      for (const specifier of importsOf(file)) {
        if (FORBIDDEN_MODULES.test(specifier)) wrong.push(`${relative(file)}: imports ${specifier}`);
      }
      const call = FORBIDDEN_CALLS.exec(text);
      if (call !== null) wrong.push(`${relative(file)}: ${call[0]}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("every folder of a package's sources is listed, and imports only what its list allows", () => {
  const wrong: string[] = [];
  for (const name of readdirSync(path.join(ROOT, "packages"))) {
    const base = path.join(ROOT, "packages", name, "src");
    const rooms = ROOMS[name] ?? {};
    const folders = new Set<string>();
    for (const file of productSources(base)) {
      const folder = path.relative(base, path.dirname(file));
      if (folder === "") continue;
      folders.add(folder);
      for (const target of foldersOfImports(base, file)) {
        if (isWithin(target, folder) || isWithin(folder, target) || rooms[folder]?.includes(target)) continue;
        wrong.push(`${relative(file)} imports from ${target}`);
      }
    }
    for (const folder of folders)
      if (rooms[folder] === undefined) wrong.push(`${name}/${folder} is not listed`);
    for (const [folder, allowed] of Object.entries(rooms)) {
      for (const each of [folder, ...allowed]) {
        if (!existsSync(path.join(base, each))) wrong.push(`${name}/${each} is listed, and there is none`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test("files beside the folders import only the lowest of them", () => {
  const wrong: string[] = [];
  for (const [name, allowed] of Object.entries(BESIDE_FOLDERS)) {
    const base = path.join(ROOT, "packages", name, "src");
    const fronts = new Set(entriesOf(name).values());
    for (const file of productSources(base)) {
      if (path.dirname(file) !== base || fronts.has(relative(file))) continue;
      for (const target of foldersOfImports(base, file)) {
        if (target !== "" && !allowed.includes(target))
          wrong.push(`${relative(file)} imports from ${target}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

/** The folders, seen from `base`, that a file imports from. */
function foldersOfImports(base: string, file: string): string[] {
  return importsOf(file)
    .filter((specifier) => specifier.startsWith("."))
    .map((specifier) => path.resolve(path.dirname(file), specifier))
    .filter((target) => target.startsWith(base + path.sep))
    .map((target) => path.relative(base, path.dirname(target)));
}

/** Whether `folder` is `other` or lies in it. */
function isWithin(folder: string, other: string): boolean {
  return other === "" || folder === other || folder.startsWith(other + path.sep);
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/** Sources that run in production: neither tests nor what only tests use. */
function productSources(folder: string): string[] {
  return sources(folder).filter((file) => isProduct(relative(file)));
}

/** The files of a package that `entry` leads to, each with what it imports. */
function reachableFrom(entry: string): Map<string, readonly string[]> {
  const reached = new Map<string, readonly string[]>();
  const waiting = [entry];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file) || !file.endsWith(".ts")) continue;
    const specifiers = importsOf(file);
    reached.set(file, specifiers);
    for (const specifier of specifiers) {
      if (specifier.startsWith(".")) waiting.push(path.resolve(path.dirname(file), specifier));
    }
  }
  return reached;
}

function importsOf(file: string): string[] {
  return [...readFileSync(file, "utf8").matchAll(importPattern)].map((match) => (match[1] ?? match[2])!);
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:])\/\/.*$/gm, "$1");
}

function inside(file: string, specifier: string, folder: string): boolean {
  return path.resolve(path.dirname(file), specifier).startsWith(folder + path.sep);
}

function relative(file: string): string {
  return path.relative(ROOT, file);
}
