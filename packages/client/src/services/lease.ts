import { Code } from "@quorate/rpc/status";
import {
  encodeMessage,
  type Init,
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesRequest,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from "@quorate/wire/messages";
import { decodeAnswer, MalformedAnswer } from "../connection/answers.ts";
import { type Calls, method, type OpenCall } from "../connection/calls.ts";
import { Deadline, type RequestOptions } from "../connection/deadline.ts";
import { ClientError } from "../connection/errors.ts";

const GRANT = method("Lease", "LeaseGrant", LeaseGrantRequest, LeaseGrantResponse, "once");
const REVOKE = method("Lease", "LeaseRevoke", LeaseRevokeRequest, LeaseRevokeResponse, "once");
const TIME_TO_LIVE = method(
  "Lease",
  "LeaseTimeToLive",
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
  "safe",
);
const LEASES = method("Lease", "LeaseLeases", LeaseLeasesRequest, LeaseLeasesResponse, "safe");
const KEEP_ALIVE = "/etcdserverpb.Lease/LeaseKeepAlive";

/** How long an answer to a keep-alive may take before another connection is tried. */
const ANSWER_TIMEOUT_MS = 5_000;
/** Of the time to live that is left, how much passes until the next one. */
const FRACTION = 3;

/** Leases, and keeping them alive. Every method rejects with a ClientError. */
export class Lease {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** TTL is in seconds. The server chooses the ID unless one is given. */
  grant(request: Init<LeaseGrantRequest>, options?: RequestOptions): Promise<LeaseGrantResponse> {
    return this.#calls.unary(GRANT, request, options);
  }

  revoke(request: Init<LeaseRevokeRequest>, options?: RequestOptions): Promise<LeaseRevokeResponse> {
    return this.#calls.unary(REVOKE, request, options);
  }

  timeToLive(
    request: Init<LeaseTimeToLiveRequest>,
    options?: RequestOptions,
  ): Promise<LeaseTimeToLiveResponse> {
    return this.#calls.unary(TIME_TO_LIVE, request, options);
  }

  list(options?: RequestOptions): Promise<LeaseLeasesResponse> {
    return this.#calls.unary(LEASES, {}, options);
  }

  /** Gives the lease its full time to live again. Rejects with NOT_FOUND when it is gone. */
  async keepAliveOnce(id: bigint, options?: RequestOptions): Promise<LeaseKeepAliveResponse> {
    const deadline = this.#calls.deadline(options);
    for (;;) {
      const call = await this.#calls.open(KEEP_ALIVE, deadline);
      try {
        const response = await askToKeep(call, id);
        if (response.ID !== BigInt.asIntN(64, id)) throw new MalformedAnswer("it is about another lease");
        if (response.TTL <= 0n) throw leaseNotFound();
        return response;
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        await this.#calls.recover(call, error, deadline);
      } finally {
        call.stream.cancel();
      }
    }
  }

  /**
   * Keeps the lease alive for as long as the answers are iterated over, over any number of connections: one now, and one
   * whenever a third of its time has passed. Ends when the lease is gone, or could not be kept in time.
   */
  async *keepAlive(id: bigint, signal?: AbortSignal): AsyncGenerator<LeaseKeepAliveResponse, void> {
    let ttlMs = ANSWER_TIMEOUT_MS;
    for (;;) {
      // Whoever cannot reach a member in all that time has lost the lease.
      const deadline = new Deadline(ttlMs, signal);
      let response: LeaseKeepAliveResponse;
      try {
        response = await this.#keepBefore(id, deadline);
      } catch (error) {
        if (error instanceof ClientError && (error.code === Code.NOT_FOUND || deadline.passed)) return;
        throw error;
      }
      yield response;
      ttlMs = Number(response.TTL) * 1_000;
      await new Deadline(Number.POSITIVE_INFINITY, signal).sleep(ttlMs / FRACTION);
    }
  }

  /** Tries until the deadline; each try may take so long that others can follow. */
  async #keepBefore(id: bigint, deadline: Deadline): Promise<LeaseKeepAliveResponse> {
    for (;;) {
      const timeoutMs = Math.min(ANSWER_TIMEOUT_MS, deadline.atMs - performance.now());
      try {
        return await this.keepAliveOnce(id, { timeoutMs, signal: deadline.signal });
      } catch (error) {
        if (!(error instanceof ClientError) || error.code !== Code.DEADLINE_EXCEEDED) throw error;
        deadline.check();
      }
    }
  }
}

async function askToKeep({ stream, messages }: OpenCall, id: bigint): Promise<LeaseKeepAliveResponse> {
  stream.send(encodeMessage(LeaseKeepAliveRequest, { ID: id }));
  const message = await messages.next();
  if (message === undefined) throw new ClientError(Code.UNAVAILABLE, "the server ended the stream");
  return decodeAnswer(LeaseKeepAliveResponse, message);
}

function leaseNotFound(): ClientError {
  return new ClientError(Code.NOT_FOUND, "etcdserver: requested lease not found");
}
