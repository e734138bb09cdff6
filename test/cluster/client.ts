/**
 * A client of one member over `@quorate/rpc` that connects again whenever its connection is gone. It never retries
 * a call: whether a call that failed was executed is for the checker to find out.
 */
import { type ClientStream, GrpcClient } from "@quorate/rpc/client";
import { Code, GrpcError } from "@quorate/rpc/status";
import * as m from "@quorate/testkit/messages";
import type { MessageType } from "@quorate/testkit/proto";
import * as cluster from "./messages.ts";

const CONNECT_TIMEOUT_MS = 1_000;
/** What calls may still take on a connection whose server is going away. */
const GOING_AWAY_MS = 300;

/** No connection could be made, so the server has not seen the call. */
export class NotSent extends Error {}

/** What a failed call says about its execution. */
export type Outcome = "never" | "maybe";

/** Statuses of calls that were refused before they were proposed. */
const REFUSED: ReadonlySet<number> = new Set([
  Code.INVALID_ARGUMENT,
  Code.NOT_FOUND,
  Code.PERMISSION_DENIED,
  Code.RESOURCE_EXHAUSTED,
  Code.FAILED_PRECONDITION,
  Code.OUT_OF_RANGE,
  Code.UNIMPLEMENTED,
  Code.UNAUTHENTICATED,
]);

/** Texts with which etcd answers Unknown when a proposal meets an election or a stop. */
const UNKNOWN_TEXTS = [
  "raft proposal dropped",
  "raft: stopped",
  "etcdserver: too many requests",
  "not a primary lessor",
];

/** Refusals that a late call or a member that has just been added may meet. */
const EXPLAINED_TEXTS = [
  "etcdserver: rpc not supported for learner",
  "etcdserver: not capable",
  "etcdserver: requested lease not found",
];

export function outcomeOf(error: unknown): Outcome {
  if (error instanceof NotSent) return "never";
  return error instanceof GrpcError && REFUSED.has(error.code) ? "never" : "maybe";
}

/** Whether crashes, partitions and elections explain the error; anything else is a finding. */
export function isExplained(error: unknown): boolean {
  if (error instanceof NotSent) return true;
  if (!(error instanceof GrpcError)) return false;
  if (error.code === Code.UNKNOWN) return UNKNOWN_TEXTS.some((text) => error.details.includes(text));
  if (EXPLAINED_TEXTS.includes(error.details)) return true;
  return (
    error.code === Code.UNAVAILABLE || error.code === Code.DEADLINE_EXCEEDED || error.code === Code.CANCELLED
  );
}

/**
 * Whether a call has no answer and nothing is known of what became of it. That a deadline has passed says the client
 * (DEADLINE_EXCEEDED) or the server (UNAVAILABLE), whoever sees it first.
 */
export function isUnanswered(error: unknown): boolean {
  return outcomeOf(error) === "maybe" && isExplained(error);
}

export function textOf(error: unknown): string {
  if (error instanceof NotSent) return "not connected";
  if (error instanceof GrpcError) return `${error.code} ${error.details}`;
  return String(error);
}

export class MemberClient {
  readonly name: string;
  readonly address: string;
  #client: GrpcClient | undefined;
  #connecting: Promise<GrpcClient> | undefined;
  #closed = false;

  /** `address` is host:port; `name` appears in reports. */
  constructor(name: string, address: string) {
    this.name = name;
    this.address = address;
  }

  async #connected(): Promise<GrpcClient> {
    if (this.#closed) throw new NotSent("the client is closed");
    if (this.#client !== undefined && !this.#client.unusable) return this.#client;
    this.#connecting ??= this.#connect();
    return this.#connecting;
  }

  async #connect(): Promise<GrpcClient> {
    try {
      const client = await GrpcClient.connect({
        address: this.address,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
      });
      if (this.#closed) {
        client.close();
        throw new Error("the client is closed");
      }
      this.#client = client;
      // A server that stops waits for open streams for a while; nobody needs to wait with it.
      client.onUnusable = () => setTimeout(() => client.close(), GOING_AWAY_MS);
      return client;
    } catch (error) {
      throw new NotSent((error as Error).message);
    } finally {
      this.#connecting = undefined;
    }
  }

