import { type ArchivedItem, readArchive } from "../archive/read-archive.ts";
import type { Chain } from "../catalog/catalog.ts";
import { BackupError } from "../errors.ts";
import type { BackupKey } from "../sealed/key.ts";
import type { ObjectStore } from "../store/object-store.ts";

/** What is to be restored: the newest that there is, the state at a revision, or what was seen by a time. */
export type RestoreTarget =
  | { readonly kind: "newest" }
  | { readonly kind: "revision"; readonly revision: number }
  | { readonly kind: "time"; readonly timeMs: number };

export interface RestorePlan {
  readonly chain: Chain;
  /** What it begins with. */
  readonly snapshot: Chain["snapshots"][number];
  /** Of the restored state. */
  readonly revision: number;
  /** When the last change of it was seen; that of the snapshot when there is none behind it. */
  readonly timeMs: number;
}

/**
 * Finds the newest chain that has the target, and how far its archive has to be gone along; all of that is read once. Throws
 * BackupError when nothing has it, and says what there is instead.
 */
export async function planRestore(
  store: ObjectStore,
  chains: readonly Chain[],
  key: BackupKey | undefined,
  target: RestoreTarget,
): Promise<RestorePlan> {
  const candidates = chains.filter(({ snapshots }) => snapshots.length > 0).reverse();
  let complaint: BackupError | undefined;
  for (const chain of candidates) {
    const snapshot = chain.snapshots.findLast((each) => isBefore(each, target));
    if (snapshot === undefined) continue;
    const end = await reach(store, chain, snapshot, key, target);
    if (end.complaint === undefined) return { chain, snapshot, revision: end.revision, timeMs: end.timeMs };
    complaint ??= end.complaint;
    // What was seen by a time was seen in the chain of that time: an older one has not got it.
    if (target.kind === "time") break;
  }
  throw complaint ?? nothingBefore(store, candidates, target);
}

/** What has been archived from the plan's snapshot up to its revision, in order, each revision once. Throws BackupError. */
export async function* archivedUpTo(
  store: ObjectStore,
  { chain, snapshot, revision }: RestorePlan,
  key: BackupKey | undefined,
): AsyncGenerator<ArchivedItem, void> {
  let last = snapshot.revision;
  const lacking = new Set<bigint>();
  for await (const item of readArchive(store, chain, snapshot.revision, key)) {
    if (item.kind === "changes") {
      if (item.revision > revision) {
        // What is known of leases is told behind what shows them.
        if (lacking.size === 0) break;
        continue;
      }
      last = item.revision;
      for (const { kv } of item.events) if (kv!.lease !== 0n) lacking.add(kv!.lease);
    } else if (item.kind === "lease") {
      lacking.delete(item.id);
    }
    yield item;
  }
  if (last < revision)
    throw new BackupError(
      "NOT_KEPT",
      `the archive of chain ${chain.name} ends at revision ${last}, before ${revision}`,
    );
}

function isBefore(snapshot: Chain["snapshots"][number], target: RestoreTarget): boolean {
  if (target.kind === "newest") return true;
  return target.kind === "revision"
    ? snapshot.revision <= target.revision
    : snapshot.takenAtMs <= target.timeMs;
}

interface Reached {
  readonly revision: number;
  readonly timeMs: number;
  /** Why the target is not reached. */
  readonly complaint?: BackupError;
}

/** Goes along the archive from a snapshot to the target. */
async function reach(
  store: ObjectStore,
  chain: Chain,
  snapshot: Chain["snapshots"][number],
  key: BackupKey | undefined,
  target: RestoreTarget,
): Promise<Reached> {
  let { revision, takenAtMs: timeMs } = snapshot;
  if (target.kind === "revision" && revision === target.revision) return { revision, timeMs };
  /** Nothing else had happened by then. */
  let knownMs = timeMs;
  for await (const item of readArchive(store, chain, revision, key)) {
    if (item.kind === "reached" && item.revision === revision) knownMs = Math.max(knownMs, item.timeMs);
    if (target.kind === "time" && knownMs >= target.timeMs) return { revision, timeMs };
    if (item.kind !== "changes") continue;
    // A later one tells that nothing else happened before.
    if (target.kind === "time" && item.timeMs > target.timeMs) return { revision, timeMs };
    ({ revision, timeMs } = item);
    knownMs = Math.max(knownMs, timeMs);
    if (target.kind === "revision" && revision === target.revision) return { revision, timeMs };
  }
  if (target.kind === "newest") return { revision, timeMs };
  if (target.kind === "time" && knownMs >= target.timeMs) return { revision, timeMs };
  const wanted = target.kind === "time" ? timeText(target.timeMs) : `revision ${target.revision}`;
  const end = `revision ${revision}, and is known to be all until ${timeText(knownMs)}`;
  const complaint = new BackupError(
    "NOT_KEPT",
    `${wanted} is not archived: chain ${chain.name} in ${store.where} goes to ${end}`,
  );
  return { revision, timeMs, complaint };
}

function nothingBefore(store: ObjectStore, chains: readonly Chain[], target: RestoreTarget): BackupError {
  const oldest = chains
    .flatMap(({ snapshots }) => snapshots)
    .reduce<Chain["snapshots"][number] | undefined>(
      (a, b) => (a === undefined || b.takenAtMs < a.takenAtMs ? b : a),
      undefined,
    );
  if (oldest === undefined) return new BackupError("NOT_KEPT", `there is no snapshot in ${store.where}`);
  const wanted =
    target.kind === "time"
      ? timeText(target.timeMs)
      : target.kind === "revision"
        ? `revision ${target.revision}`
        : "it";
  const first = `the oldest snapshot is of revision ${oldest.revision}, taken ${timeText(oldest.takenAtMs)}`;
  return new BackupError("NOT_KEPT", `${wanted} lies before what is kept in ${store.where}: ${first}`);
}

export function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
