import { Code } from "@quorate/rpc/status";
import type { Clock, Timer } from "@quorate/storage/seams/clock";
import type { Method } from "@quorate/wire";
import type { GatewayBackend, GatewayCall, GatewaySink } from "../../api/gateway-backend.ts";
import { FAILURES, RequestError, statusOf } from "../../errors.ts";
import { AnswerPlace, type AnswerRooms } from "./answer-room.ts";
import type { ConversionTurns } from "./conversion-turns.ts";
import { type ClientEnd, type GatewayRequest, type GatewayResponse, headerValues } from "./exchange.ts";
import { JsonMappingError } from "./json-reader.ts";
import { JsonSyntaxError, ValueTooLong } from "./json-scanner.ts";
import { JsonConversion, jsonToMessage } from "./json-to-message.ts";
import { escapeForStream, messageToJson } from "./message-to-json.ts";
import { metadataOf, timeoutOf } from "./metadata.ts";
import { Outbox } from "./outbox.ts";
import { RequestValues, type ValueSink } from "./request-values.ts";
import { methodAt } from "./routes.ts";
import { httpStatusOf, retryHeader, statusJson } from "./status.ts";

export interface ServeContext {
  readonly backend: GatewayBackend;
  readonly clock: Clock;
  /** Shared by all exchanges. */
  readonly turns: ConversionTurns;
  /** Longest request message in bytes that gRPC accepts. */
  readonly maxMessageBytes: number;
  /** Exchanges under way. */
  readonly active: Set<Exchange>;
  readonly answerRooms: AnswerRooms;
  /** Told of what threw and must not, with the path of the RPC. */
  readonly onDefect: (error: unknown, path: string) => void;
}

/** Base64 makes a third more of bytes; whitespace and escapes may make any number of them, so there is a limit. */
const JSON_BYTES_PER_MESSAGE_BYTE = 2;
const JSON_BYTES_BESIDES = 1024 * 1024;

/** Longer request values are converted in slices of as many characters, so that they do not hold the loop up. */
const SLICE_CHARS = 32 * 1024;
/** What a value counts beside its length: it becomes a message, which takes time too. */
const VALUE_CHARS = 512;

const JSON_TYPE = ["Content-Type", "application/json"] as const;
const GRPC_TYPE = ["Grpc-Metadata-Content-Type", "application/grpc"] as const;
const EMPTY = new Uint8Array(0);
/**
 * So long a request that is not its connection's last may take when the client has ended its side. There are such that wait for
 * others without end, and of a client that has gone altogether nothing more is heard.
 */
const AFTER_END_MS = 10_000;
/** The text of a smaller message is made at once when nothing waits before it. */
const SMALL_LINE_BYTES = 16 * 1024;

/** Answers one request for `path`, which is under `/v3/`, decoded and clean. */
export function serve(
  context: ServeContext,
  path: string,
  request: GatewayRequest,
  response: GatewayResponse,
): void {
  try {
    const method = methodAt(path, context.backend.serves);
    if (method === undefined) throw new RequestError("NO_SUCH_ROUTE");
    if (methodOf(request) !== "POST") throw new RequestError("NOT_A_POST");
    const deadlineMs = timeoutOf(request);
    const metadata = metadataOf(request);
    new Exchange(context, request, response, method, metadata, deadlineMs).begin();
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined) throw error;
    request.stopReading();
    answerError(response, ...status);
  }
}

/** Forms may carry another method in a header. */
function methodOf({ method, rawHeaders }: GatewayRequest): string {
  if (method !== "POST") return method;
  const override = headerValues(rawHeaders, "x-http-method-override")[0];
  const isForm = headerValues(rawHeaders, "content-type")[0] === "application/x-www-form-urlencoded";
  return isForm && override ? override.toUpperCase() : method;
}

function answerError(response: GatewayResponse, code: number, message: string, retryAfterMs?: number): void {
  const body = statusJson(code, message);
  const headers: (readonly [string, string])[] = [
    JSON_TYPE,
    ["Content-Length", String(Buffer.byteLength(body))],
    ...retryHeader(retryAfterMs),
  ];
  if (code === Code.UNAUTHENTICATED)
    headers.push(["WWW-Authenticate", message.replace(/[^\x20-\x7e]/g, "?")]);
  response.head(httpStatusOf(code), headers);
  response.end(body);
}

