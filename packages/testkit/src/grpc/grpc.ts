/** An etcd client on `@grpc/grpc-js` with nothing in between: one function an RPC, plain messages in and out. */
import grpc from "@grpc/grpc-js";
import * as m from "./messages.ts";
import type { MessageType } from "./proto.ts";

export type Failure = { readonly code: number; readonly details: string };

export interface CallOptions {
  readonly deadlineMs?: number;
  readonly metadata?: grpc.Metadata;
}

/** In PEM. */
export interface TlsIdentity {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export class EtcdError extends Error {
  readonly code: number;
  readonly details: string;
  readonly metadata: grpc.Metadata;
  constructor(error: grpc.ServiceError) {
    super(error.message);
    this.code = error.code;
    this.details = error.details;
    this.metadata = error.metadata;
  }
}

function asBuffer<In>(type: MessageType<In, unknown>): (value: In) => Buffer {
  return (value) => type.encode(value);
}

const identity = (buffer: Buffer): Buffer => buffer;

/** A bidirectional stream whose responses are read one by one. */
export class Stream<In, Out> {
  readonly call: grpc.ClientDuplexStream<In, Out>;
  readonly #queue: Out[] = [];
  #wake: (() => void) | undefined;
  #error: EtcdError | undefined;
  #ended = false;

