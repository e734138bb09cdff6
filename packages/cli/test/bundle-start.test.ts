/** Starts a small program through the real launcher, in checkouts that the tests may change. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { encodeBundle } from "../src/bundle/bundle-file.ts";

const repository = path.resolve(import.meta.dirname, "../../..");
const temporary = realpathSync(mkdtempSync(path.join(tmpdir(), "quorate-bundle-start-")));
after(() => rmSync(temporary, { recursive: true, force: true }));

/** What it was started with, and which file its code came from. */
const PROGRAM = `
import { greeting } from "./greeting.ts";
export async function run(args: readonly string[]): Promise<void> {
  const { argv, title } = process;
  const code = /([^/]+):\\d+:\\d+/.exec(new Error().stack!)![1];
  const source = [import.meta.url, import.meta.dirname, import.meta.filename];
  process.stdout.write(JSON.stringify({ greeting, args, script: argv[1], title, code, source }));
}
`;

class Checkout {
  readonly root = mkdtempSync(path.join(temporary, "checkout "));
  readonly bundle = path.join(this.root, "node_modules/.cache/quorate/bundle.mjs");

  constructor(options: { bundler: boolean } = { bundler: true }) {
    const cli = path.join(this.root, "packages/cli");
    mkdirSync(path.join(cli, "src"), { recursive: true });
    mkdirSync(path.join(this.root, "node_modules"));
    cpSync(path.join(repository, "bin"), path.join(this.root, "bin"), { recursive: true });
    for (const file of ["package.json", "src/main.ts", "src/bundle"]) {
      cpSync(path.join(repository, "packages/cli", file), path.join(cli, file), { recursive: true });
    }
    this.write("run.ts", PROGRAM);
    this.write("greeting.ts", 'export const greeting: string = "hello";\n');
    const runtime = path.resolve(process.execPath, "../..");
    this.#link(path.basename(runtime), runtime);
    if (options.bundler) {
      this.#link("rolldown", path.resolve(fileURLToPath(import.meta.resolve("rolldown")), "../.."));
    }
  }

  /** A file of the program. */
  write(name: string, content: string): void {
    writeFileSync(path.join(this.root, "packages/cli/src", name), content);
  }

  async start(env: Record<string, string> = {}) {
    const child = spawn(path.join(this.root, "bin/etcd"), ["--flag", "value"], {
      cwd: "/",
      env: { PATH: process.env.PATH, ...env },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { status, stdout, stderr };
  }

  /** Starts it, checks that it says nothing else than it should, and returns which file its code came from. */
  async startedFrom(env: Record<string, string> = {}, greeting = "hello"): Promise<string> {
    const { status, stdout, stderr } = await this.start(env);
    assert.deepEqual([status, stderr], [0, ""]);
    const { code, title, ...said } = JSON.parse(stdout) as { code: string; title: string };
    const sources = path.join(this.root, "packages/cli/src");
    const file = path.join(sources, "run.ts");
    assert.deepEqual(said, {
      greeting,
      args: ["etcd", "--flag", "value"],
      script: path.join(sources, "main.ts"),
      source: [pathToFileURL(file).href, sources, file],
    });
    assert.match(title, /node$/);
    return code;
  }

  #link(name: string, target: string): void {
    symlinkSync(target, path.join(this.root, "node_modules", name));
  }
}

test("the first start makes a bundle, and the next ones use it", async () => {
  const checkout = new Checkout();
  assert.equal(await checkout.startedFrom(), "bundle.mjs");
  const made = statSync(checkout.bundle).mtimeMs;
  assert.equal(await checkout.startedFrom(), "bundle.mjs");
  assert.equal(statSync(checkout.bundle).mtimeMs, made);
});

test("a start after a change runs what is there now", async () => {
  const checkout = new Checkout();
  await checkout.startedFrom();
  checkout.write("greeting.ts", 'export const greeting: string = "changed";\n');
  assert.equal(await checkout.startedFrom({}, "changed"), "bundle.mjs");
});

test("QUORATE_BUNDLE=off starts from the sources, and makes no bundle", async () => {
  const checkout = new Checkout();
  assert.equal(await checkout.startedFrom({ QUORATE_BUNDLE: "off" }), "run.ts");
  assert.throws(() => statSync(checkout.bundle), { code: "ENOENT" });
});

test("without the bundler it starts from the sources", async () => {
  assert.equal(await new Checkout({ bundler: false }).startedFrom(), "run.ts");
});

test("without a place for the bundle it starts from the sources", async () => {
  const checkout = new Checkout();
  writeFileSync(path.join(checkout.root, "node_modules/.cache"), "a file where a folder should be");
  assert.equal(await checkout.startedFrom(), "run.ts");
});

test("when the bundle cannot be replaced it starts from the sources", async () => {
  const checkout = new Checkout();
  mkdirSync(checkout.bundle, { recursive: true });
  assert.equal(await checkout.startedFrom(), "run.ts");
  assert.deepEqual(bundlesIn(checkout), ["bundle.mjs"]);
});

test("a damaged bundle is not run but made again", async () => {
  const checkout = new Checkout();
  await checkout.startedFrom();
  const whole = readFileSync(checkout.bundle);
  writeFileSync(checkout.bundle, whole.toString().replace("hello", "damag"));
  assert.equal(await checkout.startedFrom(), "bundle.mjs");
  assert.deepEqual(readFileSync(checkout.bundle), whole);
});

test("a bundle that cannot be loaded is no harm", async () => {
  const checkout = new Checkout();
  await checkout.startedFrom();
  writeFileSync(checkout.bundle, encodeBundle(checkout.root, [], 'import "no-such-package";\n'));
  assert.equal(await checkout.startedFrom(), "run.ts");
});

test("a mistake in the sources is told as the sources' own, and its correction starts", async () => {
  const checkout = new Checkout();
  await checkout.startedFrom();
  checkout.write("greeting.ts", "export const greeting: = 1;\n");
  const { status, stderr } = await checkout.start();
  assert.equal(status, 1);
  assert.match(stderr, /src\/greeting\.ts[\s\S]*SyntaxError/);
  assert.doesNotMatch(stderr, /rolldown|bundle\.mjs/);
  checkout.write("greeting.ts", 'export const greeting: string = "right";\n');
  assert.equal(await checkout.startedFrom({}, "right"), "bundle.mjs");
});

test("several first starts at the same time do not disturb each other", async () => {
  const checkout = new Checkout();
  const all = await Promise.all([1, 2, 3, 4].map(() => checkout.startedFrom()));
  assert.deepEqual(all, ["bundle.mjs", "bundle.mjs", "bundle.mjs", "bundle.mjs"]);
  assert.deepEqual(bundlesIn(checkout), ["bundle.mjs"]);
});

/** The bundle, and any temporary file that was left behind. */
function bundlesIn(checkout: Checkout): string[] {
  return readdirSync(path.dirname(checkout.bundle)).filter((name) => name.startsWith("bundle"));
}
