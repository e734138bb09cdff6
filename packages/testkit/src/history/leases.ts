/** What was promised about leases, against the history. */
import type { EventHistory } from "./event-history.ts";

export interface LeaseRecord {
  readonly id: bigint;
  readonly ttlMs: number;
  /** Keys attached by acknowledged puts, with the revisions of these. */
  readonly keys: Map<string, number>;
  /** When the last acknowledged grant or renewal was sent. */
  renewedMs: number;
  /** When the first revocation was sent; Infinity if none was. */
  revokeSentMs: number;
  /** The revision of the acknowledged revocation. */
  revokedAt: number | undefined;
}

/**
 * `toleranceMs`: an old leader that nobody hears may renew a lease for up to two election timeouts after the new one
 * has started to count.
 */
export function checkLeases(
  leases: readonly LeaseRecord[],
  history: EventHistory,
  toleranceMs: number,
): string[] {
  return leases.flatMap((lease) => checkLease(lease, history, toleranceMs)).slice(0, 20);
}

function checkLease(lease: LeaseRecord, history: EventHistory, toleranceMs: number): string[] {
  const problems: string[] = [];
  const name = `lease ${lease.id.toString(16)}`;
  const deletedAt = new Set<number>();
  for (const [key, putAt] of lease.keys) {
    const end = history.versionsOf(key).find((version) => version.revision > putAt);
    if (end === undefined) {
      problems.push(`${key} has outlived ${name}`);
      continue;
    }
    if (end.value !== undefined) continue;
    deletedAt.add(end.revision);
    if (lease.revokedAt !== undefined && putAt < lease.revokedAt && end.revision > lease.revokedAt) {
      problems.push(`${key} was deleted at ${end.revision}, ${name} was revoked at ${lease.revokedAt}`);
    }
    const aliveUntilMs = lease.renewedMs + lease.ttlMs - toleranceMs;
    if (end.seenMs < Math.min(aliveUntilMs, lease.revokeSentMs)) {
      const early = (lease.renewedMs + lease.ttlMs - end.seenMs).toFixed(0);
      problems.push(`${key} was deleted at ${end.revision}, ${early} ms before ${name} could expire`);
    }
  }
  if (deletedAt.size > 1) {
    problems.push(`the keys of ${name} were deleted at different revisions: ${[...deletedAt].join(", ")}`);
  }
  return problems;
}