/** A request that has become an RPC. */
export class Exchange implements ValueSink {
  readonly #context: ServeContext;
  readonly #bodyEnds: boolean;
  readonly #clientAddress: string;
  readonly #response: GatewayResponse;
  readonly #method: Method;
  readonly #metadata: Map<string, string[]>;
  readonly #deadlineMs: number;
  readonly #startedMs: number;
  readonly #values: RequestValues;
  readonly #outbox: Outbox;
  readonly #place: AnswerPlace;
  #timer: Timer | undefined;
  #endTimer: Timer | undefined;
  #call: GatewayCall | undefined;
  /** The only request message of a method that takes one. */
  #message: Uint8Array | undefined;
  #requestIsOver = false;
  #isConverting = false;
  /** Converted since others last had their turn; when it is too much, they have it now. */
  #sliceChars = 0;
  #isResting = false;
  /** The call has no use for requests yet. */
  #callIsBusy = false;
  /** The only response message of a method that gives one. */
  #reply: Reply | undefined;
  #headSent = false;
  #over = false;

  constructor(
    context: ServeContext,
    request: GatewayRequest,
    response: GatewayResponse,
    method: Method,
    metadata: Map<string, string[]>,
    deadlineMs: number,
  ) {
    this.#context = context;
    this.#bodyEnds = request.bodyEnds;
    this.#clientAddress = request.clientAddress;
    this.#response = response;
    this.#method = method;
    this.#metadata = metadata;
    this.#deadlineMs = deadlineMs;
    this.#startedMs = context.clock.nowMs();
    const maxValueBytes = context.maxMessageBytes * JSON_BYTES_PER_MESSAGE_BYTE + JSON_BYTES_BESIDES;
    this.#values = new RequestValues(request, maxValueBytes, this, (step) => this.#guard(step));
    this.#place = new AnswerPlace(context.answerRooms.of(request.connection));
    this.#outbox = new Outbox(response, context.turns, (error) => context.onDefect(error, method.path));
  }

  begin(): void {
    this.#context.active.add(this);
    this.#guard(() => this.#begin());
  }

