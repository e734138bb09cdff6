import type { LeaseRecord } from "../clients/lease-holder.ts";
import type { Change, History, KeyHistories } from "./history.ts";

/**
 * Whether leases ended no sooner than they were promised to, and did end. `fastestClock`: how much faster than the world's
 * a member's clock may run. Returns what is wrong.
 */
export function checkLeases(
  leases: readonly LeaseRecord[],
  keys: KeyHistories,
  history: History,
  fastestClock: number,
): string[] {
  const wrong: string[] = [];
  for (const lease of leases) {
    if (isDeletedWithoutLease(keys.of(lease.freedKey))) {
      wrong.push(`${lease.freedKey} went with lease ${describe(lease)}, to which it was attached no more`);
    }
    const changes = keys.of(lease.key);
    // The put was refused, or lost.
    if (changes.length === 0) continue;
    const end = changes.find(({ tombstone }) => tombstone);
    if (end === undefined) {
      wrong.push(`lease ${describe(lease)} was never revoked`);
      continue;
    }
    if (lease.revoked) continue;
    const endedMs = history.revisions.get(end.main)!.firstSeenMs;
    const earliestMs = lease.renewedMs + lease.ttlMs / fastestClock;
    if (endedMs < earliestMs) {
      wrong.push(
        `lease ${describe(lease)} was revoked at ${endedMs.toFixed(1)} ms, before ${earliestMs.toFixed(1)}`,
      );
    }
  }
  return wrong;
}

/** Nobody deletes these keys but the end of their leases. */
function isDeletedWithoutLease(changes: readonly Change[]): boolean {
  return changes.some(({ tombstone }, i) => tombstone && changes[i - 1]?.lease === 0n);
}

function describe({ id, key, ttlMs, renewedMs, abandonedMs }: LeaseRecord): string {
  return `${id.toString(16)} of ${key} (TTL ${ttlMs} ms, renewed at ${renewedMs.toFixed(1)}, abandoned at ${abandonedMs?.toFixed(1)})`;
}
