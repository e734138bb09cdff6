import type { ClientStream, GrpcClient } from "@quorate/rpc/client";
import { Code, GrpcError } from "@quorate/rpc/status";
import { encodeMessage, type Init, type MessageTable } from "@quorate/wire/messages";
import { decodeAnswer, MalformedAnswer } from "./answers.ts";
import type { Connections } from "./connections.ts";
import { Deadline, type RequestOptions } from "./deadline.ts";
import { ClientError, deadlineExceeded, errorOf, isOfLearner, isTemporary } from "./errors.ts";
import { MessageQueue } from "./message-queue.ts";
import type { Tokens } from "./tokens.ts";

/** One RPC of the API. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly request: MessageTable<Request>;
  readonly response: MessageTable<Response>;
  /** It changes nothing, so it may be asked again when no answer came. */
  readonly safe: boolean;
}

export function method<Request, Response>(
  service: string,
  name: string,
  request: MessageTable<Request>,
  response: MessageTable<Response>,
  safe: "safe" | "once",
): Method<Request, Response> {
  return { path: `/etcdserverpb.${service}/${name}`, request, response, safe: safe === "safe" };
}

const API_VERSION = "3.7.0";
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 500;
const MOST_ATTEMPTS = 100;
/** A server that answers so has not begun with the call. */
const NOT_BEGUN = "stream ended with REFUSED_STREAM";

/** Makes calls on whatever connection there is, with a token that is accepted, again where that is safe. */
export class Calls {
  readonly tokens: Tokens;
  readonly #connections: Connections;
  readonly #requestTimeoutMs: number;
  readonly #maxRequestBytes: number;

  constructor(
    connections: Connections,
    tokens: Tokens,
    limits: { readonly requestTimeoutMs: number; readonly maxRequestBytes: number },
  ) {
    this.#connections = connections;
    this.tokens = tokens;
    this.#requestTimeoutMs = limits.requestTimeoutMs;
    this.#maxRequestBytes = limits.maxRequestBytes;
  }

  deadline({ timeoutMs, signal }: RequestOptions = {}): Deadline {
    return new Deadline(timeoutMs ?? this.#requestTimeoutMs, signal);
  }

  /** A unary call. Rejects with a {@link ClientError}. */
  async unary<Request, Response>(
    rpc: Method<Request, Response>,
    init: Init<Request>,
    options?: RequestOptions,
  ): Promise<Response> {
    const deadline = this.deadline(options);
    const message = this.#encode(rpc, init);
    for (let attempt = 1; ; attempt++) {
      const connection = await this.#connections.get(deadline);
      await this.#ready(rpc, deadline);
      const token = this.tokens.current;
      try {
        const answer = await connection.unary(rpc.path, message, {
          deadlineMs: deadline.atMs,
          metadata: this.#metadata(rpc.path, token),
          ...(deadline.signal && { signal: deadline.signal }),
        });
        return decodeAnswer(rpc.response, answer);
      } catch (error) {
        if (!(error instanceof GrpcError)) throw error;
        if (deadline.passed || deadline.signal?.aborted === true || attempt >= MOST_ATTEMPTS) {
          deadline.check();
          throw errorOf(error);
        }
        if (rpc.path !== AUTHENTICATE && this.tokens.mayDoBetter(error.details)) {
          await this.#otherToken(token, attempt, deadline);
        } else if (this.#mayElsewhere(error) || (error.code === Code.UNAVAILABLE && rpc.safe)) {
          this.#connections.leave(connection);
          await deadline.sleep(pauseMs(attempt));
        } else {
          throw errorOf(error);
        }
      }
    }
  }

  /** Opens a call of a streaming kind, for one life of a connection. */
  async open(
    path: string,
    deadline: Deadline,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<OpenCall> {
    const connection = await this.#connections.get(deadline);
    await deadline.race(this.tokens.ready());
    const token = this.tokens.current;
    const stream = connection.stream(path, {
      deadlineMs: deadline.atMs,
      metadata: { ...this.#metadata(path, token), ...metadata },
      ...(deadline.signal && { signal: deadline.signal }),
    });
    // At once: the call may have ended already, and says so only once.
    return { stream, messages: new MessageQueue(stream), connection, token };
  }

  /** Server streaming: the answers of one request, as they come. Not asked again when it breaks off. */
  async *answers<Request, Response>(
    rpc: Method<Request, Response>,
    init: Init<Request>,
    options?: RequestOptions,
  ): AsyncGenerator<Response, void> {
    const deadline = this.deadline(options);
    const { stream, messages } = await this.open(rpc.path, deadline);
    stream.send(this.#encode(rpc, init));
    stream.halfClose();
    try {
      for (;;) {
        const message = await messages.next();
        if (message === undefined) break;
        yield decodeAnswer(rpc.response, message);
      }
    } catch (error) {
      if (deadline.passed) throw deadlineExceeded();
      throw error;
    } finally {
      stream.cancel();
    }
  }

  /** After a stream has ended so: prepares for the next try, or throws what its user has to hear. */
  async recover({ connection, token }: OpenCall, error: ClientError, deadline: Deadline): Promise<void> {
    deadline.check();
    if (error instanceof MalformedAnswer) throw error;
    if (this.tokens.mayDoBetter(error.details)) {
      await this.#otherToken(token, 1, deadline);
    } else if (isTemporary(error) || this.#mayElsewhere(error)) {
      this.#connections.leave(connection);
      await deadline.sleep(FIRST_PAUSE_MS);
    } else {
      throw error;
    }
  }

  /** Nothing of the call was done, and another member, or another connection, may do it. */
  #mayElsewhere(error: GrpcError | ClientError): boolean {
    if (isOfLearner(error)) return this.#connections.hasOthers;
    return error.code === Code.UNAVAILABLE && error.details === NOT_BEGUN;
  }

  #encode<Request>(rpc: Method<Request, unknown>, init: Init<Request>): Uint8Array {
    const message = encodeMessage(rpc.request, init);
    const limit = this.#maxRequestBytes;
    if (message.length <= limit) return message;
    const details = `trying to send message larger than max (${message.length} vs. ${limit})`;
    throw new ClientError(Code.RESOURCE_EXHAUSTED, details);
  }

  async #ready(rpc: Method<never, unknown> | { readonly path: string }, deadline: Deadline): Promise<void> {
    if (rpc.path !== AUTHENTICATE) await deadline.race(this.tokens.ready());
  }

  /** Before a call that was refused with `token` is made again. */
  async #otherToken(token: string | undefined, attempt: number, deadline: Deadline): Promise<void> {
    await deadline.race(this.tokens.replace(token));
    if (!this.tokens.renewable) await deadline.sleep(pauseMs(attempt));
  }

  #metadata(path: string, token: string | undefined): Record<string, string> {
    const metadata: Record<string, string> = { "client-api-version": API_VERSION };
    if (token !== undefined && path !== AUTHENTICATE) metadata.token = token;
    return metadata;
  }
}

const AUTHENTICATE = "/etcdserverpb.Auth/Authenticate";

/** A call with what it was opened with. */
export interface OpenCall {
  readonly stream: ClientStream;
  readonly messages: MessageQueue;
  readonly connection: GrpcClient;
  readonly token: string | undefined;
}

function pauseMs(attempt: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
}
