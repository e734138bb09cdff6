import type { ObjectStore } from "../store/object-store.ts";
import type { Chain } from "./catalog.ts";

export interface Retention {
  /** So many of the newest snapshots are kept, however old. At least 1. */
  readonly snapshots: number;
  /** Snapshots that are younger are kept, however many. */
  readonly ageMs: number;
}

/**
 * The objects of one cluster that nothing is restored from any more: snapshots that are neither among the newest nor young, and segments that lie
 * before the first snapshot of their chain that is kept. The newest snapshot always stays, and so does what a chain without any has: its
 * first snapshot may be under way.
 */
export function outdated(chains: readonly Chain[], retention: Retention, nowMs: number): string[] {
  const newestFirst = chains
    .flatMap(({ snapshots }) => snapshots)
    .sort((a, b) => b.takenAtMs - a.takenAtMs || b.revision - a.revision);
  const kept = new Set(
    newestFirst.filter(
      ({ takenAtMs }, i) => i < Math.max(1, retention.snapshots) || nowMs - takenAtMs < retention.ageMs,
    ),
  );
  return chains.flatMap(({ snapshots, segments }, i) => {
    const first = snapshots.find((snapshot) => kept.has(snapshot));
    const dropped = snapshots.filter((snapshot) => !kept.has(snapshot)).map(({ name }) => name);
    if (first !== undefined) return [...dropped, ...segmentsBefore(segments, first.revision)];
    const isUnderWay = snapshots.length === 0 && i === chains.length - 1;
    return isUnderWay ? [] : [...dropped, ...segments.map(({ name }) => name)];
  });
}

/** Removes them, snapshots before the segments that only they needed; returns their names. */
export async function prune(
  store: ObjectStore,
  chains: readonly Chain[],
  retention: Retention,
  nowMs: number,
): Promise<readonly string[]> {
  const names = outdated(chains, retention, nowMs);
  for (const name of names) await store.remove(name);
  await store.tidy();
  return names;
}

/** Those of each writer behind which another one of its begins before the snapshot ends. */
function segmentsBefore(segments: Chain["segments"], revision: number): string[] {
  return segments
    .filter(({ writer, firstRevision }) =>
      segments.some(
        (other) =>
          other.writer === writer &&
          other.firstRevision > firstRevision &&
          other.firstRevision <= revision + 1,
      ),
    )
    .map(({ name }) => name);
}
