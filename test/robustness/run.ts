/** Runs one scenario of the suite in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { finished } from "node:stream/promises";
import { enclosure } from "../etcd-tests/enclosure.ts";
import { type Ended, type Outcome, outcomeOf } from "./outcome.ts";
import type { RobustnessScenario } from "./scenarios.ts";

/** The longest failpoint may take two minutes, before and behind it are seconds. The suite itself ends then, and says where. */
const LIMIT_MS = 240_000;
const GRACE_MS = 10_000;
/** After it has reported a failure it ends soon, or its clients go round in circles and write a gigabyte of log. */
const AFTER_FAILURE_MS = 30_000;
const FAILURE = /^\s+main_test\.go:\d+: /m;
/** Go's test program prints at this line that it begins to search for an order of the operations. */
const CHECKER_BEGINS = "Validating linearizable operations";
const CHECKER_ENDS = /Linearization (?:success|timed out|illegal|deadline exceeded)/;

export interface RobustnessRun {
  readonly scenario: RobustnessScenario;
  readonly suite: string;
  readonly certDir: string;
  /** The folder of the programs that are tested. */
  readonly binDir: string;
  /** Made here: `log`, and with histories and data of the members `results` and, after a failure, `data`. Kept if it did not pass. */
  readonly dir: string;
  readonly seed: number;
  /** The one to draw; any by default. */
  readonly failpoint: string | undefined;
  readonly leftOut: readonly string[];
  /** How long the search for an order of the operations may take. */
  readonly checkerMs: number;
  readonly keep: boolean;
  /** With the suite's proxies as they are, see additions/failpoint/proxies.go. */
  readonly asReleased: boolean;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) stop(child);
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

export async function runScenario(run: RobustnessRun): Promise<Outcome & { readonly seconds: number }> {
  const startedAt = performance.now();
  const dataDir = path.join(run.dir, "data");
  mkdirSync(dataDir, { recursive: true });
  const logFile = path.join(run.dir, "log");
  const ended = await runSuite(run, dataDir, logFile);
  const outcome = outcomeOf(readFileSync(logFile, "utf8"), ended);
  // The suite copies it to its results, unless it was stopped.
  if (outcome.kind !== "failed") rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
  if (outcome.kind === "passed" && !run.keep) rmSync(run.dir, { recursive: true, force: true });
  return { ...outcome, seconds: (performance.now() - startedAt) / 1_000 };
}

async function runSuite(run: RobustnessRun, dataDir: string, logFile: string): Promise<Ended> {
  const [program, ...args] = [
    ...enclosure(),
    run.suite,
    "-test.v",
    `-test.run=${run.scenario.pattern}`,
    `-test.timeout=${LIMIT_MS}ms`,
    `-bin-dir=${run.binDir}`,
    `-cert-dir=${run.certDir}`,
  ];
  const child = spawn(program!, args, {
    cwd: run.dir,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      TMPDIR: dataDir,
      RESULTS_DIR: path.join(run.dir, "results"),
      // Shows what the members write.
      EXPECT_DEBUG: "true",
      GODEBUG: "randseednop=0",
      ROBUSTNESS_SEED: String(run.seed),
      ROBUSTNESS_LEFT_OUT: run.leftOut.join(","),
      ...(run.failpoint === undefined ? {} : { ROBUSTNESS_FAILPOINT: run.failpoint }),
      ...(run.asReleased ? { ROBUSTNESS_AS_RELEASED: "true" } : {}),
      ...(run.keep ? { PERSIST_RESULTS: "true" } : {}),
    },
  });
  running.add(child);
  const log = createWriteStream(logFile);
  let stopped: Ended["stopped"];
  const stopFor = (why: "time" | "checker") => (): void => {
    stopped ??= why;
    stop(child);
  };
  const timer = setTimeout(stopFor("time"), LIMIT_MS + GRACE_MS);
  let checkerTimer: NodeJS.Timeout | undefined;
  let failureTimer: NodeJS.Timeout | undefined;
  /** The end of what it has printed: a line may come in pieces. */
  let tail = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    log.write(chunk);
    tail = (tail + chunk).slice(-chunk.length - 256);
    if (checkerTimer === undefined && tail.includes(CHECKER_BEGINS)) {
      checkerTimer = setTimeout(stopFor("checker"), run.checkerMs);
    }
    if (CHECKER_ENDS.test(tail)) clearTimeout(checkerTimer);
    if (failureTimer === undefined && FAILURE.test(tail)) {
      failureTimer = setTimeout(stopFor("time"), AFTER_FAILURE_MS);
    }
  });
  child.stderr.on("data", (chunk) => log.write(chunk));
  const status = await new Promise<number | undefined>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? undefined));
  });
  running.delete(child);
  clearTimeout(timer);
  clearTimeout(checkerTimer);
  clearTimeout(failureTimer);
  await finished(log.end());
  return stopped === undefined ? { status } : { status, stopped };
}

/** Ends the suite and, with it, the members that it has started. */
function stop(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  // Namespaces end with their first process. Without, the terminals that the suite gives to members hang up when it is gone.
  process.kill(-child.pid, "SIGKILL");
}
