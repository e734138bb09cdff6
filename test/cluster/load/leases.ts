/** Clients that hang keys on leases, keep these alive for a while, and then revoke them or let them expire. */
import type { LeaseRecord } from "@quorate/testkit/history";
import { OPERATION_TIMEOUT_MS, repeat, type Session, sleep } from "./session.ts";

export const LEASE_PREFIX = "lease/";
export const LEASE_TTL_SECONDS = 5;
const RENEWAL_INTERVAL_MS = 700;

export function runLeaser(session: Session, name: string): Promise<void> {
  const { client, journal, random } = session;
  return repeat(session, name, async (round) => {
    const sentMs = performance.now();
    const granted = await client.leaseGrant({ TTL: LEASE_TTL_SECONDS }, OPERATION_TIMEOUT_MS);
    const lease: LeaseRecord = {
      id: granted.ID,
      ttlMs: granted.TTL * 1_000,
      keys: new Map(),
      renewedMs: sentMs,
      revokeSentMs: Infinity,
      revokedAt: undefined,
    };
    journal.leases.push(lease);
    for (let i = 0; i < 3; i++) {
      const key = `${LEASE_PREFIX}${name}/${round}/${i}`;
      const { header } = await client.put(
        { key, value: `${name}:${round}:${i}`, lease: lease.id },
        OPERATION_TIMEOUT_MS,
      );
      lease.keys.set(key, header!.revision);
      journal.acknowledgedWrites += 1;
      journal.observe(header!.revision, session.life());
    }
    for (let renewals = random.below(8); renewals > 0 && !session.stopping(); renewals--) {
      await sleep(RENEWAL_INTERVAL_MS);
      if (!(await renew(session, lease))) return;
    }
    if (random.chance(0.6) || session.stopping()) {
      lease.revokeSentMs = performance.now();
      const { header } = await client.leaseRevoke({ ID: lease.id }, OPERATION_TIMEOUT_MS);
      lease.revokedAt = header!.revision;
      journal.observe(header!.revision, session.life());
    }
  });
}

/** False when the lease is gone. */
async function renew({ client, journal }: Session, lease: LeaseRecord): Promise<boolean> {
  const sentMs = performance.now();
  const ttl = await client.keepAlive(lease.id, OPERATION_TIMEOUT_MS);
  if (ttl > 0) {
    lease.renewedMs = sentMs;
    return true;
  }
  // The renewal may have been on its way when the lease ended; what counts is when it was sent.
  if (sentMs < lease.renewedMs + lease.ttlMs / 2) {
    const id = lease.id.toString(16);
    journal.problem(`lease ${id} was gone ${(sentMs - lease.renewedMs).toFixed(0)} ms after a renewal`);
  }
  return false;
}
