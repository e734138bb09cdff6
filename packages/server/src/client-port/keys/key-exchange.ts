import { Buffer } from "node:buffer";
import { Code } from "@quorate/rpc/status";
import type { Clock } from "@quorate/storage/seams/clock";
import type { GatewayBackend, GatewayCall, GatewaySink } from "../../api/gateway-backend.ts";
import { FAILURES, RequestError, type Status } from "../../errors.ts";
import { AnswerPlace } from "../gateway/answer-room.ts";
import type { ClientEnd, GatewayRequest, GatewayResponse } from "../gateway/exchange.ts";
import type { Shared } from "../gateway/gateway.ts";
import { metadataOf, timeoutOf } from "../gateway/metadata.ts";
import { Outbox } from "../gateway/outbox.ts";
import { retryHeader } from "../gateway/status.ts";
import { METHODS_OF_KEYS } from "./key-request.ts";
import type { Logins } from "./logins.ts";
import { CallFailed, problemOf, problemText } from "./problems.ts";

export interface KeysContext extends Shared {
  readonly backend: GatewayBackend;
  readonly clock: Clock;
  readonly logins: Logins;
  /** Largest value in octets, `--max-request-bytes`. */
  readonly maxValueBytes: number;
  /** Exchanges under way. */
  readonly active: Set<KeyExchange>;
  readonly onDefect: (error: unknown, path: string) => void;
}

/** A response message in parts of whole fields. `release` is called when nobody reads them any more, once or more often. */
export interface Reply {
  readonly parts: readonly Uint8Array[];
  release(): void;
}

export type Header = readonly [name: string, value: string];

/** One request about keys: its calls of the member's own methods, one after another, and its answer. */
export class KeyExchange {
  readonly request: GatewayRequest;
  readonly outbox: Outbox;
  readonly #context: KeysContext;
  readonly #response: GatewayResponse;
  readonly #path: string;
  readonly #place: AnswerPlace;
  readonly #startedMs: number;
  readonly #ends: (() => void)[] = [];
  #metadata = new Map<string, string[]>();
  #deadlineMs = Number.POSITIVE_INFINITY;
  #call: GatewayCall | undefined;
  #reply: Reply | undefined;
  /** Rejects what is waited for. */
  #reject: ((error: Error) => void) | undefined;
  #headSent = false;
  readonly #body = Promise.withResolvers<Uint8Array>();
  #bodyIsRead = false;
  #over = false;

  /** `path` is for reports only. */
  constructor(context: KeysContext, request: GatewayRequest, response: GatewayResponse, path: string) {
    this.#context = context;
    this.request = request;
    this.#response = response;
    this.#path = path;
    this.#startedMs = context.clock.nowMs();
    this.#place = new AnswerPlace(context.answerRooms.of(request.connection));
    this.outbox = new Outbox(response, context.turns, (error) => context.onDefect(error, path));
  }

  /** Runs `handle` and answers with what it fails with. */
  run(handle: (exchange: KeyExchange) => Promise<void>): void {
    this.#context.active.add(this);
    this.#response.listen(
      () => this.#guard(() => this.outbox.drained()),
      () => this.#guard(() => this.#clientGone()),
      (end) => this.#guard(() => this.#clientEnded(end)),
    );
    // It may have gone while this was being loaded.
    if (this.#over) return;
    if (this.request.method === "PUT") this.#collectBody();
    this.#handle(handle).catch((error: unknown) => this.#guard(() => this.#fail(error)));
  }

  async #handle(handle: (exchange: KeyExchange) => Promise<void>): Promise<void> {
    this.#deadlineMs = timeoutOf(this.request);
    this.#metadata = await this.#context.logins.withToken(metadataOf(this.request));
    if (!this.#over) await handle(this);
  }

  get isOver(): boolean {
    return this.#over;
  }

  get hasBegun(): boolean {
    return this.#headSent;
  }

