import { GrpcServer, type ServerCall } from "@quorate/rpc/server";
import type { Clock } from "@quorate/storage/seams/clock";
import { realClock } from "@quorate/storage/seams/real-clock";
import { withCancelFunctions } from "@quorate/testkit/clock";
import { encode } from "@quorate/wire";
import {
  LeaseKeepAliveRequestSchema,
  RangeRequestSchema,
  WatchRequestSchema,
} from "@quorate/wire/etcdserverpb";
import { HeaderEncoder } from "@quorate/wire/hot";
import { createGateway, type Gateway } from "../client-port/gateway/gateway.ts";
import { answerHttp2 } from "../client-port/http2-requests.ts";
import { RequestError } from "../errors.ts";
import { notFound } from "../http/plain-text.ts";
import { silentLogger } from "../log/logger.ts";
import type { RangeCaller } from "../mvcc/range.ts";
import { OPEN_ACCESS } from "../operations/open-access.testing.ts";
import { ResponseHeaders } from "../operations/response-headers.ts";
import type { LeaderMonitor } from "../watch/leader-monitor.ts";
import { Harness } from "../watch/testing/harness.ts";
import type { ApiContext } from "./context.ts";
import { NO_IDENTITIES } from "./identities.testing.ts";
import { addKvService } from "./kv/service.ts";
import { FakePeerRequests } from "./lease/testing.ts";
import { addLeaseService } from "./lease-service.ts";
import { localCalls } from "./local-calls.ts";
import { Measures } from "./measures.ts";
import { Services } from "./services.ts";
import { addSnapshotService } from "./snapshot-service.ts";
import { addWatchService } from "./watch-service.ts";

/** A call may receive messages of so many octets. */
export const MAX_MESSAGE_BYTES = 1_000;

/** Calls that hold something for as long as they are open, and what begins them. */
export const KINDS = {
  watch: {
    rpc: "/etcdserverpb.Watch/Watch",
    json: "/v3/watch",
    isStreaming: true,
    message: encode(WatchRequestSchema, {
      requestUnion: { case: "createRequest", value: { key: Buffer.from("a") } },
    }),
    body: '{"create_request":{"key":"YQ=="}}',
    holds: ["calls", "watchers", "watchStreams", "monitored"],
  },
  renewal: {
    rpc: "/etcdserverpb.Lease/LeaseKeepAlive",
    json: "/v3/lease/keepalive",
    isStreaming: true,
    message: encode(LeaseKeepAliveRequestSchema, { ID: 7n }),
    body: '{"ID":"7"}',
    holds: ["calls", "renewals", "monitored"],
  },
  snapshot: {
    rpc: "/etcdserverpb.Maintenance/Snapshot",
    json: "/v3/maintenance/snapshot",
    isStreaming: false,
    message: new Uint8Array(0),
    body: "{}",
    holds: ["calls", "snapshots"],
  },
  range: {
    rpc: "/etcdserverpb.KV/Range",
    json: "/v3/kv/range",
    isStreaming: false,
    message: encode(RangeRequestSchema, {
      key: Buffer.from("a"),
      rangeEnd: Buffer.from("b"),
      serializable: true,
    }),
    body: '{"key":"YQ==","range_end":"Yg==","serializable":true}',
    holds: ["calls", "ranges"],
  },
} as const;
export type Kind = (typeof KINDS)[keyof typeof KINDS];

export interface Open {
  readonly calls: number;
  readonly watchers: number;
  readonly watchStreams: number;
  /** Renewals that were passed on to the leader, who does not answer. */
  readonly renewals: number;
  /** Copies of the database that are being sent. */
  readonly snapshots: number;
  /** Ranges that are being read in slices. */
  readonly ranges: number;
  /** Streams that end when the leader is lost. */
  readonly monitored: number;
}

export const NOTHING_OPEN: Open = {
  calls: 0,
  watchers: 0,
  watchStreams: 0,
  renewals: 0,
  snapshots: 0,
  ranges: 0,
  monitored: 0,
};

/** The services of a follower, for clients of gRPC and of JSON, and what is open in them. */
export class OpenCalls {
  readonly watch = new Harness();
  readonly defects: unknown[] = [];
  readonly grpc: GrpcServer;
  readonly gateway: Gateway;
  readonly calls: ServerCall[] = [];
  readonly #peers = new FakePeerRequests(this.clock);
  #snapshots = 0;
  #ranges = 0;
  #monitored = 0;

