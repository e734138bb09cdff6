import type { Event } from "@quorate/wire/messages";
import type { Chain } from "../catalog/catalog.ts";
import type { BackupKey } from "../sealed/key.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { readArchive } from "./read-archive.ts";

/** How far the archive of a chain goes. */
export interface ArchiveEnd {
  readonly revision: number;
  /** Of raft, of the last change; 0 when none is archived. */
  readonly term: bigint;
  /** Up to when that is all that happened; 0 when nothing says so. */
  readonly reachedMs: number;
  /** What the last revision changed; empty when it is that of the snapshot with which the chain begins. */
  readonly events: readonly Event[];
}

/**
 * Reads the end of a chain that has a snapshot. A snapshot may be ahead of it: what lies between is not archived then. Throws
 * BackupError.
 */
export async function archiveEnd(
  store: ObjectStore,
  chain: Chain,
  key: BackupKey | undefined,
): Promise<ArchiveEnd> {
  // The last segments may have no changes: those before are read as well until there are some.
  for (const { firstRevision } of chain.segments.toReversed()) {
    const end = await endBehind(store, chain, firstRevision - 1, key);
    if (end.events.length > 0) return end;
  }
  return endBehind(store, chain, chain.snapshots[0]!.revision, key);
}

async function endBehind(
  store: ObjectStore,
  chain: Chain,
  after: number,
  key: BackupKey | undefined,
): Promise<ArchiveEnd> {
  let end: ArchiveEnd = { revision: after, term: 0n, reachedMs: 0, events: [] };
  for await (const item of readArchive(store, chain, after, key)) {
    if (item.kind === "changes") {
      const { revision, term, events, timeMs } = item;
      end = { revision, term, events, reachedMs: Math.max(end.reachedMs, timeMs) };
    } else if (item.kind === "reached" && item.revision === end.revision) {
      end = { ...end, reachedMs: Math.max(end.reachedMs, item.timeMs) };
    }
  }
  return end;
}
