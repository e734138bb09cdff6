import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { ServerCall } from "@quorate/rpc/server";
import { Code, GrpcError } from "@quorate/rpc/status";
import type { Clock } from "@quorate/storage/seams/clock";
import { decode, encode } from "@quorate/wire";
import {
  DeleteRangeRequestSchema,
  type DeleteRangeResponse,
  DeleteRangeResponseSchema,
  LeaseGrantRequestSchema,
  type LeaseGrantResponse,
  LeaseGrantResponseSchema,
  RangeRequestSchema,
  type RangeResponse,
  RangeResponseSchema,
  TxnRequestSchema,
  type TxnResponse,
  TxnResponseSchema,
  type WatchCreateRequestSchema,
  WatchRequestSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { FAILURES, grpcError, RequestError } from "../../errors.ts";
import type { GatewayBackend, GatewaySink } from "../gateway-backend.ts";
import { type LocalServices, localCalls } from "../local-calls.ts";

/** What says who somebody is; certificates come with the peer. */
const CREDENTIALS = ["token", "authorization"] as const;

/**
 * Calls methods of this member for another call, with the credentials of whoever made that one. Fails with GrpcError, as
 * over the wire; a defect of a handler is thrown as it is.
 */
export class OwnClient {
  readonly #call: ServerCall;
  readonly #backend: GatewayBackend;
  #defect: unknown;

  constructor({ unary, streams }: LocalServices, clock: Clock, call: ServerCall) {
    this.#call = call;
    const report = (error: unknown): void => {
      this.#defect = error;
    };
    this.#backend = localCalls({ unary, streams }, clock, Number.POSITIVE_INFINITY, report, call.peer);
  }

  range(request: MessageInitShape<typeof RangeRequestSchema>): Promise<RangeResponse> {
    return this.#unary("/etcdserverpb.KV/Range", RangeRequestSchema, request, RangeResponseSchema);
  }

  txn(request: MessageInitShape<typeof TxnRequestSchema>): Promise<TxnResponse> {
    return this.#unary("/etcdserverpb.KV/Txn", TxnRequestSchema, request, TxnResponseSchema);
  }

  deleteKey(key: Uint8Array): Promise<DeleteRangeResponse> {
    return this.#unary(
      "/etcdserverpb.KV/DeleteRange",
      DeleteRangeRequestSchema,
      { key },
      DeleteRangeResponseSchema,
    );
  }

  grantLease(ttlSeconds: bigint): Promise<LeaseGrantResponse> {
    return this.#unary(
      "/etcdserverpb.Lease/LeaseGrant",
      LeaseGrantRequestSchema,
      { TTL: ttlSeconds },
      LeaseGrantResponseSchema,
    );
  }

  /**
   * What one watcher is told, until whoever iterates has enough of it; a slow one makes the watcher wait. Fails with
   * `COMPACTED` when history is gone, and as soon as `signal` fires.
   */
  async *watch(
    request: MessageInitShape<typeof WatchCreateRequestSchema>,
    signal: AbortSignal,
  ): AsyncGenerator<WatchResponse, void, undefined> {
    const received: WatchResponse[] = [];
    let failure: unknown;
    let wake = (): void => {};
    const fail = (error: unknown): void => {
      failure ??= error;
      wake();
    };
    const onAbort = (): void => fail(grpcError("CALL_CANCELED"));
    signal.addEventListener("abort", onAbort, { once: true });
    const watch = this.#backend.start("/etcdserverpb.Watch/Watch", this.#credentials(), Infinity, {
      ...sinkOf((message) => {
        received.push(decode(WatchResponseSchema, message));
        watch.pause?.();
        wake();
      }),
      onEnd: (code, message) => fail(this.#failure(code, message)),
    });
    try {
      if (signal.aborted) onAbort();
      watch.send(encode(WatchRequestSchema, { requestUnion: { case: "createRequest", value: request } }));
      for (;;) {
        while (received.length === 0 && failure === undefined) {
          const { promise, resolve } = Promise.withResolvers<void>();
          wake = resolve;
          watch.resume?.();
          await promise;
        }
        if (failure !== undefined) throw failure;
        const response = received.shift()!;
        if (response.canceled) throw refusalOf(response);
        if (response.events.length > 0) yield response;
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      watch.cancel();
    }
  }

  #unary<Request extends DescMessage, Response extends DescMessage>(
    path: string,
    requestSchema: Request,
    request: MessageInitShape<Request>,
    responseSchema: Response,
  ): Promise<MessageShape<Response>> {
    return new Promise((resolve, reject) => {
      const call = this.#backend.start(path, this.#credentials(), Infinity, {
        ...sinkOf((message) => resolve(decode(responseSchema, message))),
        // After an answer this changes nothing.
        onEnd: (code, message) => reject(this.#failure(code, message)),
      });
      call.send(encode(requestSchema, request));
      call.halfClose();
    });
  }

  #credentials(): Map<string, string[]> {
    const credentials = new Map<string, string[]>();
    for (const name of CREDENTIALS) {
      const values = this.#call.metadataValues(name);
      if (values.length > 0) credentials.set(name, [...values]);
    }
    return credentials;
  }

  #failure(code: number, message: string): unknown {
    return this.#defect ?? new GrpcError(code, message);
  }
}

function sinkOf(onMessage: (message: Uint8Array) => void): Omit<GatewaySink, "onEnd"> {
  return {
    onMessage: (message) => onMessage(message instanceof Uint8Array ? message : Buffer.concat(message)),
    onParts: (parts, release) => {
      const message = Buffer.concat(parts);
      for (const part of parts) release(part);
      onMessage(message);
    },
    onPauseReading: () => {},
    onResumeReading: () => {},
  };
}

/** Why a watcher has ended. */
function refusalOf({ compactRevision, cancelReason }: WatchResponse): Error {
  if (compactRevision > 0n) return new RequestError("COMPACTED");
  return new GrpcError(Code.FAILED_PRECONDITION, cancelReason || FAILURES.WATCH_CANCELED[1]);
}
