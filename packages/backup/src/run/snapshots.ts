import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import path from "node:path";
import { loadChains } from "../catalog/catalog.ts";
import { snapshotName } from "../catalog/names.ts";
import { prune } from "../catalog/retention.ts";
import { openSnapshot, putSnapshot } from "../catalog/snapshot-object.ts";
import { BackupError } from "../errors.ts";
import { pause } from "./pause.ts";
import type { BackupSettings, CheckedSnapshot } from "./settings.ts";
import { hashOf, readFileChunks, type SavedSnapshot, saveSnapshot } from "./snapshot-file.ts";

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

/** A snapshot on this machine that is what it should be. */
export interface LocalSnapshot extends SavedSnapshot, AsyncDisposable {
  readonly revision: number;
  readonly checked: CheckedSnapshot;
}

/** Saves a snapshot and looks at all of it. Rejects with what went wrong, and leaves no file then. */
export async function takeSnapshot(settings: BackupSettings, signal: AbortSignal): Promise<LocalSnapshot> {
  const { endpoints, connect, workDir, checkSnapshot, onProgress, now } = settings;
  const file = path.join(workDir, `quorate-backup-${randomBytes(8).toString("hex")}.db`);
  const remove = () => rm(file, { force: true });
  try {
    // Members take turns, so that not always the same one has to read its database.
    const first = Math.floor(Math.random() * endpoints.length);
    await using client = await connect([...endpoints.slice(first), ...endpoints.slice(0, first)]);
    const saved = await saveSnapshot(
      client,
      file,
      signal,
      (done, total) => onProgress?.("saving", done, total),
      now,
    );
    const checked = await checkSnapshot(file);
    return { ...saved, checked, revision: Number(checked.revision), [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The snapshots of one chain: put, read once more, and pruned. */
export class ChainSnapshots {
  readonly #settings: BackupSettings;
  readonly #cluster: string;
  readonly #chain: string;
  /** The chain's archive has nothing up to here. */
  readonly #base: number;

  constructor(settings: BackupSettings, cluster: string, chain: string, base: number) {
    this.#settings = settings;
    this.#cluster = cluster;
    this.#chain = chain;
    this.#base = base;
  }

  /** One whenever it is time, the first of them `first` if it is given. Ends with `signal`, and never rejects. */
  async run(lastTakenAtMs: number, first: LocalSnapshot | undefined, signal: AbortSignal): Promise<void> {
    const { snapshotIntervalMs, log, metrics, now } = this.#settings;
    let retryMs = 0;
    let dueMs = first === undefined ? lastTakenAtMs + snapshotIntervalMs : now();
    let waiting = first;
    try {
      while (!signal.aborted) {
        await pause(Math.max(retryMs, dueMs - now()), signal);
        if (signal.aborted) return;
        try {
          waiting ??= await takeSnapshot(this.#settings, signal);
          await this.#store(waiting, signal);
          dueMs = waiting.takenAtMs + snapshotIntervalMs;
          await waiting[Symbol.asyncDispose]();
          waiting = undefined;
          retryMs = 0;
          await this.#prune();
        } catch (error) {
          if (signal.aborted) return;
          metrics.snapshots.inc({ result: "failed" });
          log("error", "a snapshot failed", { error: (error as Error).message });
          retryMs = Math.min(Math.max(FIRST_RETRY_MS, retryMs * 2), LONGEST_RETRY_MS);
        }
      }
    } finally {
      await waiting?.[Symbol.asyncDispose]();
    }
  }

  /** Puts it, and reads all of it back. */
  async #store(snapshot: LocalSnapshot, signal: AbortSignal): Promise<void> {
    const { store, key, log, metrics, onProgress, now } = this.#settings;
    const { revision, takenAtMs, bytes, sha256, checked } = snapshot;
    if (revision < this.#base)
      throw new BackupError("NOT_KEPT", `the member is at revision ${revision}, before the chain's first`);
    const name = snapshotName(this.#cluster, this.#chain, revision, takenAtMs);
    const head = {
      version: 1,
      cluster: this.#cluster,
      chain: this.#chain,
      revision,
      takenAtMs,
      bytes,
      sha256,
      hash: checked.hash,
      totalKey: checked.totalKey,
      storageVersion: checked.version,
    } as const;
    const counted = counting(readFileChunks(snapshot.file), (done) => {
      signal.throwIfAborted();
      onProgress?.("storing", done, bytes);
    });
    await putSnapshot(store, name, head, counted, key);
    const stored = await openSnapshot(store, name, key);
    const read = await hashOf(counting(stored.file, () => signal.throwIfAborted()));
    if (read.sha256 !== sha256) {
      await store.remove(name.name);
      throw new BackupError("DAMAGED", `${name.name} is another one when it is read back; it was removed`);
    }
    metrics.newestVerifiedMs = Math.max(metrics.newestVerifiedMs, takenAtMs);
    metrics.snapshots.inc({ result: "verified" });
    metrics.snapshotSeconds.set((now() - takenAtMs) / 1_000);
    log("info", "stored a verified snapshot", { name: name.name, revision, bytes, keys: checked.totalKey });
  }

  async #prune(): Promise<void> {
    const { store, retention, log, now } = this.#settings;
    const removed = await prune(store, await loadChains(store, this.#cluster), retention, now());
    if (removed.length > 0) log("info", "removed what is not kept any more", { objects: removed.length });
  }
}

async function* counting(
  source: AsyncIterable<Uint8Array>,
  onBytes: (done: number) => void,
): AsyncGenerator<Uint8Array, void> {
  let done = 0;
  for await (const chunk of source) {
    yield chunk;
    done += chunk.length;
    onBytes(done);
  }
}
