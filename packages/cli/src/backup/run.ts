import { tmpdir } from "node:os";
import { BackupMetrics, type MetricsSite, runBackup, serveMetrics } from "@quorate/backup";
import { notifySystemd } from "@quorate/server/notify-systemd";
import type { Invocation } from "../command-line/command.ts";
import { badArguments, Exit, ExitCode } from "../command-line/exit.ts";
import { clientOf } from "../ctl/session/connect.ts";
import { readSettings } from "../ctl/session/settings.ts";
import { checkSnapshot } from "./check-snapshot.ts";
import { logIn } from "./log.ts";
import { untilSignal } from "./signals.ts";
import { retentionOf, storeOf } from "./store-flags.ts";

/** A change is to be in the store within 5 s, whatever else happens meanwhile. */
const LONGEST_FLUSH_MS = 2_000;
const SHORTEST_FLUSH_MS = 10;

/** Resolves when a signal has ended it and all is in the store; the signal is then the process's end. */
export async function run(invocation: Invocation): Promise<void> {
  const { flags, output } = invocation;
  const log = logIn(flags.text("log-format"), output);
  const flushMs = flags.duration("flush-interval");
  if (flushMs < SHORTEST_FLUSH_MS || flushMs > LONGEST_FLUSH_MS)
    throw badArguments("--flush-interval: from 10ms to 2s, so that at most 5s are lost with a cluster");
  if (flags.duration("snapshot-interval") < 1_000) throw badArguments("--snapshot-interval: 1s at least");
  const retention = retentionOf(flags);
  const { store, key } = await storeOf(invocation);
  const settings = await readSettings(invocation);
  const now = () => Date.now();
  const metrics = new BackupMetrics(now);
  const sites: MetricsSite[] = [];
  try {
    for (const url of flags.list("listen-metrics-urls")) sites.push(await listen(url, metrics));
    const stopping = untilSignal(log);
    log("info", "backups are being made", {
      endpoints: settings.endpoints,
      store: store.where,
      encrypted: key !== undefined,
    });
    notifySystemd("READY=1");
    const isStored = await runBackup(
      {
        store,
        key,
        endpoints: settings.endpoints,
        connect: (endpoints) => clientOf(settings, endpoints),
        checkSnapshot,
        workDir: flags.text("work-dir") || tmpdir(),
        snapshotIntervalMs: flags.duration("snapshot-interval"),
        retention,
        limits: {
          flushMs,
          segmentBytes: Number(flags.integer("segment-bytes")),
          segmentMs: flags.duration("segment-interval"),
          bufferBytes: Number(flags.integer("buffer-bytes")),
        },
        log,
        metrics,
        now,
        onProgress: progressLog(log),
      },
      stopping.signal,
    );
    if (isStored) log("info", "stopped; all that was archived is in the store");
    else log("error", "stopped; the store could not take all that was archived");
    stopping.end(isStored);
  } finally {
    for (const site of sites) await site[Symbol.asyncDispose]();
  }
}

async function listen(url: string, metrics: BackupMetrics): Promise<MetricsSite> {
  try {
    return await serveMetrics(url, metrics);
  } catch (error) {
    throw new Exit(ExitCode.ERROR, `--listen-metrics-urls: ${(error as Error).message}`);
  }
}

const PROGRESS_EVERY_MS = 10_000;

/** A line now and then while a large snapshot is on its way. */
function progressLog(log: ReturnType<typeof logIn>): (what: string, done: number, total: number) => void {
  let toldMs = performance.now();
  return (what, done, total) => {
    if (performance.now() - toldMs < PROGRESS_EVERY_MS) return;
    toldMs = performance.now();
    log("info", "a snapshot is on its way", { what, bytes: done, of: total });
  };
}
