import { type ChildProcess, fork } from "node:child_process";
import { type ReplayOptions, resolveReplay } from "./explain/replay.ts";
import { type RunResult, simulate } from "./run.ts";

/** What is the same for all seeds. */
export interface SeedSettings extends Omit<ReplayOptions, "seed"> {
  readonly traceLines: number;
}

/** What is told of one seed. Passes between processes. */
export interface SeedReport {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly counts: readonly (readonly [what: string, count: number])[];
  readonly trace: readonly string[];
  readonly summary: string;
}

export interface Jobs {
  /** How many processes; 1: this one alone. */
  readonly jobs: number;
  readonly firstSeed: number;
  readonly runs: number;
  /** Then no further seed is begun. */
  readonly isOver: () => boolean;
  readonly settings: SeedSettings;
  readonly onReport: (report: SeedReport) => void;
}

/** Runs seeds one after another, in as many processes as told. Rejects when one of them dies. */
export async function runInJobs(jobs: Jobs): Promise<void> {
  let begun = 0;
  const nextSeed = () => {
    if (begun >= jobs.runs || jobs.isOver()) return undefined;
    return jobs.firstSeed + begun++;
  };
  if (jobs.jobs <= 1) {
    for (let seed = nextSeed(); seed !== undefined; seed = nextSeed()) {
      jobs.onReport(await runSeed(seed, jobs.settings));
    }
    return;
  }
  await Promise.all(Array.from({ length: jobs.jobs }, () => runJob(jobs, nextSeed)));
}

export async function runSeed(seed: number, settings: SeedSettings): Promise<SeedReport> {
  const startedMs = performance.now();
  const { traceLines, ...replay } = settings;
  const run = await resolveReplay({ ...replay, seed });
  const result = await simulate({ ...run, traceLines });
  const { violations, trace } = result;
  const summary = summaryOf(result, performance.now() - startedMs);
  return { seed, violations, counts: [...result.counts], trace, summary };
}

function runJob(jobs: Jobs, nextSeed: () => number | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL("./job.ts", import.meta.url));
    const next = () => {
      const seed = nextSeed();
      if (seed === undefined) child.disconnect();
      else ask(child, seed, jobs.settings);
    };
    child.on("message", (report: SeedReport) => {
      jobs.onReport(report);
      next();
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`a process that ran seeds has ended: ${signal ?? `exit code ${code}`}`));
    });
    next();
  });
}

function ask(child: ChildProcess, seed: number, settings: SeedSettings): void {
  child.send({ seed, settings } satisfies SeedTask);
}

/** What a process that runs seeds is asked. */
export interface SeedTask {
  readonly seed: number;
  readonly settings: SeedSettings;
}

function summaryOf(result: RunResult, tookMs: number): string {
  const { seed, digest, worldMs, events, operations, acknowledged, revisions, leases, watched } = result;
  return (
    `seed ${seed}: ${digest}, ${(worldMs / 1000).toFixed(1)} s in ${(tookMs / 1000).toFixed(1)} s, ${events} events, ` +
    `${acknowledged} of ${operations} operations, ${revisions} revisions, ${leases} leases, ${watched} watched`
  );
}