  /** Rejects with NotSent or a GrpcError; a deadline is always set. */
  async call<In, Out>(
    path: string,
    request: MessageType<In, unknown>,
    response: MessageType<never, Out>,
    value: In,
    timeoutMs: number,
  ): Promise<Out> {
    const encoded = request.encode(value);
    const client = await this.#connected();
    const answer = await client.unary(`/etcdserverpb.${path}`, encoded, {
      deadlineMs: performance.now() + timeoutMs,
    });
    return response.decode(answer);
  }

  /** A streaming call, with messages as bytes. */
  async stream(path: string): Promise<ClientStream> {
    const client = await this.#connected();
    return client.stream(`/etcdserverpb.${path}`);
  }

  range = this.#unary("KV/Range", m.RangeRequest, m.RangeResponse);
  put = this.#unary("KV/Put", m.PutRequest, m.PutResponse);
  txn = this.#unary("KV/Txn", m.TxnRequest, m.TxnResponse);
  compact = this.#unary("KV/Compact", m.CompactionRequest, m.CompactionResponse);
  leaseGrant = this.#unary("Lease/LeaseGrant", m.LeaseGrantRequest, m.LeaseGrantResponse);
  leaseRevoke = this.#unary("Lease/LeaseRevoke", m.LeaseRevokeRequest, m.LeaseRevokeResponse);
  leases = this.#unary("Lease/LeaseLeases", m.LeaseLeasesRequest, m.LeaseLeasesResponse);
  status = this.#unary("Maintenance/Status", m.StatusRequest, m.StatusResponse);
  hashKv = this.#unary("Maintenance/HashKV", m.HashKVRequest, m.HashKVResponse);
  moveLeader = this.#unary("Maintenance/MoveLeader", cluster.MoveLeaderRequest, cluster.MoveLeaderResponse);
  memberAdd = this.#unary("Cluster/MemberAdd", cluster.MemberAddRequest, cluster.MemberAddResponse);
  memberRemove = this.#unary(
    "Cluster/MemberRemove",
    cluster.MemberRemoveRequest,
    cluster.MemberRemoveResponse,
  );
  memberPromote = this.#unary(
    "Cluster/MemberPromote",
    cluster.MemberPromoteRequest,
    cluster.MemberPromoteResponse,
  );
  memberList = this.#unary("Cluster/MemberList", cluster.MemberListRequest, cluster.MemberListResponse);

  #unary<In, Out>(path: string, request: MessageType<In, unknown>, response: MessageType<never, Out>) {
    return (value: In, timeoutMs = 3_000): Promise<Out> =>
      this.call(path, request, response, value, timeoutMs);
  }

  /** Renews a lease once; the TTL that the server answers, 0 when the lease is gone. */
  async keepAlive(leaseId: bigint, timeoutMs = 3_000): Promise<number> {
    const stream = await this.stream("Lease/LeaseKeepAlive");
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        stream.cancel();
        reject(new GrpcError(Code.DEADLINE_EXCEEDED, "no answer to a keepalive"));
      }, timeoutMs);
      stream.onMessage = (message) => {
        clearTimeout(timer);
        resolve(m.LeaseKeepAliveResponse.decode(message).TTL);
        stream.cancel();
      };
      stream.onEnd = (status) => {
        clearTimeout(timer);
        reject(new GrpcError(status.code, status.details));
      };
      stream.send(m.LeaseKeepAliveRequest.encode({ ID: leaseId }));
    });
  }

  /** Cuts the connection; the next call makes another. */
  disconnect(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  close(): void {
    this.#closed = true;
    this.disconnect();
  }
}
