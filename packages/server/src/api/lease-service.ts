import type { ServerCall } from "@quorate/rpc";
import { decode, encode } from "@quorate/wire";
import {
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseRevokeResponseSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { saturate } from "../apply/int64.ts";
import { LEASE_GRANT_COST_BYTES } from "../apply/quota.ts";
import { FAILURES, RequestError } from "../errors.ts";
import { LeaseError } from "../lease/errors.ts";
import type { LeaseStatus } from "../lease/lessor.ts";
import type { LeaderMonitor } from "../watch/leader-monitor.ts";
import { type ApiContext, headerFields } from "./context.ts";
import { raiseNoSpace } from "./no-space.ts";
import { propose } from "./propose.ts";
import { failCall, type Services } from "./services.ts";

/** Ticks may be this many heartbeats old before leadership has to be proved by a read. */
const ACTIVE_HEARTBEATS = 3;

/** `etcdserverpb.Lease`. */
export function addLeaseService(services: Services, context: ApiContext, leaderMonitor: LeaderMonitor): void {
  const { lessor } = context;

  services.addAsync("/etcdserverpb.Lease/LeaseGrant", async (message) => {
    const request = decode(LeaseGrantRequestSchema, message);
    if (!context.quota.fits(LEASE_GRANT_COST_BYTES)) return refuseForSpace(context);
    const id = request.ID === 0n ? chooseId(context) : request.ID;
    const ttl = saturate(request.TTL);
    const proposed = encode(LeaseGrantRequestSchema, { ID: id, TTL: request.TTL });
    const { ttlSeconds, overQuota } = await propose(context, InternalField.leaseGrant, proposed, (applier) =>
      applier.leaseGrant(id, ttl),
    );
    if (overQuota) return refuseForSpace(context);
    return encode(LeaseGrantResponseSchema, {
      header: headerFields(context),
      ID: id,
      TTL: BigInt(ttlSeconds),
    });
  });

  services.addAsync("/etcdserverpb.Lease/LeaseRevoke", async (message) => {
    const { ID } = decode(LeaseRevokeRequestSchema, message);
    const revision = await propose(context, InternalField.leaseRevoke, message, (applier) =>
      applier.leaseRevoke(ID),
    );
    return encode(LeaseRevokeResponseSchema, { header: headerFields(context, revision) });
  });

  services.addAsync("/etcdserverpb.Lease/LeaseTimeToLive", async (message) => {
    const request = decode(LeaseTimeToLiveRequestSchema, message);
    const state = leaseStatus(context, request.ID, request.keys);
    if (state === undefined) {
      return encode(LeaseTimeToLiveResponseSchema, {
        header: headerFields(context),
        ID: request.ID,
        TTL: -1n,
      });
    }
    return encode(LeaseTimeToLiveResponseSchema, {
      header: headerFields(context),
      ID: request.ID,
      TTL: BigInt(state.ttlSeconds),
      grantedTTL: BigInt(state.grantedTtlSeconds),
      keys: [...state.keys],
    });
  });

  services.addAsync("/etcdserverpb.Lease/LeaseLeases", async () => {
    const ids = await lessor.leases();
    return encode(LeaseLeasesResponseSchema, {
      header: headerFields(context),
      leases: ids.map((ID) => ({ ID })),
    });
  });

  services.addStream("/etcdserverpb.Lease/LeaseKeepAlive", (call) => {
    new KeepAliveStream(context, call, leaderMonitor).start();
  });
}

/** Serves one call of LeaseKeepAlive: requests strictly one after another, each with its answer. */
class KeepAliveStream {
  readonly #context: ApiContext;
  readonly #call: ServerCall;
  readonly #leaderMonitor: LeaderMonitor;
  readonly #requests: bigint[] = [];
  #busy = false;
  #halfClosed = false;
  #leave: (() => void) | undefined;

  constructor(context: ApiContext, call: ServerCall, leaderMonitor: LeaderMonitor) {
    this.#context = context;
    this.#call = call;
    this.#leaderMonitor = leaderMonitor;
  }

  start(): void {
    const call = this.#call;
    if (call.metadata("hasleader") === "true") {
      this.#leave = this.#leaderMonitor.add(() => {
        const [code, text] = FAILURES.NO_LEADER;
        if (!call.ended) call.fail(code, text);
      });
    }
    call.onMessage = (message) => {
      try {
        this.#requests.push(decode(LeaseKeepAliveRequestSchema, message).ID);
      } catch (error) {
        this.#end(() => failCall(call, error));
        return;
      }
      // One request is served at a time: more of them wait with the client.
      call.pauseReading();
      if (!this.#busy) void this.#serve();
    };
    call.onHalfClose = () => {
      this.#halfClosed = true;
      if (!this.#busy) this.#end(() => call.end());
    };
    call.onCancel = () => this.#leave?.();
  }

  async #serve(): Promise<void> {
    this.#busy = true;
    const call = this.#call;
    while (this.#requests.length > 0 && !call.ended) {
      const id = this.#requests.shift()!;
      try {
        // The header is taken before the renewal, so that its revision is not above the moment of it.
        const answerHeader = headerFields(this.#context);
        const ttlSeconds = await renew(this.#context, id);
        if (call.ended) break;
        call.send(
          encode(LeaseKeepAliveResponseSchema, {
            header: answerHeader,
            ID: id,
            TTL: BigInt(ttlSeconds ?? 0),
          }),
        );
      } catch (error) {
        this.#end(() => failCall(call, error));
        break;
      }
    }
    this.#busy = false;
    if (call.ended) return;
    if (this.#halfClosed) this.#end(() => call.end());
    else call.resumeReading();
  }

  #end(finish: () => void): void {
    this.#leave?.();
    finish();
  }
}

/** The granted TTL, or undefined when there is no such lease (any more). */
async function renew(context: ApiContext, id: bigint): Promise<number | undefined> {
  await ensureLeadership(context);
  try {
    return await context.lessor.renew(id);
  } catch (error) {
    if (error instanceof LeaseError && error.code === "LEASE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** What a caller is told when this member has no deadlines (any more): ask again, there is a new leader. */
function leaseStatus(context: ApiContext, id: bigint, withKeys: boolean): LeaseStatus | undefined {
  try {
    return context.lessor.timeToLive(id, withKeys);
  } catch (error) {
    if (error instanceof LeaseError && error.code === "NOT_PRIMARY_LESSOR")
      throw new RequestError("LEADER_CHANGED");
    throw error;
  }
}

/** After a pause of this process another member may lead: then only a read that a quorum confirms tells. */
export async function ensureLeadership(
  context: Pick<ApiContext, "consensus" | "clock" | "config">,
): Promise<void> {
  const { consensus, clock, config } = context;
  if (clock.nowMs() - consensus.lastTickMs <= ACTIVE_HEARTBEATS * config.heartbeatMs) return;
  await consensus.linearizable();
  if (!consensus.isLeader) throw new RequestError("NOT_PRIMARY_LESSOR");
}

/** Positive and unique over members and restarts: a request ID without its top bit. */
function chooseId(context: ApiContext): bigint {
  for (;;) {
    const id = BigInt.asUintN(63, context.ids.next());
    if (id !== 0n) return id;
  }
}

async function refuseForSpace(context: ApiContext): Promise<never> {
  await raiseNoSpace(context).catch(() => {});
  throw new RequestError("NO_SPACE");
}