  /** `onEnd` is called once, when the exchange ends in whichever way. */
  whenOver(onEnd: () => void): void {
    if (this.#over) onEnd();
    else this.#ends.push(onEnd);
  }

  /** The whole body of a PUT. Rejects with RequestError when it is longer than a value may be. */
  readBody(): Promise<Uint8Array> {
    const { promise, resolve, reject } = this.#wait<Uint8Array>();
    this.#body.promise.then(resolve, reject);
    return promise;
  }

  /** It may come with what has been read already, or at once. */
  #collectBody(): void {
    const { maxValueBytes } = this.#context;
    const { resolve, reject, promise } = this.#body;
    // Whether anybody will ask for it is not known yet.
    promise.catch(() => {});
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    this.request.readBody(
      (chunk) => {
        bytes += chunk.length;
        if (bytes <= maxValueBytes) {
          // It may be overwritten after this.
          chunks.push(new Uint8Array(chunk));
          return;
        }
        chunks.length = 0;
        reject(new RequestError("VALUE_TOO_LARGE", maxValueBytes));
      },
      () => {
        this.#bodyIsRead = true;
        resolve(Buffer.concat(chunks));
      },
    );
  }

  /** Calls a method that gives one answer. Rejects with CallFailed. */
  unary(path: string, message: Uint8Array): Promise<Reply> {
    const { promise, resolve, reject } = this.#wait<Reply>();
    this.#start(path, message, {
      onMessage: (reply) => this.#hold(partsOf(reply), () => {}),
      onParts: (parts, release) => this.#hold(parts, this.#place.hold(parts, release)),
      onEnd: (code, text, retryAfterMs) => {
        if (code !== Code.OK) reject(new CallFailed(code, text, retryAfterMs));
        else if (this.#reply === undefined) reject(new CallFailed(...FAILURES.NO_ANSWER));
        else resolve(this.#reply);
      },
    });
    return promise;
  }

