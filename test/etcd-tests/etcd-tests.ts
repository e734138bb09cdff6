/**
 * etcd's own tests of releases and programs from outside, with our server in etcd's place. Arguments behind `--`:
 *
 * - `--all`: every test; by default those that can be begun, in an order of the seed's, within `--seconds N` (120), without
 *   those that take minutes
 * - `--only PATTERN,PATTERN`: names of tests, `*` stands for anything; also those that are left out
 * - `--seed N`: the order
 * - `--proxy`: clients of every cluster go through `etcd grpc-proxy`, one beside each member
 * - `--tools ours`: with our `etcdctl` and `etcdutl` in the place of etcd's
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { parseArgs } from "node:util";
import { ETCD_VERSION, type Found, OLD_ETCD_VERSION, realEtcd } from "@quorate/testkit/etcd";
import { SeededRandom } from "@quorate/testkit/random";
import { freshSeed, testWithSeed } from "@quorate/testkit/seed";
import { repositoryRoot, target } from "@quorate/testkit/target";
import { enclosure } from "./enclosure.ts";
import { etcdWithFailpoints } from "./etcd-with-failpoints.ts";
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
import { type EtcdTestResult, runEtcdTest } from "./run-test.ts";

const LEFT_OUT_FILE = path.join(repositoryRoot, "docs/foreign-suites.md");

const OUR_TOOLS = {
  etcdctl: path.join(repositoryRoot, "bin/etcdctl"),
  etcdutl: path.join(repositoryRoot, "bin/etcdutl"),
};

/** Folders of etcd's tests module: `common` has the same tests for all kinds of clusters, `e2e` all others. */
export type EtcdTestFolder = "common" | "e2e";

interface EtcdTestPrograms extends OtherPrograms {
  readonly program: string;
  readonly certDir: string;
  readonly etcd: string;
}

/** What a suite does unless its arguments say otherwise. */
interface Suite {
  /** Whose etcdctl and etcdutl are run. */
  readonly tools?: "etcd" | "ours";
  /** Patterns of the tests that it is about. */
  readonly about?: readonly string[];
}

/** Registers the tests of one folder with node:test: one for each of etcd's. */
export function testAsEtcd(
  folder: EtcdTestFolder,
  { tools: usualTools = "etcd", about = ["*"] }: Suite = {},
): void {
  const { values } = parseArgs({
    args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
    options: {
      all: { type: "boolean", default: false },
      seconds: { type: "string", default: "120" },
      only: { type: "string" },
      proxy: { type: "boolean", default: false },
      seed: { type: "string" },
      tools: { type: "string", default: usualTools },
    },
  });
  assert.ok(
    values.tools === "etcd" || values.tools === "ours",
    `--tools is etcd or ours, not ${values.tools}`,
  );
  const tools = values.tools === "ours" ? OUR_TOOLS : {};
  const seed = values.seed === undefined ? freshSeed() : Number(values.seed);
  const wanted: Wanted =
    values.only !== undefined ? { patterns: values.only.split(",") } : values.all ? "all" : "part";
  const limitMs = wanted === "part" ? Number(values.seconds) * 1_000 : Number.POSITIVE_INFINITY;
  testWithSeed(
    `etcd's own tests, ${folder}, with tools of ${values.tools} (seed ${seed})`,
    { seed },
    async (_, t) => {
      if (process.platform !== "linux") return t.skip("needs signals and terminals as Linux has them");
      const programs = etcdTestPrograms(folder, values.proxy, (line) => t.diagnostic(line));
      if ("missing" in programs) return t.skip(programs.missing);
      const possible = wantedTests(folder, values.proxy, programs.found, wanted);
      const ofSuite = possible.filter((name) => typeof wanted === "object" || isOneOf(name, about));
      const names = new SeededRandom(seed).shuffled(ofSuite);
      await runAll(t, names, { ...programs.found, ...tools }, limitMs);
    },
  );
}

