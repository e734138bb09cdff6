/** Starts a small program through the real launcher, in checkouts that the tests may change. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
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
import { encodeBundle, isFresh } from "../src/bundle/bundle-file.ts";

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

/** Nobody's number on most machines. */
const ANOTHER_USER = 65_534;

class Checkout {
  readonly root = mkdtempSync(path.join(temporary, "checkout "));
  readonly bundles = path.join(this.root, "node_modules/.cache/quorate");
  readonly bundle = path.join(this.bundles, "member.mjs");

  constructor(options: { bundler: boolean } = { bundler: true }) {
    const cli = path.join(this.root, "packages/cli");
    mkdirSync(path.join(cli, "src/programs"), { recursive: true });
    mkdirSync(path.join(this.root, "node_modules"));
    cpSync(path.join(repository, "bin"), path.join(this.root, "bin"), { recursive: true });
    for (const file of ["package.json", "src/main.ts", "src/bundle", "src/programs/table.ts"]) {
      cpSync(path.join(repository, "packages/cli", file), path.join(cli, file), { recursive: true });
    }
    this.write("member.ts", PROGRAM);
    this.write("greeting.ts", 'export const greeting: string = "hello";\n');
    const runtime = path.resolve(process.execPath, "../..");
    this.#link(path.basename(runtime), runtime);
    if (options.bundler) {
      this.#link("rolldown", path.resolve(fileURLToPath(import.meta.resolve("rolldown")), "../.."));
    }
  }

  /** What its bundle is made of begins here. */
  get entry(): string {
    return path.join(this.root, "packages/cli/src/programs/member.ts");
  }

  /** A file of the program. */
  write(name: string, content: string): void {
    writeFileSync(path.join(this.root, "packages/cli/src/programs", name), content);
  }

  /** As npm does: the package, and the list of all that are installed. */
  install(name: string, version: string, code: string): void {
    const folder = path.join(this.root, "node_modules", name);
    mkdirSync(folder, { recursive: true });
    const manifest = { name, version, type: "module", exports: "./index.js" };
    writeFileSync(path.join(folder, "package.json"), JSON.stringify(manifest));
    writeFileSync(path.join(folder, "index.js"), code);
    this.#listInstalled();
  }

  uninstall(name: string): void {
    rmSync(path.join(this.root, "node_modules", name), { recursive: true });
    this.#listInstalled();
  }

