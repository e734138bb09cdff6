import type { ServerCall } from "@quorate/rpc/server";
import { decode, encode } from "@quorate/wire";
import { LeaseTimeToLiveRequestSchema, LeaseTimeToLiveResponseSchema } from "@quorate/wire/etcdserverpb";
import { LeaseInternalRequestSchema } from "@quorate/wire/leasepb";
import { releaseAnswerPart } from "../../answer-memory.ts";
import { RequestError } from "../../errors.ts";
import { CALL_NEEDS } from "../../operations/call-needs.ts";
import type { PeerResponse } from "../../peer/peer-requests.ts";
import { callerOf, waitingCallerOf } from "../callers.ts";
import type { LeaseContext } from "../context.ts";
import { failCall } from "../services.ts";
import { type LeaderQuestions, TRY_AGAIN } from "./ask-leader.ts";
import { isCaughtUp } from "./leadership.ts";
import { keyFieldsOf, readInternalSteps } from "./lease-keys.ts";

interface Status {
  readonly ttlSeconds: bigint;
  readonly grantedTtlSeconds: bigint;
  /** The keys as they stand in the response. */
  readonly keyFields: readonly Uint8Array[];
}

/** A lease may have very many keys. */
const MAX_RESPONSE_BYTES = 104_857_600;

/** What is said of a lease that is not there. */
const NO_LEASE: Status = { ttlSeconds: -1n, grantedTtlSeconds: 0n, keyFields: [] };

/** `Lease.LeaseTimeToLive`, answered by the leader's clock. */
export function handleLeaseTimeToLive(
  context: LeaseContext,
  questions: LeaderQuestions,
  message: Uint8Array,
  call: ServerCall,
): void {
  partsOf(context, questions, message, call)
    .then((parts) => call.replyInParts(parts, releaseAnswerPart))
    .catch((error: unknown) => failCall(call, error));
}

async function partsOf(
  context: LeaseContext,
  questions: LeaderQuestions,
  message: Uint8Array,
  call: ServerCall,
): Promise<Uint8Array[]> {
  const request = decode(LeaseTimeToLiveRequestSchema, message);
  const { ID, keys } = request;
  const { access } = context;
  if (access.isRestricted) await CALL_NEEDS.LeaseTimeToLive(request, access.needsOf(callerOf(call)));
  if (keys && context.lessor.hasManyKeys(ID)) await answerRoomFor(call);
  const status = context.consensus.isLeader
    ? await statusHere(context, ID, keys, call)
    : await statusAtLeader(context, questions, ID, keys, call);
  const withoutKeys = encode(LeaseTimeToLiveResponseSchema, {
    header: context.headers.fields(context.store.currentRevision),
    ID,
    TTL: status.ttlSeconds,
    grantedTTL: status.grantedTtlSeconds,
  });
  return [withoutKeys, ...status.keyFields];
}

/** Nothing is held while the client does not take what it has asked for before. */
function answerRoomFor(call: ServerCall): Promise<void> {
  return new Promise((resolve) => call.whenAnswerRoom(resolve));
}

async function statusHere(
  context: LeaseContext,
  id: bigint,
  withKeys: boolean,
  call: ServerCall,
): Promise<Status> {
  const { lessor } = context;
  if (!(await isCaughtUp(context))) throw new RequestError("TIMEOUT_APPLIED_INDEX");
  // The keys of a lease are those of the state before an entry, or after it.
  if (withKeys) await context.consensus.entryEnded();
  // Without deadlines (not yet, or no longer) there is another leader, or soon an answer: ask again.
  if (!lessor.isPrimary) throw new RequestError("LEADER_CHANGED");
  const status = lessor.timeToLive(id, false);
  if (status === undefined) return NO_LEASE;
  return {
    ttlSeconds: BigInt(status.ttlSeconds),
    grantedTtlSeconds: BigInt(status.grantedTtlSeconds),
    keyFields: withKeys ? await keyFieldsOf(lessor, id, call) : [],
  };
}

async function statusAtLeader(
  context: LeaseContext,
  questions: LeaderQuestions,
  ID: bigint,
  keys: boolean,
  call: ServerCall,
): Promise<Status> {
  const { signal } = waitingCallerOf(call);
  const question = {
    path: "/leases/internal",
    body: encode(LeaseInternalRequestSchema, { LeaseTimeToLiveRequest: { ID, keys } }),
    maxResponseBytes: MAX_RESPONSE_BYTES,
    askHere: () => statusHere(context, ID, keys, call),
    read: (response: PeerResponse) => readStatus(context, response, ID),
  };
  return questions.ask(question, signal);
}

/** A 404 means that the lease is gone, whatever its body; anything else that is no status leaves it open. */
async function readStatus(
  context: LeaseContext,
  { status, body }: PeerResponse,
  id: bigint,
): Promise<Status | typeof TRY_AGAIN> {
  if (status === 404) return NO_LEASE;
  if (status !== 200) return TRY_AGAIN;
  try {
    const told = await context.lessor.reading.run(readInternalSteps(body));
    return told === undefined || told.id !== id ? TRY_AGAIN : told;
  } catch {
    return TRY_AGAIN;
  }
}
