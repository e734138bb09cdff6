import { failpoints } from "@quorate/storage/failpoints";
import { decodeLeaseKeepAliveResponse, encodeLeaseId } from "@quorate/wire/hot";
import { isRefusedWith, RequestError } from "../../errors.ts";
import type { Lessor } from "../../lease/lessor.ts";
import type { PeerResponse } from "../../peer/peer-requests.ts";
import type { RenewContext } from "../context.ts";
import { type LeaderQuestions, TRY_AGAIN } from "./ask-leader.ts";
import { ensureLeadership, isCaughtUp, isCertainLeader } from "./leadership.ts";

/** What a keepalive says of a lease that is not there. */
const NO_LEASE = 0;
const MAX_RESPONSE_BYTES = 65_536;

type Renewal = number | typeof TRY_AGAIN;

/**
 * Renews a lease, here or at the leader; the TTL it was granted, or 0 when there is no such lease (any more). A number at
 * once when this member is certainly the lessor and the lease has not expired: nearly always, so without a promise.
 */
export function renewLease(
  context: RenewContext,
  questions: LeaderQuestions,
  id: bigint,
  signal: AbortSignal,
): number | Promise<number> {
  const { consensus, lessor, config } = context;
  const isKnownHere = config.features.FastLeaseKeepAlive
    ? lessor.has(id)
    : consensus.appliedIndex >= consensus.committedIndex;
  if (!isKnownHere || !lessor.isPrimary || !isCertainLeader(context)) {
    const attempt = consensus.isLeader ? renewHere(context, id) : TRY_AGAIN;
    return orAskLeader(context, questions, id, signal, attempt);
  }
  const renewed = renewAtLessor(lessor, id);
  return typeof renewed === "number" ? renewed : orAskLeader(context, questions, id, signal, renewed);
}

async function orAskLeader(
  context: RenewContext,
  questions: LeaderQuestions,
  id: bigint,
  signal: AbortSignal,
  attempt: Renewal | Promise<Renewal>,
): Promise<number> {
  const renewed = await attempt;
  if (renewed !== TRY_AGAIN) return renewed;
  const question = {
    path: "/leases",
    body: encodeLeaseId(id),
    maxResponseBytes: MAX_RESPONSE_BYTES,
    askHere: () => renewHere(context, id),
    read: (response: PeerResponse) => readRenewal(response, id),
  };
  return questions.ask(question, signal);
}

/** On the leader. TRY_AGAIN while it is not the lessor yet, or when it ceased to be. */
async function renewHere(context: RenewContext, id: bigint): Promise<Renewal> {
  const { lessor, config } = context;
  await ensureLeadership(context);
  // Its grant may be committed and not yet applied.
  const needsToCatchUp = !config.features.FastLeaseKeepAlive || !lessor.has(id);
  if (needsToCatchUp && !(await isCaughtUp(context))) throw new RequestError("TIMEOUT_APPLIED_INDEX");
  return renewAtLessor(lessor, id);
}

function renewAtLessor(lessor: Lessor, id: bigint): Renewal | Promise<Renewal> {
  try {
    const renewed = failpoints === undefined ? lessor.renew(id) : renewAfterFailpoint(lessor, id);
    return typeof renewed === "number" ? renewed : renewed.catch(outcomeOf);
  } catch (error) {
    return outcomeOf(error);
  }
}

/** Only in processes with failpoints. */
async function renewAfterFailpoint(lessor: Lessor, id: bigint): Promise<number> {
  if (lessor.has(id)) await failpoints?.hit("beforeCheckpointInLeaseRenew");
  return lessor.renew(id);
}

function outcomeOf(error: unknown): Renewal {
  if (isRefusedWith(error, "LEASE_NOT_FOUND")) return NO_LEASE;
  if (isRefusedWith(error, "NOT_PRIMARY_LESSOR")) return TRY_AGAIN;
  throw error;
}

/** A 404 means that the lease is gone, whatever its body; anything else that is no renewal leaves it open. */
function readRenewal({ status, body }: PeerResponse, id: bigint): Renewal {
  if (status === 404) return NO_LEASE;
  if (status !== 200) return TRY_AGAIN;
  try {
    const renewed = decodeLeaseKeepAliveResponse(body);
    return renewed.id === id ? renewed.ttlSeconds : TRY_AGAIN;
  } catch {
    return TRY_AGAIN;
  }
}