/** Finds the programs, building what is not in the cache. */
function etcdTestPrograms(
  folder: EtcdTestFolder,
  throughProxies: boolean,
  log: (line: string) => void,
): Found<EtcdTestPrograms> {
  const present = realEtcd(log);
  if ("missing" in present) return present;
  const old = realEtcd(log, OLD_ETCD_VERSION);
  try {
    const tags = throughProxies ? ["e2e", "cluster_proxy"] : ["e2e"];
    const name = `etcd-${folder}${throughProxies ? "-proxy" : ""}-${ETCD_VERSION}`;
    const built = cached(name, log, (dir) => build(dir, folder, tags));
    return {
      found: {
        program: path.join(built, `${folder}.test`),
        certDir: path.join(built, "fixtures"),
        // Tests that need failpoints are skipped without.
        etcd: target().name === "etcd" ? etcdWithFailpoints(ETCD_VERSION, log) : present.found.etcd,
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

function build(dir: string, folder: EtcdTestFolder, tags: readonly string[]): void {
  const copy = path.join(dir, "tests");
  copyModule(dir, TESTS_MODULE, ETCD_VERSION, copy);
  writeModule(dir, [[TESTS_MODULE, `v${ETCD_VERSION}`]], [TESTS_MODULE, "tests"]);
  const program = ["-o", `${folder}.test`, `${TESTS_MODULE}/${folder}`];
  go(dir, ["test", "-c", "-trimpath", "-tags", tags.join(","), ...program]);
  renameSync(path.join(copy, "fixtures"), path.join(dir, "fixtures"));
  rmSync(copy, { recursive: true });
}

/** Which tests are run: `part` is what is not asked for otherwise. */
type Wanted = "part" | "all" | { readonly patterns: readonly string[] };

/** All tests but those that are left out, or those that are asked for. A part has none that take minutes. */
function wantedTests(
  folder: EtcdTestFolder,
  throughProxies: boolean,
  { program, certDir }: EtcdTestPrograms,
  wanted: Wanted,
): string[] {
  const listed = execFileSync(program, ["-test.list", "."], { cwd: path.dirname(certDir), encoding: "utf8" });
  const all = listed.split("\n").filter((line) => line.startsWith("Test"));
  if (typeof wanted === "object") {
    const found = all.filter((name) => isOneOf(name, wanted.patterns));
    assert.ok(
      found.length > 0,
      `no test is called ${wanted.patterns.join(" or ")}; there are ${all.join(", ")}`,
    );
    return found;
  }
  const document = readFileSync(LEFT_OUT_FILE, "utf8");
  const leftOut = readTables(document, [folder, "why"]).map((row) => row[folder]);
  const column = `${folder}-through-proxies`;
  if (throughProxies) leftOut.push(...readTables(document, [column, "why"]).map((row) => row[column]!));
  const long = readTables(document, ["suite", "test", "minutes"]).filter(
    ({ suite }) => suite === `etcd-${folder}`,
  );
  const passedOver = [
    ...(target().name === "etcd" ? [] : leftOut),
    ...(wanted === "all" ? [] : long.map((row) => row.test)),
  ];
  for (const pattern of passedOver) {
    // Tests that make no sense with a proxy are not built then.
    if (throughProxies) break;
    assert.ok(
      all.some((name) => matchesPattern(name, pattern)),
      `${LEFT_OUT_FILE} names ${pattern}: there is none`,
    );
  }
  return all.filter((name) => !isOneOf(name, passedOver));
}

function isOneOf(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matchesPattern(name, pattern));
}

async function runAll(
  t: TestContext,
  names: readonly string[],
  programs: EtcdTestPrograms,
  limitMs: number,
): Promise<void> {
  const { program, certDir } = programs;
  const { name: targetName, command } = target();
  const dir = mkdtempSync(path.join(tmpdir(), "quorate-etcd-tests-"));
  const binDir = path.join(dir, "bin");
  const workDir = layOutSurroundings(dir, certDir);
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
      const { kind, why, logFile } = await runTwiceIfNeeded(t, (again) =>
        runEtcdTest({
          program,
          name,
          certDir,
          binDir,
          workDir,
          dir: path.join(dir, again ? `${name}-again` : name),
        }),
      );
      if (kind === "skipped") return t.skip(`etcd skips it: ${why}`);
      if (kind === "failed") failed++;
      assert.equal(kind, "passed", `${why}\nlog: ${logFile}`);
    });
  }
  for (const each of [binDir, ...SURROUNDINGS]) rmSync(path.resolve(dir, each), { recursive: true });
  if (readdirSync(dir).length === 0) rmdirSync(dir);
  t.diagnostic(`${ran} of ${names.length} tests, ${failed} failed`);
}

const SURROUNDINGS = ["w", "etcd.conf.yml.sample"];

/** What some tests look for around their working directory, whatever they are told. Returns that directory's path. */
function layOutSurroundings(dir: string, certDir: string): string {
  mkdirSync(path.join(dir, "w"));
  symlinkSync(certDir, path.join(dir, "w/fixtures"));
  // Beside etcd's sources, and in none of its modules, there is a file with all settings as they are by default.
  writeFileSync(path.join(dir, "etcd.conf.yml.sample"), CONFIG_FILE);
  return path.join(dir, "w/d");
}

const CONFIG_FILE = `name: default
data-dir:
wal-dir:
snapshot-count: 10000
heartbeat-interval: 100
election-timeout: 1000
quota-backend-bytes: 0
listen-peer-urls: http://localhost:2380
listen-client-urls: http://localhost:2379
initial-advertise-peer-urls: http://localhost:2380
advertise-client-urls: http://localhost:2379
initial-cluster: default=http://localhost:2380
initial-cluster-token: etcd-cluster
initial-cluster-state: new
strict-reconfig-check: true
client-transport-security:
  client-cert-auth: false
  auto-tls: false
peer-transport-security:
  client-cert-auth: false
  auto-tls: false
log-level: info
log-outputs: [stderr]
`;

/**
 * Runs a test a second time if it fails: some allow a server little time, and on a busy machine that is a matter of luck. What
 * was wrong the first time is shown, and its log kept.
 */
async function runTwiceIfNeeded(
  t: TestContext,
  run: (again: boolean) => Promise<EtcdTestResult>,
): Promise<EtcdTestResult> {
  const first = await run(false);
  t.diagnostic(`${t.name}: ${outcomeOf(first)}`);
  if (first.kind !== "failed") return first;
  t.diagnostic(`${t.name} is run again, since: ${first.why}\nlog: ${first.logFile}`);
  const second = await run(true);
  t.diagnostic(`${t.name}: ${outcomeOf(second)}, the second time`);
  return second;
}

function outcomeOf({ kind, seconds, busy }: EtcdTestResult): string {
  const took = `${kind} after ${seconds.toFixed(1)} s`;
  if (kind !== "failed" || busy === undefined) return took;
  return `${took}; processors were waited for in ${Math.round(busy * 100)} % of them`;
}
