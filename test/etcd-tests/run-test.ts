/** Runs one of etcd's own tests in a process and, where that is allowed, a network of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { finished } from "node:stream/promises";
import { enclosure } from "./enclosure.ts";
import { ProcessorWaits } from "./processor-waits.ts";

/** Go's test program ends itself then, and says where it was. */
const LIMIT_MS = 600_000;
const GRACE_MS = 10_000;
const SHOWN_OF_LOG = 3_000;

export interface EtcdTestRun {
  /** A Go test program. */
  readonly program: string;
  readonly name: string;
  readonly certDir: string;
  /** The folder of the programs that are tested. */
  readonly binDir: string;
  /**
   * Where it runs; made here, and moved into `dir` if the test fails. Sockets lie in it, so that its path is short.
   */
  readonly workDir: string;
  /** Made here: `log` and, as `data`, what the members wrote. Removed unless the test failed. */
  readonly dir: string;
}

export interface EtcdTestResult {
  readonly kind: "passed" | "failed" | "skipped";
  readonly seconds: number;
  /** The part of this time in which something on the machine waited for a processor; undefined: not known. */
  readonly busy: number | undefined;
  /** What was wrong, or why it was skipped. */
  readonly why: string;
  /** There if it has failed. */
  readonly logFile: string;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) stop(child);
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

export async function runEtcdTest(run: EtcdTestRun): Promise<EtcdTestResult> {
  const startedAt = performance.now();
  const waits = new ProcessorWaits();
  mkdirSync(run.dir, { recursive: true });
  mkdirSync(run.workDir);
  const logFile = path.join(run.dir, "log");
  const status = await runProgram(run, logFile);
  const busy = waits.share();
  const judged = judge(run.name, readFileSync(logFile, "utf8"), status);
  if (judged.kind === "failed") renameSync(run.workDir, path.join(run.dir, "data"));
  else for (const dir of [run.workDir, run.dir]) rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  return { ...judged, logFile, busy, seconds: (performance.now() - startedAt) / 1_000 };
}

async function runProgram(run: EtcdTestRun, logFile: string): Promise<number | undefined> {
  const [program, ...args] = [
    ...enclosure(),
    run.program,
    "-test.v",
    `-test.run=^${run.name}$`,
    `-test.timeout=${LIMIT_MS}ms`,
    `-bin-dir=${run.binDir}`,
    `-cert-dir=${run.certDir}`,
  ];
  const child = spawn(program!, args, {
    cwd: run.workDir,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    // The members' own words go into the log.
    env: { ...process.env, TMPDIR: run.workDir, EXPECT_DEBUG: "true" },
  });
  running.add(child);
  const log = createWriteStream(logFile);
  child.stdout.on("data", (chunk) => log.write(chunk));
  child.stderr.on("data", (chunk) => log.write(chunk));
  const timer = setTimeout(() => stop(child), LIMIT_MS + GRACE_MS);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? undefined));
  });
  clearTimeout(timer);
  running.delete(child);
  await finished(log.end());
  return status;
}

/** Ends the test and, with its namespace, the members that it has started. */
function stop(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, "SIGKILL");
}

/** Says what became of the test `name`, of what it has printed and its exit status (undefined: it was stopped). */
export function judge(
  name: string,
  output: string,
  status: number | undefined,
): { kind: EtcdTestResult["kind"]; why: string } {
  if (status === undefined) return { kind: "failed", why: "it did not end in time" };
  const ended = status === 0 || (status === 1 && hasOnlyLeaked(output));
  if (!ended) return { kind: "failed", why: reasonsIn(output) };
  if (new RegExp(`^--- PASS: ${name} `, "m").test(output)) return { kind: "passed", why: "" };
  if (new RegExp(`^--- SKIP: ${name} `, "m").test(output)) return { kind: "skipped", why: reasonsIn(output) };
  return { kind: "failed", why: "the program has no such test" };
}

/**
 * Whether all that is wrong is that parts of the test program still run. Behind all tests that is looked at, for which some
 * do not wait for the end of servers that they stop; behind a single one it is a matter of luck, with etcd as well.
 */
function hasOnlyLeaked(output: string): boolean {
  return /^PASS\n/m.test(output) && /^Unexpected goroutines running after all test\(s\)\.$/m.test(output);
}

/** What a Go test says, in its own lines `file_test.go:12: ...`, or else the end of everything. */
function reasonsIn(output: string): string {
  const lines = output.split("\n");
  const said = lines.filter(
    (line) => /^\s+\w+(?:_test)?\.go:\d+: /.test(line) && !/ (?:logger|testing)\.go:/.test(line),
  );
  const required = [...output.matchAll(/^\s+Error:\s+(.*(?:\n\s{20,}\S.*)*)/gm)].map((match) =>
    match[1]!.replace(/\s+/g, " "),
  );
  const found = [...said.map((line) => line.trim()), ...required].filter((line) => line !== "");
  return (found.length > 0 ? found.join("\n") : output.trimEnd()).slice(-SHOWN_OF_LOG);
}
