import { encode } from "@quorate/wire";
import { LeaseCheckpointRequestSchema, LeaseRevokeRequestSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import type { ApiContext } from "../api/context.ts";
import { ensureLeadership } from "../api/lease-service.ts";
import { propose } from "../api/propose.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { type LeaseCheckpoint, Lessor } from "../lease/lessor.ts";
import { minimumTtlSeconds } from "../lease/minimum-ttl.ts";
import { RevokeQueue } from "../lease/revoke-queue.ts";
import type { Backend } from "../seams/backend.ts";
import type { Clock } from "../seams/clock.ts";
import type { Random } from "../seams/random.ts";
import type { Logger } from "../telemetry/logger.ts";

export interface LeaseWiring {
  readonly config: ServerConfig;
  readonly backend: Backend;
  readonly clock: Clock;
  readonly random: Random;
  readonly requestTimeoutMs: number;
  readonly electionTimeoutMs: number;
  /** The member's parts; not asked for before the member runs. */
  readonly context: () => ApiContext;
  readonly log: Logger;
}

/** A lessor whose revokes and checkpoints go through the member's log. */
export function createLessor(wiring: LeaseWiring): Lessor {
  const { config, context, log } = wiring;
  const revokes = new RevokeQueue({
    confirmLeadership: async () => {
      await ensureLeadership(context());
      return context().consensus.isLeader;
    },
    revoke: async (id) => {
      const request = encode(LeaseRevokeRequestSchema, { ID: id });
      await propose(context(), InternalField.leaseRevoke, request, (applier) => applier.leaseRevoke(id));
    },
    onFailure: (id, error) =>
      log.warn("failed to revoke an expired lease", {
        "lease-id": id.toString(16),
        error: (error as Error).message,
      }),
    onExpired: () => {
      lessor.metrics.expired += 1;
    },
  });
  const proposeCheckpoint = async (checkpoints: readonly LeaseCheckpoint[]) => {
    const request = encode(LeaseCheckpointRequestSchema, {
      checkpoints: checkpoints.map(({ id, remainingTtlSeconds }) => ({
        ID: id,
        remainingTTL: BigInt(remainingTtlSeconds),
      })),
    });
    await propose(context(), InternalField.leaseCheckpoint, request, (applier) =>
      applier.leaseCheckpoint(checkpoints),
    );
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
    checkpoints: false,
    hashSeed: wiring.random.below(2 ** 32),
  });
  return lessor;
}
