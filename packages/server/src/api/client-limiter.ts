import type { ServerCall } from "@quorate/rpc/server";
import type { Clock } from "@quorate/storage/seams/clock";
import type { ClientLimits } from "../config/client-limits.ts";
import { RequestError } from "../errors.ts";
import { callerOf } from "./callers.ts";
import { LoopbackPeer } from "./loopback.ts";
import { type LimiterCounts, type RequestLimiter, tellWhenToRetry } from "./request-limiter.ts";

/**
 * Users and addresses whose requests are counted. Beyond that those are forgotten who may have everything at once again, and
 * when all of them ask for much, all are.
 */
const MAX_LIMITED_CLIENTS = 8_192;

/** Those of keys. Leases, members and maintenance are for those who hold a cluster together, and never wait for a limit. */
const LIMITED = [
  "/etcdserverpb.KV/",
  "/etcdserverpb.Watch/",
  "/v3lockpb.Lock/",
  "/v3electionpb.Election/",
  "/quorate.v1.Access/",
];

/** What one client may still have: a bucket for requests and one for bytes. */
interface Allowance {
  requests: number;
  bytes: number;
  atMs: number;
}

/** Keeps what single clients ask for within limits. Bounded in memory, whoever comes. */
export class ClientLimiter implements RequestLimiter {
  readonly limits: ClientLimits;
  readonly counts: LimiterCounts = { requests: 0, bytes: 0 };
  readonly #clock: Clock;
  readonly #allowances = new Map<string, Allowance>();

  constructor(limits: ClientLimits, clock: Clock) {
    this.limits = limits;
    this.#clock = clock;
  }

  /** Whether calls of a method are limited at all. */
  static limits(path: string): boolean {
    return LIMITED.some((prefix) => path.startsWith(prefix));
  }

  /**
   * Reckons a request of `bytes` that begins now; false when it has been refused, with a time to come back. Whoever has
   * some of its bytes left may use more than those once, so that a large request is never refused for ever.
   */
  admits(call: ServerCall, bytes: number): boolean {
    const waitMs = this.#take(clientOf(call), bytes);
    if (waitMs === 0 || this.limits.isDryRun) return true;
    tellWhenToRetry(call, waitMs);
    call.fail(...new RequestError("CLIENT_LIMITED", Math.ceil(waitMs)).status);
    return false;
  }

  /** After how many milliseconds it may come again; 0: it may have this now. */
  #take(client: string, bytes: number): number {
    const { bytesPerSecond, requestsPerSecond } = this.limits;
    const allowance = this.#allowanceOf(client);
    if (allowance.requests < 1) {
      this.counts.requests++;
      return (1_000 * (1 - allowance.requests)) / requestsPerSecond;
    }
    if (allowance.bytes <= 0) {
      this.counts.bytes++;
      return (1_000 * (1 - allowance.bytes)) / bytesPerSecond;
    }
    allowance.requests -= 1;
    allowance.bytes -= bytes;
    return 0;
  }

  #allowanceOf(client: string): Allowance {
    const { burstSeconds, bytesPerSecond, requestsPerSecond } = this.limits;
    const atMs = this.#clock.nowMs();
    let allowance = this.#allowances.get(client);
    if (allowance === undefined) {
      if (this.#allowances.size >= MAX_LIMITED_CLIENTS) this.#forget(atMs);
      allowance = {
        requests: requestsPerSecond * burstSeconds,
        bytes: bytesPerSecond * burstSeconds,
        atMs,
      };
      this.#allowances.set(client, allowance);
      return allowance;
    }
    if (atMs === allowance.atMs) return allowance;
    const seconds = (atMs - allowance.atMs) / 1_000;
    allowance.atMs = atMs;
    const { requests, bytes } = allowance;
    allowance.requests = Math.min(requestsPerSecond * burstSeconds, requests + seconds * requestsPerSecond);
    allowance.bytes = Math.min(bytesPerSecond * burstSeconds, bytes + seconds * bytesPerSecond);
    return allowance;
  }

  /** Whoever has not asked for a burst's time may nearly always have everything again: nothing is lost with it. */
  #forget(nowMs: number): void {
    const beforeMs = nowMs - this.limits.burstSeconds * 1_000;
    for (const [client, { atMs }] of this.#allowances) {
      if (atMs <= beforeMs) this.#allowances.delete(client);
    }
    if (this.#allowances.size >= MAX_LIMITED_CLIENTS) this.#allowances.clear();
  }
}

/** A user, else where the call comes from; whoever comes over a unix socket without a user is one client. */
export function clientOf(call: ServerCall): string {
  const { username } = callerOf(call);
  if (username !== "") return `user ${username}`;
  const { peer } = call;
  return peer instanceof LoopbackPeer ? peer.clientAddress : peer.address;
}
