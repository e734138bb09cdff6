import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@quorate/client";
import type { Event } from "@quorate/wire/messages";
import { archiveEnd } from "../archive/archive-end.ts";
import { ArchiveWriter } from "../archive/archive-writer.ts";
import { loadChains } from "../catalog/catalog.ts";
import { chainName } from "../catalog/names.ts";
import { BackupError } from "../errors.ts";
import { ChainBroken } from "./chain-broken.ts";
import { ChangeWatch } from "./change-watch.ts";
import { clusterState } from "./cluster-state.ts";
import { LeaseArchiver } from "./leases.ts";
import { pause } from "./pause.ts";
import type { BackupSettings } from "./settings.ts";
import { ChainSnapshots, type LocalSnapshot, takeSnapshot } from "./snapshots.ts";

/** How often a quorum is asked whether the cluster is still the one that is archived. */
const STATE_EVERY_MS = 5_000;
const LEASES_EVERY_MS = 10_000;
const CLOSE_WITHIN_MS = 15_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

/** Where a chain is gone on with. */
interface Position {
  readonly cluster: string;
  readonly chain: string;
  /** The last revision that is archived, or that of the snapshot with which the chain begins. */
  readonly after: number;
  readonly term: bigint;
  /** What `after` changed, if it is archived. */
  readonly expected: readonly Event[];
  readonly lastTakenAtMs: number;
  /** Not in the store yet. */
  readonly first: LocalSnapshot | undefined;
}

/**
 * Makes backups of a cluster until `signal`, whatever becomes of the cluster and the store meanwhile; then puts what waits, and resolves to whether all
 * of it is in the store. Rejects with a BackupError when only somebody else can help: the store has another key.
 */
export async function runBackup(settings: BackupSettings, signal: AbortSignal): Promise<boolean> {
  const { log, metrics } = settings;
  /** Different for each process that writes to a store. */
  const writer = randomBytes(4).toString("hex");
  let mayResume = true;
  let retryMs = FIRST_RETRY_MS;
  let isStored = true;
  while (!signal.aborted) {
    try {
      const position = (mayResume ? await resume(settings) : undefined) ?? (await begin(settings, signal));
      mayResume = true;
      retryMs = FIRST_RETRY_MS;
      isStored = await follow(settings, position, writer, signal);
    } catch (error) {
      if (signal.aborted) break;
      if (error instanceof BackupError && error.code === "KEY") throw error;
      if (error instanceof ChainBroken) {
        mayResume = false;
        metrics.gaps.inc();
        log("error", "the archive has a gap; a new chain begins with a snapshot", { error: error.message });
      } else log("error", "no backup can be made now", { error: (error as Error).message });
      await pause(retryMs, signal);
      retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
    }
  }
  return isStored;
}

/** Where the newest chain ends; undefined when there is none that the cluster goes on from. */
async function resume(settings: BackupSettings): Promise<Position | undefined> {
  const { store, key, log, metrics, connect, endpoints } = settings;
  await using client = await connect(endpoints);
  const { cluster, revision, term } = await clusterState(client);
  const chain = (await loadChains(store, cluster)).findLast(({ snapshots }) => snapshots.length > 0);
  if (chain === undefined) return undefined;
  const lastTakenAtMs = chain.snapshots.at(-1)!.takenAtMs;
  metrics.newestVerifiedMs = Math.max(metrics.newestVerifiedMs, lastTakenAtMs);
  const newChain = (why: string): undefined => {
    metrics.gaps.inc();
    log("error", "the archive cannot be gone on with; a new chain begins with a snapshot", {
      chain: chain.name,
      why,
    });
  };
  try {
    const end = await archiveEnd(store, chain, key);
    if (revision < end.revision || term < end.term)
      return newChain(
        `the cluster is at revision ${revision} in term ${term}, before revision ${end.revision} in term ${end.term}, ` +
          "which is archived",
      );
    log("info", "going on with the archive", { cluster, chain: chain.name, revision: end.revision });
    const { events: expected } = end;
    return {
      cluster,
      chain: chain.name,
      after: end.revision,
      term: end.term,
      expected,
      lastTakenAtMs,
      first: undefined,
    };
  } catch (error) {
    if (error instanceof BackupError && (error.code === "DAMAGED" || error.code === "NOT_KEPT"))
      return newChain(error.message);
    throw error;
  }
}

