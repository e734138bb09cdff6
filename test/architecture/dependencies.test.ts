import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** What each package may import of ours: only what stands under it. */
const PACKAGES: Record<string, readonly string[]> = {
  wire: [],
  rpc: [],
  raft: [],
  server: ["wire", "rpc", "raft"],
  simulator: ["server", "raft", "wire"],
  cli: ["server", "wire", "rpc"],
  bench: ["server", "wire", "rpc", "raft"],
};

/** Folders of server/src that decide: they may touch time, chance, disk and network only through the seams. */
const DECIDING = ["consensus", "apply", "operations", "mvcc", "watch", "lease", "alarm", "cluster"];

const FORBIDDEN_MODULES =
  /^node:(fs|net|tls|http|https|http2|dgram|dns|child_process|worker_threads|timers|perf_hooks|os)(\/|$)|^(lmdb|pino|prom-client)$/;
const FORBIDDEN_CALLS =
  /\b(Date\.now|new Date\(|performance\.now|Math\.random|setTimeout|setInterval|setImmediate|randomBytes|randomInt|randomUUID|process\.(env|hrtime))\b/;

/** Which folders of server/src a folder may import from; a folder that is not listed is free (the shell). */
const FOLDERS: Record<string, readonly string[]> = {
  seams: [],
  mvcc: ["seams", "failpoints"],
  lease: ["seams", "failpoints"],
  watch: ["seams", "failpoints"],
  alarm: ["seams"],
  cluster: ["seams"],
  bbolt: [],
  backend: ["seams", "failpoints", "bbolt"],
  wal: ["seams", "failpoints"],
  operations: ["seams", "mvcc", "lease", "alarm", "cluster"],
  consensus: ["seams", "failpoints", "wal", "operations", "cluster"],
  apply: ["seams", "operations", "consensus", "cluster"],
};

const importPattern = /(?:^|\n)\s*(?:import|export)\b[^;]*?\bfrom\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/g;

test("a package imports only the packages under it, and only through their exports", () => {
  const wrong: string[] = [];
  for (const [name, allowed] of Object.entries(PACKAGES)) {
    for (const file of sources(path.join(ROOT, "packages", name, "src"))) {
      for (const specifier of importsOf(file)) {
        const other = /^@quorate\/([^/]+)/.exec(specifier)?.[1];
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

test("raft imports nothing that is not its own", () => {
  const wrong = productSources(path.join(ROOT, "packages/raft/src")).flatMap((file) =>
    importsOf(file)
      .filter((specifier) => !specifier.startsWith("."))
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

test("folders of the server depend one way", () => {
  const base = path.join(ROOT, "packages/server/src");
  const wrong: string[] = [];
  for (const [folder, allowed] of Object.entries(FOLDERS)) {
    for (const file of productSources(path.join(base, folder))) {
      for (const specifier of importsOf(file).filter((text) => text.startsWith("."))) {
        const target = path.relative(base, path.resolve(path.dirname(file), specifier)).split(path.sep);
        if (target.length === 1 || target[0] === folder || allowed.includes(target[0]!)) continue;
        wrong.push(`${relative(file)}: ${specifier}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/** Sources that run in production: neither tests nor what only tests use. */
function productSources(folder: string): string[] {
  return sources(folder).filter((file) => !/\.test\.ts$|[/.]testing\.ts$|\/testing\//.test(file));
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
