import type { Backend } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Random } from "@quorate/storage/seams/random";
import { encodeLeaseId } from "@quorate/wire/hot";
import type { CallContext, LeadershipContext, ProposeContext } from "../api/context.ts";
import { ACTIVE_HEARTBEATS, ensureLeadership, isCertainLeader } from "../api/lease/leadership.ts";
import { propose } from "../api/propose.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { isRefusedWith, RequestError } from "../errors.ts";
import type { LeaseCheckpoint } from "../lease/deadlines.ts";
import { Lessor } from "../lease/lessor.ts";
import { minimumTtlSeconds } from "../lease/minimum-ttl.ts";
import { RevokeQueue } from "../lease/revoke-queue.ts";
import type { Logger } from "../log/logger.ts";
import { encodeCheckpoints, LEASE_CHECKPOINT } from "../operations/lease-checkpoint.ts";
import { LEASE_REVOKE } from "../operations/lease-revoke.ts";
import type { Operation } from "../operations/operation.ts";

export interface LeaseWiring {
  readonly config: ServerConfig;
  readonly backend: Backend;
  readonly clock: Clock;
  readonly random: Random;
  readonly requestTimeoutMs: number;
  readonly electionTimeoutMs: number;
  /** The member's parts; not asked for before the member runs. */
  readonly context: () => LeadershipContext & ProposeContext & Pick<CallContext, "identities">;
  readonly log: Logger;
}

/** A lessor whose revokes and checkpoints go through the member's log. */
export function createLessor(wiring: LeaseWiring): Lessor {
  const { config, context, log } = wiring;
  const revokes = new RevokeQueue({
    confirmLeadership: async () => {
      await ensureLeadership(context());
      return true;
    },
    revoke: async (id) => {
      // A batch takes its time, and leadership may have come and gone: then the lease may be alive and well.
      if (!isCertainLeader(context()) || !lessor.isExpired(id)) throw new RequestError("NOT_PRIMARY_LESSOR");
      await proposeAsLeader(context(), LEASE_REVOKE, encodeLeaseId(id));
    },
    onFailure: (id, error) => {
      // Somebody else revoked it, or decides about it by now.
      if (isRefusedWith(error, "LEASE_NOT_FOUND") || isRefusedWith(error, "NOT_PRIMARY_LESSOR")) return;
      log.warn("failed to revoke an expired lease", {
        "lease-id": id.toString(16),
        error: (error as Error).message,
      });
    },
    onExpired: () => {
      lessor.metrics.expired += 1;
    },
  });
  const proposeCheckpoint = async (checkpoints: readonly LeaseCheckpoint[]) => {
    const { promotions } = lessor;
    await ensureLeadership(context());
    // What was left under another promotion says nothing about now.
    if (!lessor.isPrimary || lessor.promotions !== promotions) throw new RequestError("NOT_PRIMARY_LESSOR");
    await proposeAsLeader(context(), LEASE_CHECKPOINT, encodeCheckpoints(checkpoints));
  };
  const lessor: Lessor = new Lessor({
    clock: wiring.clock,
    backend: wiring.backend,
    proposals: {
      proposeRevoke: (leases) => {
        revokes.offer(leases);
      },
      proposeCheckpoint,
    },
    minimumTtlSeconds: minimumTtlSeconds(config.heartbeatMs, wiring.electionTimeoutMs),
    electionTimeoutMs: wiring.electionTimeoutMs,
    requestTimeoutMs: wiring.requestTimeoutMs,
    checkpoints: config.features.LeaseCheckpoint,
    persistCheckpoints: config.features.LeaseCheckpointPersist,
    pauseMs: ACTIVE_HEARTBEATS * config.heartbeatMs,
    hashSeed: wiring.random.below(2 ** 32),
  });
  return lessor;
}

/** Another leader may have renewed the lease meanwhile, so what this one has decided is never carried over to it. */
function proposeAsLeader<Request>(
  context: ProposeContext & Pick<CallContext, "identities">,
  operation: Operation<Request, unknown>,
  message: Uint8Array,
): Promise<unknown> {
  return propose(context, operation, message, context.identities.ofMember, true);
}
