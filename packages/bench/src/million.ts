/** One store of a million keys: memory, restart, counting, and how long requests wait while heavy work runs. */
import type { Etcd } from "@quorate/testkit/grpc";
import { RangeRequest } from "@quorate/testkit/messages";
import { compactAll } from "./compact-all.ts";
import type { Contender } from "./contenders.ts";
import { fill, nativeRun } from "./generators.ts";
import { memory } from "./process-usage.ts";

/** What a reader waits, in milliseconds; the longest tells of a single stall, which no quantile shows. */
interface Probe {
  readonly p50Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  readonly workMs: number;
}

export interface MillionResult {
  readonly loadSeconds: number;
  readonly anonymousMiB: number;
  readonly residentMiB: number;
  /** Median and p99 as a client on the same machine sees them, in milliseconds. */
  readonly countOnlyMs: number;
  readonly countOnlyP99Ms: number;
  /** A single-key read beside puts and the named work: what it waits. */
  readonly probes: Readonly<Record<string, Probe>>;
  /** The member's own figure where it has one: p99.9 of its event loop's delay, in milliseconds. */
  readonly eventLoopDelayP999Ms: number | undefined;
  /** From exec to the line that says it serves: each of several restarts, in ascending order. */
  readonly restartsMs: readonly number[];
  readonly anonymousAfterRestartMiB: number;
  readonly residentAfterRestartMiB: number;
}

/** One restart tells more of the machine's mood than of the server. */
const RESTARTS = 5;
const EVERYTHING = { key: Buffer.from([0]), range_end: Buffer.from([0]) };

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The highest sample of the member's event loop delay at quantile 0.999, or of a gauge without quantiles. */
function eventLoopDelayMs(metrics: string): number | undefined {
  const samples = metrics.split("\n").filter((line) => line.startsWith("quorate_event_loop_delay_seconds"));
  const wanted = samples.filter((line) => /quantile="0\.999"/.test(line));
  const values = (wanted.length > 0 ? wanted : samples.filter((line) => !/_(sum|count|bucket)/.test(line)))
    .map((line) => Number(line.split(" ").at(-1)))
    .filter((value) => Number.isFinite(value));
  return values.length === 0 ? undefined : Math.max(...values) * 1_000;
}

/** Starts, measures and ends the contender. `count` is 1,000,000 unless the run is a quick one. */
export async function measureMillion(
  program: string,
  contender: Contender,
  count: number,
): Promise<MillionResult> {
  await contender.start();
  const { server } = contender;
  const loaded = await fill(program, contender.target, count);
  await contender.withClient(async (client) => {
    const { count: stored } = await client.range({ ...EVERYTHING, count_only: true });
    if (stored !== count) throw new Error(`${stored} keys of ${count} are stored: ${loaded.firstError}`);
  });
  await pause(5_000);
  const afterLoad = memory(server.pid);

  const counting = await nativeRun(program, contender.target, [
    ...["--op", "range", "--all", "--count-only", "--seconds", "3", "--warmup", "0.5"],
  ]);
  const probes: Record<string, Probe> = {};
  const works: Readonly<Record<string, (client: Etcd) => Promise<unknown>>> = {
    nothing: () => pause(2_000),
    "a full range": (client) =>
      client.raw("/etcdserverpb.KV/Range", RangeRequest.encode(EVERYTHING), { deadlineMs: 120_000 }),
    "a compaction": compactAll,
    "a HashKV": (client) => client.hashKv({ revision: 0 }, { deadlineMs: 120_000 }),
    "a defragmentation": (client) => client.defragment({}, { deadlineMs: 120_000 }),
  };
  for (const [name, work] of Object.entries(works)) probes[name] = await probe(program, contender, work);
  let delay: number | undefined;
  try {
    delay = eventLoopDelayMs(await contender.metrics());
  } catch {
    // A member without /metrics has no figure of its own.
  }

  const restartsMs: number[] = [];
  while (restartsMs.length < RESTARTS) {
    await server.stop();
    await server.start();
    restartsMs.push(server.startedInMs);
  }
  await contender.withClient(async (client) => {
    const { count: stored } = await client.range({ ...EVERYTHING, count_only: true });
    if (stored !== count) throw new Error(`${stored} keys of ${count} are there after the restart`);
  });
  await pause(3_000);
  const afterRestart = memory(server.pid);
  await contender.end();
  return {
    loadSeconds: loaded.seconds,
    anonymousMiB: afterLoad.anonymousMiB,
    residentMiB: afterLoad.residentMiB,
    countOnlyMs: counting.p50Us / 1_000,
    countOnlyP99Ms: counting.p99Us / 1_000,
    probes,
    eventLoopDelayP999Ms: delay,
    restartsMs: restartsMs.sort((a, b) => a - b),
    anonymousAfterRestartMiB: afterRestart.anonymousMiB,
    residentAfterRestartMiB: afterRestart.residentMiB,
  };
}

/**
 * Serializable reads of one key, one after the other on a connection of their own, while puts come in on ten others
 * and the work runs: what they wait is what the work costs everybody.
 */
async function probe(
  program: string,
  contender: Contender,
  work: (client: Etcd) => Promise<unknown>,
): Promise<Probe> {
  const seconds = 6;
  const puts = nativeRun(program, contender.target, [
    ...[
      "--op",
      "put",
      "--connections",
      "10",
      "--streams",
      "2",
      "--seconds",
      String(seconds),
      "--warmup",
      "0",
    ],
  ]);
  const reads = nativeRun(program, contender.target, [
    ...["--op", "range", "--serializable", "--seconds", String(seconds), "--warmup", "0"],
  ]);
  await pause(500);
  const startedMs = performance.now();
  await contender.withClient(work);
  const workMs = performance.now() - startedMs;
  await puts;
  const measured = await reads;
  return {
    p50Ms: measured.p50Us / 1_000,
    p999Ms: measured.p999Us / 1_000,
    maxMs: measured.maxUs / 1_000,
    workMs,
  };
}
