/**
 * etcd's own tests of releases and programs from outside, with our server in etcd's place. Arguments behind `--`:
 *
 * - `--all`: every test; by default as many, in an order of the seed's, as fit into `--seconds N` (150)
 * - `--only PATTERN,PATTERN`: names of tests, `*` stands for anything; also those that are left out
 * - `--seed N`: the order
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { parseArgs } from "node:util";
import { ETCD_VERSION, type Found, OLD_ETCD_VERSION, realEtcd } from "../../scripts/real-etcd.ts";
import { freshSeed, Random } from "../support/random.ts";
import { repositoryRoot, target } from "../support/target.ts";
import { enclosure } from "./enclosure.ts";
import { matchesPattern, readTables } from "./left-out.ts";
import {
  cached,
  copyModule,
  go,
  layOutPrograms,
  type OtherPrograms,
  TESTS_MODULE,
  writeModule,
} from "./modules.ts";
import { runEtcdTest } from "./run-test.ts";

const LEFT_OUT_FILE = path.join(repositoryRoot, "docs/foreign-suites.md");

/** Folders of etcd's tests module: `common` has the same tests for all kinds of clusters. */
export type EtcdTestFolder = "common";

interface EtcdTestPrograms extends OtherPrograms {
  readonly program: string;
  readonly certDir: string;
  readonly etcd: string;
}

/** Registers the tests of one folder with node:test: one for each of etcd's. */
export function testAsEtcd(folder: EtcdTestFolder): void {
  const { values } = parseArgs({
    args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
    options: {
      all: { type: "boolean", default: false },
      seconds: { type: "string", default: "150" },
      only: { type: "string" },
      seed: { type: "string" },
    },
  });
  const seed = values.seed === undefined ? freshSeed() : Number(values.seed);
  const limitMs =
    values.all || values.only !== undefined ? Number.POSITIVE_INFINITY : Number(values.seconds) * 1_000;
  test(`etcd's own tests, ${folder} (seed ${seed})`, async (t) => {
    if (process.platform !== "linux") return t.skip("needs signals and terminals as Linux has them");
    const programs = etcdTestPrograms(folder, (line) => t.diagnostic(line));
    if ("missing" in programs) return t.skip(programs.missing);
    const names = new Random(seed).shuffled(wantedTests(folder, programs.found, values.only?.split(",")));
    await runAll(t, names, programs.found, limitMs);
  });
}

/** Finds the programs, building what is not in the cache. */
function etcdTestPrograms(folder: EtcdTestFolder, log: (line: string) => void): Found<EtcdTestPrograms> {
  const present = realEtcd(log);
  if ("missing" in present) return present;
  const old = realEtcd(log, OLD_ETCD_VERSION);
  try {
    const built = cached(`etcd-${folder}-${ETCD_VERSION}`, log, (dir) => build(dir, folder));
    return {
      found: {
        program: path.join(built, `${folder}.test`),
        certDir: path.join(built, "fixtures"),
        etcd: present.found.etcd,
        etcdctl: present.found.etcdctl,
        etcdutl: present.found.etcdutl,
        oldEtcd: "missing" in old ? undefined : old.found.etcd,
      },
    };
  } catch (error) {
    const { message, stderr = "" } = error as Error & { stderr?: string };
    return { missing: `etcd's ${folder} tests cannot be built: ${message}\n${stderr.slice(-2000)}` };
  }
}

function build(dir: string, folder: EtcdTestFolder): void {
  const copy = path.join(dir, "tests");
  copyModule(dir, TESTS_MODULE, ETCD_VERSION, copy);
  writeModule(dir, [[TESTS_MODULE, `v${ETCD_VERSION}`]], [TESTS_MODULE, "tests"]);
  go(dir, ["test", "-c", "-trimpath", "-tags", "e2e", "-o", `${folder}.test`, `${TESTS_MODULE}/${folder}`]);
  renameSync(path.join(copy, "fixtures"), path.join(dir, "fixtures"));
  rmSync(copy, { recursive: true });
}

/** All tests but those that are left out, or those that are asked for. */
function wantedTests(
  folder: EtcdTestFolder,
  { program, certDir }: EtcdTestPrograms,
  only: readonly string[] | undefined,
): string[] {
  const listed = execFileSync(program, ["-test.list", "."], { cwd: path.dirname(certDir), encoding: "utf8" });
  const all = listed.split("\n").filter((line) => line.startsWith("Test"));
  if (only !== undefined) {
    const wanted = all.filter((name) => only.some((pattern) => matchesPattern(name, pattern)));
    assert.ok(wanted.length > 0, `no test is called ${only.join(" or ")}; there are ${all.join(", ")}`);
    return wanted;
  }
  if (target().name === "etcd") return all;
  const document = readFileSync(LEFT_OUT_FILE, "utf8");
  const leftOut = readTables(document, [folder, "why"]).map((row) => row[folder]);
  for (const pattern of leftOut) {
    assert.ok(
      all.some((name) => matchesPattern(name, pattern)),
      `${LEFT_OUT_FILE} leaves out ${pattern}: there is none`,
    );
  }
  return all.filter((name) => !leftOut.some((pattern) => matchesPattern(name, pattern)));
}

async function runAll(
  t: TestContext,
  names: readonly string[],
  programs: EtcdTestPrograms,
  limitMs: number,
): Promise<void> {
  const { name: targetName, command } = target();
  const dir = mkdtempSync(path.join(tmpdir(), "quorate-etcd-tests-"));
  const binDir = path.join(dir, "bin");
  layOutPrograms(binDir, targetName === "etcd" ? [programs.etcd] : command, programs);
  t.diagnostic(`logs of tests that fail are kept in ${dir}`);
  if (enclosure().length === 0) {
    t.diagnostic(
      "no network of its own (unshare is missing or not allowed): nothing else may use ports 20000 to 20100",
    );
  }
  const startedAt = performance.now();
  let ran = 0;
  let failed = 0;
  for (const name of names) {
    if (performance.now() - startedAt > limitMs) break;
    ran++;
    await t.test(name, async (t) => {
      const { program, certDir } = programs;
      const { kind, seconds, why } = await runEtcdTest({
        program,
        name,
        certDir,
        binDir,
        dir: path.join(dir, name),
      });
      t.diagnostic(`${name}: ${seconds.toFixed(1)} s`);
      if (kind === "skipped") return t.skip(`etcd skips it: ${why}`);
      if (kind === "failed") failed++;
      assert.equal(kind, "passed", `${why}\nlog: ${path.join(dir, name, "log")}`);
    });
  }
  rmSync(binDir, { recursive: true });
  if (failed === 0) rmdirSync(dir);
  t.diagnostic(`${ran} of ${names.length} tests, ${failed} failed`);
}