/** A new chain, with its first snapshot. */
async function begin(settings: BackupSettings, signal: AbortSignal): Promise<Position> {
  const { log, connect, endpoints } = settings;
  const first = await takeSnapshot(settings, signal);
  try {
    await using client = await connect(endpoints);
    const { cluster, term } = await clusterState(client);
    const chain = chainName(first.takenAtMs, randomBytes(4).toString("hex"));
    log("info", "a new chain begins", { cluster, chain, revision: first.revision });
    const { revision: after, takenAtMs: lastTakenAtMs } = first;
    return { cluster, chain, after, term, expected: [], lastTakenAtMs, first };
  } catch (error) {
    await first[Symbol.asyncDispose]();
    throw error;
  }
}

/** Archives and takes snapshots until `signal`. Rejects with ChainBroken, with all that was taken in the store if it is there. */
async function follow(
  settings: BackupSettings,
  position: Position,
  writerName: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { store, key, limits, log, now, metrics, connect, endpoints } = settings;
  const { cluster, chain, after, expected } = position;
  const writer = new ArchiveWriter({
    store,
    key,
    cluster,
    chain,
    writer: writerName,
    after,
    limits,
    log,
    now,
  });
  metrics.archive = writer;
  const ending = new AbortController();
  const inner = AbortSignal.any([signal, ending.signal]);
  const end = () => ending.abort();
  try {
    await using client = await connect(endpoints);
    const leases = new LeaseArchiver(client, writer);
    const snapshots = new ChainSnapshots(settings, cluster, chain, after);
    const parts = [
      new ChangeWatch(settings, writer, leases, expected).run(inner),
      watchState(settings, client, position, writer, inner),
      sweepLeases(leases, log, inner),
    ];
    const snapshotting = snapshots.run(position.lastTakenAtMs, position.first, inner);
    for (const part of [...parts, snapshotting]) part.catch(end);
    inner.addEventListener("abort", () => client.close(), { once: true });
    const failure = (await Promise.allSettled(parts)).find((result) => result.status === "rejected");
    // What was archived is put before anything else is waited for.
    const isStored = await writer.close(CLOSE_WITHIN_MS);
    await Promise.race([snapshotting, sleep(CLOSE_WITHIN_MS, undefined, { ref: false })]);
    if (failure !== undefined) throw failure.reason;
    return isStored;
  } catch (error) {
    end();
    await position.first?.[Symbol.asyncDispose]();
    await writer.close(CLOSE_WITHIN_MS);
    throw error;
  }
}

/** Rejects with ChainBroken when the cluster is another one, or goes on from before what is archived. */
async function watchState(
  { metrics, log }: BackupSettings,
  client: Client,
  position: Position,
  writer: ArchiveWriter,
  signal: AbortSignal,
): Promise<void> {
  let term = position.term;
  while (!signal.aborted) {
    const archived = writer.revision;
    try {
      const state = await clusterState(client);
      metrics.clusterRevision.set(state.revision);
      if (state.cluster !== position.cluster)
        throw new ChainBroken(`the cluster is ${state.cluster} now, and was ${position.cluster}`);
      if (state.revision < archived || state.term < term)
        throw new ChainBroken(
          `the cluster has gone back to revision ${state.revision} in term ${state.term}`,
        );
      term = state.term;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ChainBroken) throw error;
      log("warn", "no quorum answers", { error: (error as Error).message });
    }
    await pause(STATE_EVERY_MS, signal);
  }
}

async function sweepLeases(
  leases: LeaseArchiver,
  log: BackupSettings["log"],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await pause(LEASES_EVERY_MS, signal);
    if (signal.aborted) return;
    try {
      await leases.sweep();
    } catch (error) {
      if (!signal.aborted) log("warn", "leases could not be listed", { error: (error as Error).message });
    }
  }
}