  #begin(): void {
    this.#response.listen(
      () => this.#guard(() => this.#outbox.drained()),
      () => this.#guard(() => this.#clientGone()),
      (end) => this.#guard(() => this.#clientEnded(end)),
    );
    // It may have gone while the gateway was being loaded.
    if (this.#over) return;
    if (this.#method.clientStreaming) this.#startCall();
    if (this.#over) return;
    if (Number.isFinite(this.#deadlineMs)) {
      const { clock } = this.#context;
      const delayMs = Math.max(this.#deadlineMs, 0);
      this.#timer = clock.setTimer(delayMs, () => this.#guard(() => this.#deadlinePassed()));
    }
    this.#values.begin();
  }

  /** The member stops. */
  shutDown(): void {
    this.#guard(() => {
      this.#call?.cancel();
      this.#finish(...FAILURES.STOPPED);
    });
  }

  /** Everything that comes from outside leads through here: what throws costs the client its exchange, and nobody else. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#context.onDefect(error, this.#method.path);
      this.#breakOff();
    }
  }

  #breakOff(): void {
    const hasBegun = this.#headSent;
    this.#clientGone();
    try {
      if (hasBegun) this.#response.abort();
      else answerError(this.#response, ...FAILURES.INTERNAL);
    } catch {
      this.#response.abort();
    }
  }

  onEnd(): void {
    if (this.#over) return;
    if (!this.#method.clientStreaming) this.#callOnce();
    else if (!this.#requestIsOver) this.#closeRequest();
  }

  #callOnce(): void {
    // Any of these may be the end of it.
    this.#startCall();
    if (!this.#over) this.#call?.send(this.#message ?? EMPTY);
    if (!this.#over) this.#call?.halfClose();
  }

  onValue(value: Uint8Array): void {
    try {
      if (value.length > SLICE_CHARS) {
        this.#convertSlice(new JsonConversion(this.#method.request, value));
      } else {
        this.#context.turns.spend(value.length + VALUE_CHARS);
        this.#send(jsonToMessage(this.#method.request, value));
      }
    } catch (error) {
      this.onBadBody(error);
    }
    this.#sliceChars += value.length + VALUE_CHARS;
    if (this.#sliceChars > SLICE_CHARS && this.#method.clientStreaming && !this.#over) this.#rest();
  }

  /** Many small values may lie in what has been read. */
  #rest(): void {
    this.#isResting = true;
    this.#updateReading();
    this.#context.turns.next(() =>
      this.#guard(() => {
        this.#sliceChars = 0;
        this.#isResting = false;
        if (!this.#over) this.#updateReading();
      }),
    );
  }

  /** What follows in the body waits until the value before it has become a message. */
  #convertSlice(conversion: JsonConversion): void {
    const { turns } = this.#context;
    if (!turns.isUsedUp) {
      turns.spend(SLICE_CHARS);
      if (conversion.step(SLICE_CHARS)) {
        this.#send(conversion.message);
        return;
      }
    }
    this.#isConverting = true;
    this.#updateReading();
    turns.next(() => this.#guard(() => this.#goOnConverting(conversion)));
  }

  #goOnConverting(conversion: JsonConversion): void {
    if (this.#over) return;
    this.#isConverting = false;
    try {
      this.#convertSlice(conversion);
    } catch (error) {
      this.onBadBody(error);
    }
    this.#updateReading();
  }

  #updateReading(): void {
    if (this.#isConverting || this.#isResting || this.#callIsBusy) this.#values.pause();
    else this.#values.resume();
  }

  #setCallBusy(isBusy: boolean): void {
    this.#callIsBusy = isBusy;
    this.#updateReading();
  }

  #send(message: Uint8Array): void {
    const limit = this.#context.maxMessageBytes;
    if (message.length > limit) throw tooLarge(message.length, limit);
    if (this.#method.clientStreaming) {
      this.#call?.send(message);
    } else {
      // Whatever follows the first value is read and means nothing.
      this.#message = message;
      this.#values.skipRest();
      if (!this.#bodyEnds) this.#callOnce();
    }
  }

  onBadBody(error: unknown): void {
    this.#requestIsOver = true;
    this.#values.skipRest();
    const limit = this.#context.maxMessageBytes;
    const failure = error instanceof ValueTooLong ? tooLarge(error.bytes, limit) : error;
    if (failure instanceof JsonSyntaxError || failure instanceof JsonMappingError) {
      // A stream of requests ends at what is no request, as if the client had no more to say.
      if (this.#method.clientStreaming) this.#closeRequest();
      else this.#refuse(...failure.status);
    } else if (failure instanceof RequestError) {
      this.#call?.cancel();
      this.#finish(...failure.status);
    } else {
      // Not meant to happen; it concerns nobody but this client.
      this.#context.onDefect(failure, this.#method.path);
      this.#call?.cancel();
      this.#finish(...FAILURES.NOT_MAPPED);
    }
  }

  #closeRequest(): void {
    this.#requestIsOver = true;
    this.#call?.halfClose();
  }

  /** Afterwards there is a call, or the exchange is over. */
  #startCall(): void {
    const { backend, clock } = this.#context;
    const remainingMs = this.#deadlineMs - (clock.nowMs() - this.#startedMs);
    // Less than the time that a call takes at best.
    if (remainingMs < 0.01) {
      this.#refuse(...FAILURES.DEADLINE_EXCEEDED);
      return;
    }
    const sink: GatewaySink = {
      onMessage: (message) => this.#guard(() => this.#receive(message)),
      onParts: (parts, release) => this.#guard(() => this.#receiveParts(parts, release)),
      whenAnswerRoom: (begin) => this.#place.whenRoom(begin),
      onPauseReading: () => this.#setCallBusy(true),
      onResumeReading: () => this.#guard(() => this.#setCallBusy(false)),
      onEnd: (code, message, retryAfterMs) => this.#guard(() => this.#finish(code, message, retryAfterMs)),
    };
    const call = backend.start(this.#method.path, this.#metadata, remainingMs, sink, this.#clientAddress);
    this.#call = call;
    if (this.#over) call.cancel();
  }

  #receive(message: Uint8Array | readonly Uint8Array[]): void {
    if (this.#over) return;
    const parts = message instanceof Uint8Array ? [message] : message;
    if (!this.#method.serverStreaming) {
      this.#reply = { parts, release: () => {} };
      return;
    }
    this.#sendHead(200, [JSON_TYPE, GRPC_TYPE]);
    const bytes = parts.reduce((total, { length }) => total + length, 0);
    const isSmall = this.#outbox.isIdle && bytes <= SMALL_LINE_BYTES;
    const pieces = isSmall ? this.#lineAtOnce(parts) : this.#line(parts);
    if (!this.#outbox.addWhole(pieces, bytes, this.#call)) this.#clientGone();
  }

  #receiveParts(parts: readonly Uint8Array[], release: (part: Uint8Array) => void): void {
    if (this.#over) for (const part of parts) release(part);
    else this.#reply = { parts, release: this.#place.hold(parts, release) };
  }

  /** Small lines are made now. */
  #lineAtOnce(parts: readonly Uint8Array[]): Iterator<string> {
    let text = "";
    for (const piece of this.#line(parts)) text += piece;
    return [text].values();
  }

  /** One message of a stream; there are clients that take each chunk of the body for one. */
  *#line(parts: readonly Uint8Array[]): Generator<string, void, undefined> {
    let start = '{"result":';
    for (const piece of messageToJson(this.#method.response, parts)) {
      yield start + escapeForStream(piece);
      start = "";
    }
    yield "}\n";
  }

  #deadlinePassed(): void {
    this.#call?.cancel();
    this.#finish(...FAILURES.DEADLINE_EXCEEDED);
  }

  /** The end of the call, whoever ended it. */
  #finish(code: number, message: string, retryAfterMs?: number): void {
    if (this.#over) return;
    if (!this.#method.serverStreaming) {
      if (code === Code.OK && this.#reply === undefined) {
        this.#refuse(...FAILURES.NO_ANSWER);
      } else if (code === Code.OK) {
        this.#answer();
      } else {
        this.#refuse(code, message, retryAfterMs);
      }
      return;
    }
    this.#close();
    if (code !== Code.OK) {
      const headers: (readonly [string, string])[] = [JSON_TYPE, ...retryHeader(retryAfterMs)];
      this.#sendHead(httpStatusOf(code), headers);
      const line = `{"error":${escapeForStream(statusJson(code, message))}}\n`;
      this.#outbox.addWhole([line].values(), 0, undefined);
    }
    this.#sendHead(200, [JSON_TYPE]);
    this.#outbox.end();
  }

  #answer(): void {
    const pieces = this.#replyPieces(this.#takeReply()!);
    this.#close();
    const first = pieces.next().value ?? "{}";
    const second = pieces.next();
    if (second.done === true) {
      this.#sendHead(200, [JSON_TYPE, GRPC_TYPE, ["Content-Length", String(Buffer.byteLength(first))]]);
      this.#response.end(first);
      return;
    }
    this.#sendHead(200, [JSON_TYPE, GRPC_TYPE]);
    this.#outbox.add([first, second.value].values(), 0, undefined);
    this.#outbox.add(pieces, 0, undefined);
    this.#outbox.end();
  }

  *#replyPieces({ parts, release }: Reply): Generator<string, void, undefined> {
    try {
      yield* messageToJson(this.#method.response, parts);
    } finally {
      for (const part of parts) release(part);
    }
  }

  #takeReply(): Reply | undefined {
    const reply = this.#reply;
    this.#reply = undefined;
    return reply;
  }

  #sendHead(status: number, headers: readonly (readonly [string, string])[]): void {
    if (this.#headSent) return;
    this.#response.head(status, headers);
    this.#headSent = true;
  }

  /** An error outside of a stream. */
  #refuse(code: number, message: string, retryAfterMs?: number): void {
    this.#close();
    answerError(this.#response, code, message, retryAfterMs);
    this.#headSent = true;
  }

  #clientGone(): void {
    this.#outbox.close();
    this.#close();
    this.#call?.cancel();
  }

  /**
   * As in Go's server this cancels what is under way, unless the client has asked for more behind it; but what would never
   * end does in any case, and everything else in time. The client is told.
   */
  #clientEnded(end: ClientEnd): void {
    if (this.#over) return;
    if (end.isLast || this.#method.serverStreaming) this.#endFor(end);
    else
      this.#endTimer ??= this.#context.clock.setTimer(AFTER_END_MS, () =>
        this.#guard(() => this.#endFor(end)),
      );
  }

  #endFor({ bodyIsWhole, isMalformed }: ClientEnd): void {
    const { clientStreaming } = this.#method;
    const hasValue = bodyIsWhole || clientStreaming || this.#message !== undefined || this.#isConverting;
    this.#call?.cancel();
    if (isMalformed) this.#finish(...FAILURES.BODY_CHUNKS_MALFORMED);
    else if (hasValue) this.#finish(...FAILURES.CALL_CANCELED);
    else this.#finish(...FAILURES.BODY_ENDS_EARLY);
  }

  #close(): void {
    this.#over = true;
    this.#requestIsOver = true;
    this.#timer?.cancel();
    this.#endTimer?.cancel();
    this.#context.active.delete(this);
    this.#values.stop();
    this.#place.leave();
    const reply = this.#takeReply();
    if (reply !== undefined) for (const part of reply.parts) reply.release(part);
  }
}

/** A response message in parts of whole fields. */
interface Reply {
  readonly parts: readonly Uint8Array[];
  readonly release: (part: Uint8Array) => void;
}

function tooLarge(bytes: number, limit: number): RequestError {
  return new RequestError("MESSAGE_TOO_LARGE", bytes, limit);
}