  /** As the user `uid` where it is given. */
  async start(env: Record<string, string> = {}, args: readonly string[] = ["--flag", "value"], uid?: number) {
    const child = spawn(path.join(this.root, "bin/etcd"), args, {
      cwd: "/",
      env: { PATH: process.env.PATH, ...env },
      ...(uid !== undefined && { uid, gid: uid }),
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
  async startedFrom(env: Record<string, string> = {}, greeting = "hello", uid?: number): Promise<string> {
    const { status, stdout, stderr } = await this.start(env, undefined, uid);
    assert.deepEqual([status, stderr], [0, ""]);
    const { code, title, ...said } = JSON.parse(stdout) as { code: string; title: string };
    const sources = path.join(this.root, "packages/cli/src");
    const folder = path.join(sources, "programs");
    const file = path.join(folder, "member.ts");
    assert.deepEqual(said, {
      greeting,
      args: ["etcd", "--flag", "value"],
      script: path.join(sources, "main.ts"),
      source: [pathToFileURL(file).href, folder, file],
    });
    assert.match(title, /node$/);
    return code;
  }

  #listInstalled(): void {
    const names = readdirSync(path.join(this.root, "node_modules"));
    writeFileSync(path.join(this.root, "node_modules/.package-lock.json"), JSON.stringify({ names }));
  }

  #link(name: string, target: string): void {
    symlinkSync(target, path.join(this.root, "node_modules", name));
  }
}

test("the first start makes a bundle, and the next ones use it", async () => {
  const checkout = new Checkout();
  assert.equal(await checkout.startedFrom(), "member.mjs");
  const made = statSync(checkout.bundle).mtimeMs;
  assert.equal(await checkout.startedFrom(), "member.mjs");
  assert.equal(statSync(checkout.bundle).mtimeMs, made);
});

test("a start that is killed leaves the compiled code of the bundle", async () => {
  const checkout = new Checkout();
  // By another process: to one that kills itself the runtime gives the time to write.
  checkout.write(
    "about.ts",
    `import { execFileSync } from "node:child_process";
     export const run = async () => void execFileSync("kill", ["-KILL", String(process.pid)]);\n`,
  );
  assert.equal((await checkout.start({}, ["--version"])).status, null);
  const { stdout, stderr } = await checkout.start({ NODE_DEBUG_NATIVE: "COMPILE_CACHE" }, ["--version"]);
  assert.match(stdout + stderr, /about\.mjs was accepted/);
});

test("a start after a change runs what is there now", async () => {
  const checkout = new Checkout();
  await checkout.startedFrom();
  checkout.write("greeting.ts", 'export const greeting: string = "changed";\n');
  assert.equal(await checkout.startedFrom({}, "changed"), "member.mjs");
});

test("a bundle outlives the packages that it is not made of, and the bundler", async () => {
  const checkout = new Checkout();
  checkout.install("for-tests", "1.0.0", "");
  await checkout.startedFrom();
  const made = statSync(checkout.bundle).mtimeMs;
  checkout.uninstall("for-tests");
  checkout.uninstall("rolldown");
  assert.equal(await checkout.startedFrom(), "member.mjs");
  assert.equal(statSync(checkout.bundle).mtimeMs, made);
});

test("another version of a package that a bundle is made of makes it stale", async () => {
  const checkout = new Checkout();
  checkout.write("greeting.ts", 'export { greeting } from "@of/greetings";\n');
  checkout.install("@of/greetings", "1.0.0", 'export const greeting = "hello";\n');
  assert.equal(await checkout.startedFrom(), "member.mjs");
  checkout.install("@of/greetings", "1.0.10", 'export const greeting = "good day";\n');
  assert.equal(await checkout.startedFrom({}, "good day"), "member.mjs");
});

test("whoever may only read the checkout starts from its bundle", { skip: !mayBeAnother() }, async () => {
  const checkout = new Checkout();
  await checkout.startedFrom();
  checkout.uninstall("rolldown");
  chmodSync(temporary, 0o755);
  chmodSync(checkout.root, 0o755);
  const made = statSync(checkout.bundle).mtimeMs;
  assert.equal(await checkout.startedFrom({}, "hello", ANOTHER_USER), "member.mjs");
  assert.equal(statSync(checkout.bundle).mtimeMs, made);
});

test("QUORATE_BUNDLE=off starts from the sources, and makes no bundle", async () => {
  const checkout = new Checkout();
  assert.equal(await checkout.startedFrom({ QUORATE_BUNDLE: "off" }), "member.ts");
  assert.throws(() => statSync(checkout.bundle), { code: "ENOENT" });
});

test("without the bundler it starts from the sources", async () => {
  assert.equal(await new Checkout({ bundler: false }).startedFrom(), "member.ts");
});

test("without a place for the bundle it starts from the sources", async () => {
  const checkout = new Checkout();
  writeFileSync(path.join(checkout.root, "node_modules/.cache"), "a file where a folder should be");
  assert.equal(await checkout.startedFrom(), "member.ts");
});

test("when the bundle cannot be replaced it starts from the sources", async () => {
  const checkout = new Checkout();
  mkdirSync(checkout.bundle, { recursive: true });
  assert.equal(await checkout.startedFrom(), "member.ts");
  assert.deepEqual(bundlesIn(checkout), ["member.mjs"]);
});

test("a bundle that was cut short is not run but made again", async () => {
  const checkout = new Checkout();
  await checkout.startedFrom();
  const whole = readFileSync(checkout.bundle);
  // Behind the last statement, so that it could be run.
  writeFileSync(checkout.bundle, whole.subarray(0, whole.length - 1));
  assert.equal(await checkout.startedFrom(), "member.mjs");
  assert.deepEqual(readFileSync(checkout.bundle), whole);
});

for (const { inputs, cut, fresh } of [
  { inputs: 0, cut: 0, fresh: true },
  { inputs: 10_000, cut: 0, fresh: true },
  { inputs: 10_000, cut: 1, fresh: false },
  { inputs: 10_000, cut: 100_000, fresh: false },
]) {
  test(`a bundle of ${inputs} files is ${fresh ? "fresh" : "not"} when its last ${cut} bytes are missing`, () => {
    const checkout = new Checkout();
    const absent = Array.from({ length: inputs }, (_, i) => [`${checkout.root}/absent-${i}`, -1, 0] as const);
    const content = encodeBundle(checkout.root, checkout.entry, absent, "export {};\n");
    const file = path.join(checkout.root, "bundle.mjs");
    writeFileSync(file, content.subarray(0, content.length - cut));
    assert.equal(isFresh(file, checkout.root, checkout.entry), fresh);
  });
}

test("characters beyond ASCII are the same in a bundle, which is one byte a character", async () => {
  const checkout = new Checkout();
  const greeting = "µ \u{1f600} … ";
  checkout.write(
    "greeting.ts",
    `const µ = { é: "${greeting}" };\nexport const greeting: string = \`\${µ.é}\`;\n`,
  );
  assert.equal(await checkout.startedFrom({}, greeting), "member.mjs");
  assert.ok(readFileSync(checkout.bundle).every((byte) => byte < 128));
});

test("a bundle that cannot be loaded is no harm", async () => {
  const checkout = new Checkout();
  await checkout.startedFrom();
  writeFileSync(
    checkout.bundle,
    encodeBundle(checkout.root, checkout.entry, [], 'import "no-such-package";\n'),
  );
  assert.equal(await checkout.startedFrom(), "member.ts");
});

test("a mistake in the sources is told as the sources' own, and its correction starts", async () => {
  const checkout = new Checkout();
  await checkout.startedFrom();
  checkout.write("greeting.ts", "export const greeting: = 1;\n");
  const { status, stderr } = await checkout.start();
  assert.equal(status, 1);
  assert.match(stderr, /src\/programs\/greeting\.ts[\s\S]*SyntaxError/);
  assert.doesNotMatch(stderr, /rolldown|member\.mjs/);
  checkout.write("greeting.ts", 'export const greeting: string = "right";\n');
  assert.equal(await checkout.startedFrom({}, "right"), "member.mjs");
});

test("several first starts at the same time do not disturb each other", async () => {
  const checkout = new Checkout();
  const all = await Promise.all([1, 2, 3, 4].map(() => checkout.startedFrom()));
  assert.deepEqual(all, ["member.mjs", "member.mjs", "member.mjs", "member.mjs"]);
  assert.deepEqual(bundlesIn(checkout), ["member.mjs"]);
});

test("a program is started from its own bundle, and makes no other one", async () => {
  const checkout = new Checkout();
  checkout.write("about.ts", 'export const run = async () => void process.stdout.write("about");\n');
  const { status, stdout } = await checkout.start({}, ["--version"]);
  assert.deepEqual([status, stdout, bundlesIn(checkout)], [0, "about", ["about.mjs"]]);
  assert.equal(await checkout.startedFrom(), "member.mjs");
  assert.deepEqual(bundlesIn(checkout), ["about.mjs", "member.mjs"]);
});

test("a bundle of another program by the same name is made again", async () => {
  const checkout = new Checkout();
  await checkout.startedFrom();
  const other = path.join(checkout.root, "packages/cli/src/programs/about.ts");
  writeFileSync(checkout.bundle, encodeBundle(checkout.root, other, [], "export const run = () => {};\n"));
  assert.equal(await checkout.startedFrom(), "member.mjs");
});

/** Whether tests may start processes of another user, and that one may run the runtime. */
function mayBeAnother(): boolean {
  if (process.getuid?.() !== 0) return false;
  return spawnSync(process.execPath, ["-v"], { uid: ANOTHER_USER, gid: ANOTHER_USER, cwd: "/" }).status === 0;
}

/** The bundles, and any temporary file that was left behind. */
function bundlesIn(checkout: Checkout): string[] {
  return readdirSync(checkout.bundles).filter((name) => name.includes(".mjs"));
}