  constructor(call: grpc.ClientDuplexStream<In, Out>) {
    this.call = call;
    call.on("data", (value: Out) => {
      this.#queue.push(value);
      this.#notify();
    });
    call.on("error", (error: grpc.ServiceError) => {
      this.#error = new EtcdError(error);
      this.#notify();
    });
    call.on("end", () => {
      this.#ended = true;
      this.#notify();
    });
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  send(value: In): void {
    this.call.write(value);
  }

  /** The next response; fails when none comes in time or the stream ends first. */
  async next(timeoutMs = 10_000): Promise<Out> {
    const value = await this.poll(timeoutMs);
    if (value === undefined) throw new Error(`no response within ${timeoutMs} ms`);
    return value;
  }

  /** The next response, or undefined when none comes in time. Throws what ended the stream. */
  async poll(timeoutMs: number): Promise<Out | undefined> {
    const giveUpAt = performance.now() + timeoutMs;
    while (this.#queue.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) throw new Error("the stream ended");
      const restMs = giveUpAt - performance.now();
      if (restMs <= 0) return undefined;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, restMs);
      });
      clearTimeout(timer);
    }
    return this.#queue.shift();
  }

  /** How the stream ended; waits for it. */
  async failure(timeoutMs = 10_000): Promise<EtcdError | undefined> {
    const giveUpAt = performance.now() + timeoutMs;
    while (this.#error === undefined && !this.#ended) {
      if (performance.now() > giveUpAt) throw new Error(`the stream did not end within ${timeoutMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this.#error;
  }

  cancel(): void {
    this.call.cancel();
  }
}

type Unary<In, Out> = (request: In, options?: CallOptions) => Promise<Out>;

export class Etcd {
  readonly client: grpc.Client;
  #closed = false;

  /** With an identity it speaks TLS. */
  constructor(endpoint: string, options: grpc.ClientOptions = {}, identity?: TlsIdentity) {
    const credentials =
      identity === undefined
        ? grpc.credentials.createInsecure()
        : grpc.credentials.createSsl(identity.ca, identity.key, identity.cert);
    this.client = new grpc.Client(endpoint, credentials, {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      // Clients of one process would share a connection otherwise.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.initial_reconnect_backoff_ms": 20,
      "grpc.min_reconnect_backoff_ms": 20,
      "grpc.max_reconnect_backoff_ms": 50,
      ...options,
    });
  }

  /** One call with bytes as they are; the tests of malformed messages use it. */
  raw(path: string, request: Buffer, options: CallOptions = {}): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      // The library throws what is no error of a call, and some go on calling while their member is killed.
      if (this.#closed) throw new EtcdError(clientClosed());
      this.client.makeUnaryRequest(
        path,
        identity,
        identity,
        request,
        options.metadata ?? new grpc.Metadata(),
        { deadline: Date.now() + (options.deadlineMs ?? 20_000) },
        (error, response) => {
          if (error !== null) reject(new EtcdError(error));
          else resolve(response!);
        },
      );
    });
  }

  #unary<In, Out>(
    path: string,
    request: MessageType<In, unknown>,
    response: MessageType<never, Out>,
  ): Unary<In, Out> {
    const fullPath = `/etcdserverpb.${path}`;
    return async (value, options) =>
      response.decode(await this.raw(fullPath, request.encode(value), options));
  }

  readonly range = this.#unary("KV/Range", m.RangeRequest, m.RangeResponse);
  readonly put = this.#unary("KV/Put", m.PutRequest, m.PutResponse);
  readonly deleteRange = this.#unary("KV/DeleteRange", m.DeleteRangeRequest, m.DeleteRangeResponse);
  readonly txn = this.#unary("KV/Txn", m.TxnRequest, m.TxnResponse);
  readonly compact = this.#unary("KV/Compact", m.CompactionRequest, m.CompactionResponse);
  readonly leaseGrant = this.#unary("Lease/LeaseGrant", m.LeaseGrantRequest, m.LeaseGrantResponse);
  readonly leaseRevoke = this.#unary("Lease/LeaseRevoke", m.LeaseRevokeRequest, m.LeaseRevokeResponse);
  readonly leaseTimeToLive = this.#unary(
    "Lease/LeaseTimeToLive",
    m.LeaseTimeToLiveRequest,
    m.LeaseTimeToLiveResponse,
  );
  readonly leaseLeases = this.#unary("Lease/LeaseLeases", m.LeaseLeasesRequest, m.LeaseLeasesResponse);
  readonly hash = this.#unary("Maintenance/Hash", m.HashRequest, m.HashResponse);
  readonly hashKv = this.#unary("Maintenance/HashKV", m.HashKVRequest, m.HashKVResponse);
  readonly defragment = this.#unary("Maintenance/Defragment", m.DefragmentRequest, m.DefragmentResponse);
  readonly status = this.#unary("Maintenance/Status", m.StatusRequest, m.StatusResponse);
  readonly alarm = this.#unary("Maintenance/Alarm", m.AlarmRequest, m.AlarmResponse);
  readonly memberList = this.#unary("Cluster/MemberList", m.MemberListRequest, m.MemberListResponse);

  #duplex<In, Out>(
    path: string,
    request: MessageType<In, unknown>,
    response: MessageType<never, Out>,
    options: CallOptions,
  ): Stream<In, Out> {
    return new Stream(
      this.client.makeBidiStreamRequest<In, Out>(
        `/etcdserverpb.${path}`,
        asBuffer(request),
        (buffer) => response.decode(buffer),
        options.metadata ?? new grpc.Metadata(),
        options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs },
      ),
    );
  }

  watch(options: CallOptions = {}) {
    return this.#duplex("Watch/Watch", m.WatchRequest, m.WatchResponse, options);
  }

  keepAlive(options: CallOptions = {}) {
    return this.#duplex("Lease/LeaseKeepAlive", m.LeaseKeepAliveRequest, m.LeaseKeepAliveResponse, options);
  }

  /** All chunks of a RangeStream. */
  rangeStream(request: m.RangeRequestInput, options: CallOptions = {}) {
    const call = this.client.makeServerStreamRequest(
      "/etcdserverpb.KV/RangeStream",
      asBuffer(m.RangeRequest),
      (buffer) => m.RangeStreamResponse.decode(buffer),
      request,
      options.metadata ?? new grpc.Metadata(),
      { deadline: Date.now() + (options.deadlineMs ?? 20_000) },
    );
    return new Promise<ReturnType<typeof m.RangeStreamResponse.decode>[]>((resolve, reject) => {
      const chunks: ReturnType<typeof m.RangeStreamResponse.decode>[] = [];
      call.on("data", (chunk) => chunks.push(chunk));
      call.on("error", (error: grpc.ServiceError) => reject(new EtcdError(error)));
      call.on("end", () => resolve(chunks));
    });
  }

  async ready(timeoutMs = 10_000): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.client.waitForReady(Date.now() + timeoutMs, (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): void {
    this.#closed = true;
    this.client.close();
  }
}

function clientClosed(): grpc.ServiceError {
  const details = "the client is closed";
  const code = grpc.status.UNAVAILABLE;
  return Object.assign(new Error(`${code} UNAVAILABLE: ${details}`), {
    code,
    details,
    metadata: new grpc.Metadata(),
  });
}

/** The code and text of the error that `promise` must fail with. */
export async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof EtcdError) return { code: error.code, details: error.details };
    throw error;
  }
  throw new Error("the call succeeded");
}

/** The end of the range of all keys with this prefix. */
export function prefixEnd(prefix: string | Uint8Array): Buffer {
  const end = Buffer.from(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i]! < 0xff) {
      end[i]! += 1;
      return end.subarray(0, i + 1);
    }
  }
  return Buffer.from([0]);
}
