import {
  ClientError,
  type ConnectionSettings,
  Connections,
  connectTo,
  Deadline,
  parseEndpoint,
} from "@quorate/client/connection";
import type { ClientStream, GrpcClient, MetadataInput } from "@quorate/rpc/client";
import { Code, GrpcError } from "@quorate/rpc/status";

/**
 * Clients that read slowly share connections with all others: each may hold back so much, and only very many of them
 * together are waited for.
 */
const SLOW_READERS = { streamWindowBytes: 262_144, maxHeldBytes: 268_435_456 };
/** How long a call waits for a connection to any member. */
const CONNECT_WITHIN_MS = 5_000;
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1_000;
/** A member that answers so has not begun with the call. */
const NOT_BEGUN = "stream ended with REFUSED_STREAM";

/** How a call of a client is made again to a member. */
export interface OnwardCall {
  readonly metadata: MetadataInput;
  /** On the clock of `performance.now()`; Infinity without one. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The cluster behind the proxy: calls go to one of its members, and to another one when that cannot serve. */
export class Members {
  readonly #connections: Connections;
  readonly #maxSendBytes: number;
  #endpoints: readonly string[];

  /**
   * `settings` are asked for whenever a connection is made; larger unary requests than `maxSendBytes` fail. Throws TypeError
   * when an endpoint is none.
   */
  constructor(
    endpoints: readonly string[],
    settings: () => ConnectionSettings,
    maxSendBytes: number = Number.POSITIVE_INFINITY,
  ) {
    this.#endpoints = endpoints;
    this.#maxSendBytes = maxSendBytes;
    this.#connections = new Connections(endpoints.map(parseEndpoint), (endpoint) =>
      connectTo(endpoint, { limits: SLOW_READERS, ...settings() }),
    );
  }

  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  /** Throws TypeError when one of them is none. */
  replaceEndpoints(endpoints: readonly string[]): void {
    this.#connections.replaceEndpoints(endpoints.map(parseEndpoint));
    this.#endpoints = endpoints;
  }

  /**
   * A unary call; takes `message` over. One that is `safe` changes nothing, so other members are asked when one cannot
   * answer. Rejects with a GrpcError.
   */
  async unary(path: string, message: Uint8Array, call: OnwardCall, safe: boolean): Promise<Uint8Array> {
    if (message.length > this.#maxSendBytes) throw tooLarge(message.length, this.#maxSendBytes);
    for (let attempt = 1; ; attempt++) {
      const connection = await this.#connect(call);
      try {
        return await connection.unary(path, message, optionsOf(call));
      } catch (error) {
        if (!(error instanceof GrpcError) || error.code !== Code.UNAVAILABLE) throw error;
        this.#connections.leave(connection);
        const again = (safe || error.details === NOT_BEGUN) && attempt <= this.#endpoints.length;
        if (!again || call.signal?.aborted === true || performance.now() >= call.deadlineMs) throw error;
        await pause(attempt);
      }
    }
  }

  /** Opens a call of a streaming kind. Set its callbacks at once. Rejects with a GrpcError. */
  async open(path: string, call: OnwardCall): Promise<OpenStream> {
    const connection = await this.#connect(call);
    return { connection, stream: connection.stream(path, optionsOf(call)) };
  }

  /** The member that is asked at present is behind: next calls go to another one, if there is one. */
  leaveCurrent(): void {
    this.#connections.leaveCurrent();
  }

  /** The member at the other end cannot serve: next calls go to another one, if there is one. */
  leave({ connection }: OpenStream): void {
    this.#connections.leave(connection);
  }

  close(): void {
    this.#connections.close();
  }

  async #connect({ deadlineMs, signal }: OnwardCall): Promise<GrpcClient> {
    const left = Math.min(CONNECT_WITHIN_MS, deadlineMs - performance.now());
    try {
      return await this.#connections.get(new Deadline(left, signal));
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      if (error.code !== Code.DEADLINE_EXCEEDED || performance.now() >= deadlineMs) {
        throw new GrpcError(error.code, error.details);
      }
      throw new GrpcError(Code.UNAVAILABLE, "grpc-proxy: no member of the cluster can be reached");
    }
  }
}

/** A stream, and the connection that it is on. */
export interface OpenStream {
  readonly stream: ClientStream;
  readonly connection: GrpcClient;
}

/** Before the next attempt, when so many have failed one after another. */
export async function pause(attempts: number): Promise<void> {
  const ms = Math.min(FIRST_PAUSE_MS * 2 ** (attempts - 1), LONGEST_PAUSE_MS);
  await new Promise((resolve) => setTimeout(resolve, ms));
}

function optionsOf({ metadata, deadlineMs, signal }: OnwardCall) {
  return { metadata, deadlineMs, ...(signal && { signal }) };
}

function tooLarge(bytes: number, limit: number): GrpcError {
  const details = `trying to send message larger than max (${bytes} vs. ${limit})`;
  return new GrpcError(Code.RESOURCE_EXHAUSTED, details);
}
