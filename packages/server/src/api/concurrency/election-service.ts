import type { ServerCall } from "@quorate/rpc/server";
import { GrpcError } from "@quorate/rpc/status";
import { decode, encode } from "@quorate/wire";
import type { ResponseHeader } from "@quorate/wire/etcdserverpb";
import {
  type CampaignRequest,
  CampaignRequestSchema,
  CampaignResponseSchema,
  type LeaderKey,
  LeaderRequestSchema,
  LeaderResponseSchema,
  ProclaimRequestSchema,
  ProclaimResponseSchema,
  ResignRequestSchema,
  ResignResponseSchema,
} from "@quorate/wire/v3electionpb";
import { RequestError } from "../../errors.ts";
import { waitingCallerOf } from "../callers.ts";
import type { ConcurrencyContext } from "../context.ts";
import { failCall, type Services } from "../services.ts";
import {
  createdAt,
  firstCreated,
  keyOf,
  leaseOf,
  leave,
  prefixOf,
  putOp,
  rangeOp,
  waitForEarlier,
} from "./contenders.ts";
import { Observation } from "./observation.ts";
import { OwnClient } from "./own-client.ts";

/** `v3electionpb.Election`. */
export function addElectionService(services: Services, { clock }: ConcurrencyContext): void {
  const clientOf = (call: ServerCall) => new OwnClient(services.inner, clock, call);

  services.addAsync("/v3electionpb.Election/Campaign", async (message, call) => {
    const request = decode(CampaignRequestSchema, message.slice());
    const { signal } = waitingCallerOf(call);
    return encode(CampaignResponseSchema, await campaign(clientOf(call), request, signal));
  });

  services.addAsync("/v3electionpb.Election/Proclaim", async (message, call) => {
    const { leader, value } = decode(ProclaimRequestSchema, message.slice());
    const header = await proclaim(clientOf(call), known(leader), value);
    return encode(ProclaimResponseSchema, { header });
  });

  services.addAsync("/v3electionpb.Election/Leader", async (message, call) => {
    const { name } = decode(LeaderRequestSchema, message.slice());
    const { header, kvs } = await clientOf(call).range(firstCreated(prefixOf(name)));
    if (kvs.length === 0) throw new RequestError("ELECTION_NO_LEADER");
    return encode(LeaderResponseSchema, { header: header!, kv: kvs[0]! });
  });

  services.addServerStream(
    "/v3electionpb.Election/Observe",
    (message) => decode(LeaderRequestSchema, message),
    ({ name }, call) => {
      const { signal } = waitingCallerOf(call);
      new Observation(clientOf(call), prefixOf(name), call, signal).run().catch((error: unknown) => {
        failCall(call, error instanceof GrpcError ? new RequestError("OBSERVE_CLOSED_EARLY") : error);
      });
    },
  );

  services.addAsync("/v3electionpb.Election/Resign", async (message, call) => {
    const { leader } = decode(ResignRequestSchema, message.slice());
    const { key, rev } = known(leader);
    const { header } = await leave(clientOf(call), { key, createRevision: rev });
    return encode(ResignResponseSchema, { header: header! });
  });
}

function known(leader: LeaderKey | undefined): LeaderKey {
  if (leader === undefined) throw new RequestError("LEADER_KEY_MISSING");
  return leader;
}

async function campaign(
  client: OwnClient,
  { name, lease: named, value }: CampaignRequest,
  signal: AbortSignal,
) {
  const prefix = prefixOf(name);
  const lease = await leaseOf(client, named);
  const key = keyOf(prefix, lease);
  const { header, succeeded, responses } = await client.txn({
    compare: [createdAt(key, 0n)],
    success: [putOp(key, value, lease)],
    failure: [rangeOp({ key })],
  });
  const own = responses[0]!.response;
  const existing = own.case === "responseRange" ? own.value.kvs[0]! : undefined;
  const rev = existing?.createRevision ?? header!.revision;
  const leader = { name, key, rev, lease };
  try {
    if (existing !== undefined && Buffer.compare(existing.value, value) !== 0) {
      await proclaim(client, leader, value);
    }
    await waitForEarlier(client, prefix, rev, signal);
    // Nobody would know that it leads.
    if (succeeded) signal.throwIfAborted();
  } catch (error) {
    await leave(client, { key, createRevision: rev }).catch(() => {});
    throw error;
  }
  return { header: header!, leader };
}

async function proclaim(
  client: OwnClient,
  { key, rev, lease }: Pick<LeaderKey, "key" | "rev" | "lease">,
  value: Uint8Array,
): Promise<ResponseHeader> {
  const { succeeded, header } = await client.txn({
    compare: [createdAt(key, rev)],
    success: [putOp(key, value, await leaseOf(client, lease))],
  });
  if (!succeeded) throw new RequestError("ELECTION_NOT_LEADER");
  return header!;
}
