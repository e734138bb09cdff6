import type { Event } from "@quorate/wire/messages";
import type { Chain } from "../catalog/catalog.ts";
import type { BackupKey } from "../sealed/key.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { readArchive } from "./read-archive.ts";

/** How far a chain goes. */
export interface ArchiveEnd {
  readonly revision: number;
  /** Of raft, of the last change; 0 when none is archived. */
  readonly term: bigint;
  /** Up to when that is all that happened. */
  readonly reachedMs: number;
  /** What the last revision changed; empty when it is that of a snapshot. */
  readonly events: readonly Event[];
}

/** Reads the end of a chain that has a snapshot: what lies behind its last one. Throws BackupError. */
export async function archiveEnd(
  store: ObjectStore,
  chain: Chain,
  key: BackupKey | undefined,
): Promise<ArchiveEnd> {
  const { revision, takenAtMs } = chain.snapshots.at(-1)!;
  let end: ArchiveEnd = { revision, term: 0n, reachedMs: takenAtMs, events: [] };
  for await (const item of readArchive(store, chain, revision, key)) {
    if (item.kind === "changes") {
      const { term, events } = item;
      end = { revision: item.revision, term, events, reachedMs: Math.max(end.reachedMs, item.timeMs) };
    } else if (item.kind === "reached" && item.revision === end.revision) {
      end = { ...end, reachedMs: Math.max(end.reachedMs, item.timeMs) };
    }
  }
  return end;
}