  /** Calls a method that streams its answers; `onMessage` is handed each. Resolves at the end, rejects with CallFailed. */
  stream(
    path: string,
    message: Uint8Array,
    onMessage: (parts: readonly Uint8Array[]) => void,
  ): Promise<void> {
    const { promise, resolve, reject } = this.#wait<void>();
    this.#start(path, message, {
      onMessage: (parts) => this.#guard(() => this.#over || onMessage(partsOf(parts))),
      onParts: (parts, release) => parts.forEach(release),
      onEnd: (code, text, retryAfterMs) =>
        code === Code.OK ? resolve() : reject(new CallFailed(code, text, retryAfterMs)),
    });
    return promise;
  }

  /** What waits to be sent, made from `bytes` octets of a message; the call waits while that is too much. */
  send(pieces: Iterator<string>, bytes: number): void {
    if (!this.outbox.add(pieces, bytes, this.#call)) this.#clientGone();
  }

  head(status: number, headers: readonly Header[]): void {
    if (this.#headSent || this.#over) return;
    this.#headSent = true;
    this.#response.head(status, headers);
  }

  /** Answers with octets, or with none: takes them. */
  answer(status: number, headers: readonly Header[], body?: Uint8Array): void {
    if (this.#over) return;
    this.head(status, body === undefined ? headers : [...headers, ["Content-Length", String(body.length)]]);
    if (body !== undefined && body.length > 0 && this.request.method !== "HEAD") this.#response.write([body]);
    this.#close();
    this.#response.end();
  }

  /** Answers with a text that is made piece by piece, while `reply` is kept. */
  answerPieces(status: number, headers: readonly Header[], pieces: Iterator<string>): void {
    if (this.#over) return;
    this.head(status, headers);
    if (this.request.method !== "HEAD") this.outbox.add(pieces, 0, undefined);
    this.finish();
  }

  /** No more follows what waits to be sent. */
  finish(): void {
    if (this.#over) return;
    const reply = this.#reply;
    this.#reply = undefined;
    this.#close();
    this.outbox.add(releasing(reply), 0, undefined);
    this.outbox.end();
  }

  /** The member stops. */
  shutDown(): void {
    this.#guard(() => this.#endEarly(new CallFailed(...FAILURES.STOPPED)));
  }

  #wait<Value>() {
    const waiting = Promise.withResolvers<Value>();
    this.#reject = waiting.reject;
    return waiting;
  }

  #hold(parts: readonly Uint8Array[], release: (part: Uint8Array) => void): void {
    let isHeld = true;
    const reply = {
      parts,
      release: () => {
        if (isHeld) for (const part of parts) release(part);
        isHeld = false;
      },
    };
    if (this.#over) reply.release();
    else this.#reply = reply;
  }

  #start(
    path: string,
    message: Uint8Array,
    sink: Pick<GatewaySink, "onMessage" | "onParts" | "onEnd">,
  ): void {
    this.#reply?.release();
    this.#reply = undefined;
    const { backend, clock } = this.#context;
    const remainingMs = this.#deadlineMs - (clock.nowMs() - this.#startedMs);
    if (remainingMs <= 0) {
      this.#reject?.(new CallFailed(...FAILURES.DEADLINE_EXCEEDED));
      return;
    }
    const complete: GatewaySink = {
      ...sink,
      whenAnswerRoom: (begin) => this.#place.whenRoom(begin),
      onPauseReading: () => {},
      onResumeReading: () => {},
    };
    const call = backend.start(path, this.#metadata, remainingMs, complete, this.request.clientAddress);
    this.#call = call;
    if (this.#over) call.cancel();
    else {
      call.send(message);
      call.halfClose();
    }
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    let problem = problemOf(error);
    if (problem === undefined) {
      this.#context.onDefect(error, this.#path);
      const [code, message] = FAILURES.INTERNAL;
      problem = { status: 500, code, message };
    }
    this.#call?.cancel();
    if (this.#headSent) {
      this.outbox.close();
      this.#close();
      this.#response.abort();
      return;
    }
    const { status } = problem;
    const headers: Header[] = [JSON_TYPE];
    if (status === 401) headers.push(["WWW-Authenticate", CHALLENGE]);
    if (status === 405) headers.push(["Allow", METHODS_OF_KEYS]);
    const etag = error instanceof ConditionFailed ? error.etag : undefined;
    if (etag !== undefined) headers.push(["ETag", etag]);
    if (error instanceof CallFailed) headers.push(...retryHeader(error.retryAfterMs));
    this.answer(status, headers, Buffer.from(problemText(problem)));
  }

  #endEarly(error: CallFailed): void {
    this.#call?.cancel();
    if (this.#reject === undefined) this.#fail(error);
    else this.#reject(error);
  }

  #clientGone(): void {
    this.outbox.close();
    this.#call?.cancel();
    this.#close();
  }

  /** What streams would never end; what waits for a body gets no more of it. All else is answered. */
  #clientEnded({ bodyIsWhole, isMalformed }: ClientEnd): void {
    if (this.#over) return;
    if (isMalformed) this.#endEarly(new CallFailed(...FAILURES.BODY_CHUNKS_MALFORMED));
    else if (!bodyIsWhole) this.#endEarly(new CallFailed(...FAILURES.BODY_ENDS_EARLY));
    else if (this.#headSent) this.#endEarly(new CallFailed(...(FAILURES.CALL_CANCELED satisfies Status)));
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#context.active.delete(this);
    if (!this.#bodyIsRead) this.request.stopReading();
    this.#place.leave();
    this.#reply?.release();
    this.#reply = undefined;
    for (const onEnd of this.#ends) onEnd();
    // Nobody hears it any more; but what is waited for must not be waited for without an end.
    this.#reject?.(new CallFailed(...FAILURES.CALL_CANCELED));
  }
}

/** A change that was not made because of its conditions. */
export class ConditionFailed extends RequestError {
  /** Of the key as it is; undefined when there is none. */
  readonly etag: string | undefined;

  constructor(etag: string | undefined) {
    super("CONDITION_NOT_MET");
    this.etag = etag;
  }
}

export const JSON_TYPE: Header = ["Content-Type", "application/json"];
const CHALLENGE = 'Basic realm="quorate", charset="UTF-8"';

function partsOf(message: Uint8Array | readonly Uint8Array[]): readonly Uint8Array[] {
  return message instanceof Uint8Array ? [message] : message;
}

/** Nothing to send, but behind what uses the reply; also when nobody wants that any more. */
function releasing(reply: Reply | undefined): Iterator<string> {
  return {
    next: () => {
      reply?.release();
      return { done: true, value: undefined };
    },
    return: () => {
      reply?.release();
      return { done: true, value: undefined };
    },
  };
}