  constructor() {
    const context = this.#context();
    const services = new Services(context);
    const monitor = this.#monitor();
    addKvService(services, context);
    addWatchService(services, context, monitor);
    addLeaseService(services, context, monitor);
    addSnapshotService(services, context);
    const report = (error: unknown) => this.defects.push(error);
    this.grpc = new GrpcServer({
      maxReceiveMessageBytes: MAX_MESSAGE_BYTES,
      clock: withCancelFunctions(this.clock),
      onHandlerError: report,
      onHttpRequest: (exchange) => {
        answerHttp2(exchange, this.gateway, (_target, _req, res) => notFound(res));
      },
    });
    this.#watchOver(services);
    for (const [path, handler] of services.unary) this.grpc.unary(path, handler);
    for (const [path, handler] of services.streams) this.grpc.stream(path, handler);
    // Timers are the test's; what goes on in the next turn does so by itself.
    const clock: Clock = {
      nowMs: () => this.clock.nowMs(),
      wallMs: () => this.clock.wallMs(),
      setTimer: (delayMs, callback) => this.clock.setTimer(delayMs, callback),
      soon: realClock.soon,
    };
    this.gateway = createGateway({
      backend: localCalls(services, clock, MAX_MESSAGE_BYTES, report),
      maxRequestBytes: MAX_MESSAGE_BYTES,
      clock,
      cors: [],
      hostWhitelist: [],
      clientCertAuth: false,
      isAuthEnabled: () => false,
      onDefect: report,
    });
  }

  get clock() {
    return this.watch.clock;
  }

  get open(): Open {
    this.clock.settle();
    const { streams, watchers } = this.watch.hub.metrics;
    return {
      calls: this.calls.filter(({ ended }) => !ended).length,
      watchers,
      watchStreams: streams,
      renewals: this.#peers.sent.filter(({ aborted }) => !aborted).length,
      snapshots: this.#snapshots,
      ranges: this.#ranges,
      monitored: this.#monitored,
    };
  }

  /** Remembers every call that a handler sees. */
  #watchOver({ unary, streams }: Services): void {
    for (const [path, handler] of unary) {
      unary.set(path, (message, call) => {
        this.calls.push(call);
        handler(message, call);
      });
    }
    for (const [path, handler] of streams) {
      streams.set(path, (call) => {
        this.calls.push(call);
        handler(call);
      });
    }
  }

  #monitor(): LeaderMonitor {
    const add = () => {
      const entry = { isIn: true };
      this.#monitored++;
      return () => {
        if (entry.isIn) this.#monitored--;
        entry.isIn = false;
      };
    };
    return { add } as unknown as LeaderMonitor;
  }

  #context(): ApiContext {
    return {
      clock: this.clock,
      measures: new Measures(this.clock),
      log: silentLogger,
      watches: this.watch.hub,
      headers: new ResponseHeaders(new HeaderEncoder(1n, 1n), 1n, 1n, { appliedTerm: 2 }),
      access: OPEN_ACCESS,
      identities: NO_IDENTITIES,
      peerRequests: this.#peers,
      requestTimeoutMs: 7_000,
      config: { heartbeatMs: 100_000, features: { FastLeaseKeepAlive: true } },
      membership: {
        version: "3.7.0",
        isLearner: false,
        localId: 1n,
        member: (id: bigint) => ({ id, peerUrls: ["http://leader"] }),
      },
      consensus: {
        isLeader: false,
        leader: 2n,
        lastTickMs: 0,
        committedIndex: 1,
        appliedIndex: 1,
        appliedTerm: 2,
      },
      lessor: { has: () => true, isPrimary: false },
      backend: { get: () => undefined, export: async () => this.#endlessSnapshot() },
      store: {
        currentRevision: 1,
        rangeInto: (_request: unknown, _sink: unknown, caller: RangeCaller) => this.#endlessRange(caller),
      },
    } as unknown as ApiContext;
  }

  /** More than any client takes that does not read. */
  #endlessSnapshot() {
    this.#snapshots++;
    return {
      sizeBytes: 2 ** 40,
      async *read() {
        for (;;) {
          await new Promise((resolve) => setImmediate(resolve));
          yield new Uint8Array(131_072);
        }
      },
      release: async () => void this.#snapshots--,
    };
  }

  /** Looks before each slice whether anybody wants the next one. */
  async #endlessRange(caller: RangeCaller): Promise<never> {
    this.#ranges++;
    while (!caller.ended) await new Promise((resolve) => setImmediate(resolve));
    this.#ranges--;
    throw new RequestError("CANCELED");
  }
}
