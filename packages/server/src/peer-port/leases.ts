import type http from "node:http";
import { decode, encode } from "@quorate/wire";
import {
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseTimeToLiveResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { encodeLeaseInternalHead } from "@quorate/wire/hot";
import { LeaseInternalRequestSchema } from "@quorate/wire/leasepb";
import { releaseAnswerPart } from "../answer-memory.ts";
import type { ApiContext } from "../api/context.ts";
import { keyFieldsOf } from "../api/lease/lease-keys.ts";
import { isRefusedWith, RequestError } from "../errors.ts";
import type { LeaseStatus } from "../lease/lessor.ts";
import { answer, answerError, answerInParts, readBody } from "./answers.ts";

type LeaseContext = Pick<ApiContext, "consensus" | "lessor">;
type Request = http.IncomingMessage;
type Response = http.ServerResponse;

const PROTOBUF = { "content-type": "application/protobuf" };
const MAX_REQUEST_BYTES = 65_536;
const CATCH_UP_MS = 1_000;

/**
 * `POST /leases`: another member passes on a keepalive, whose caller it has checked. Answers when the lease has been
 * renewed; for an expired one, when its revoke has been applied.
 *
 * On both paths a 404 means that the lease is gone for good, whoever asks; nothing else may be answered with it.
 */
export async function handleLeaseRenewal(
  context: LeaseContext,
  request: Request,
  response: Response,
): Promise<void> {
  const id = await readRequest(request, response, (body) => decode(LeaseKeepAliveRequestSchema, body).ID);
  if (id === undefined || !(await caughtUp(context, response))) return;
  try {
    const ttlSeconds = await context.lessor.renew(id);
    const message = encode(LeaseKeepAliveResponseSchema, { ID: id, TTL: BigInt(ttlSeconds) });
    answerMessage(response, message);
  } catch (error) {
    // Members tell each other without the prefix that clients see.
    if (isRefusedWith(error, "LEASE_NOT_FOUND")) answerError(response, "LEASE_NOT_FOUND");
    else answerError(response, "LEASE_NOT_RENEWED", { facts: [(error as Error).message] });
  }
}

/** `POST /leases/internal`: another member asks what is left of a lease. */
export async function handleLeaseTimeToLive(
  context: LeaseContext,
  request: Request,
  response: Response,
): Promise<void> {
  const asked = await readRequest(request, response, (body) => {
    const { LeaseTimeToLiveRequest: inner } = decode(LeaseInternalRequestSchema, body);
    if (inner === undefined) throw new Error("a request without the question");
    return inner;
  });
  if (asked === undefined || !(await caughtUp(context, response))) return;
  const { consensus, lessor } = context;
  let status: LeaseStatus | undefined;
  if (asked.keys) await consensus.entryEnded();
  try {
    status = lessor.timeToLive(asked.ID, false);
    // A leader that has not yet applied everything of former terms cannot tell what is not there.
    if (status === undefined && consensus.isLeader && !lessor.isPrimary) {
      throw new RequestError("NOT_PRIMARY_LESSOR");
    }
  } catch (error) {
    answerError(response, "LEASE_NOT_TOLD", { facts: [(error as Error).message] });
    return;
  }
  if (status === undefined) {
    answerError(response, "LEASE_NOT_FOUND");
    return;
  }
  const withoutKeys = encode(LeaseTimeToLiveResponseSchema, {
    // It must be there although it is empty: etcd's members take it for granted.
    header: {},
    ID: asked.ID,
    TTL: BigInt(status.ttlSeconds),
    grantedTTL: BigInt(status.grantedTtlSeconds),
  });
  const keyFields = asked.keys ? await keyFieldsOf(lessor, asked.ID, new AskingMember(response)) : [];
  let bytes = withoutKeys.length;
  for (const { length } of keyFields) bytes += length;
  const parts = [encodeLeaseInternalHead(bytes), withoutKeys, ...keyFields];
  answerInParts(response, 200, PROTOBUF, parts, releaseAnswerPart);
}

/** Wants its answer as long as it can be told. */
class AskingMember {
  readonly #response: Response;

  constructor(response: Response) {
    this.#response = response;
  }

  get ended(): boolean {
    return this.#response.destroyed;
  }
}

/** The decoded body, or undefined when the request has been answered. A 405 names no method here. */
async function readRequest<Decoded>(
  request: Request,
  response: Response,
  decodeBody: (body: Uint8Array) => Decoded,
): Promise<Decoded | undefined> {
  if (request.method !== "POST") {
    answerError(response, "METHOD_NOT_ALLOWED");
    return undefined;
  }
  const body = await readBody(request, MAX_REQUEST_BYTES).catch(() => undefined);
  if (body === undefined) {
    answerError(response, "BODY_BROKEN_OFF", { headers: { connection: "close" } });
    return undefined;
  }
  if (body.tooLarge) {
    answerError(response, "BODY_TOO_LARGE", { headers: { connection: "close" } });
    return undefined;
  }
  try {
    return decodeBody(body.bytes);
  } catch {
    answerError(response, "BODY_MALFORMED");
    return undefined;
  }
}

/** A lease that has just been granted is not known here before its entry has been applied. */
async function caughtUp({ consensus }: LeaseContext, response: Response): Promise<boolean> {
  const { committedIndex, appliedIndex } = consensus;
  if (appliedIndex >= committedIndex || (await consensus.waitApplied(committedIndex, CATCH_UP_MS)))
    return true;
  answerError(response, "APPLIED_TOO_LITTLE");
  return false;
}

function answerMessage(response: Response, message: Uint8Array): void {
  answer(response, 200, PROTOBUF, message);
}
