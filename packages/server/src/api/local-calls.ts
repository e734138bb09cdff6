import {
  type CallObserver,
  type CancelReason,
  MethodStats,
  type Peer,
  type ServerCall,
  type SlowUnaryCalls,
} from "@quorate/rpc/server";
import { Code, GrpcError } from "@quorate/rpc/status";
import type { Clock, Timer } from "@quorate/storage/seams/clock";
import { FAILURES, RequestError } from "../errors.ts";
import { OWN_CALL } from "./call-counts.ts";
import type { GatewayBackend, GatewayCall, GatewaySink } from "./gateway-backend.ts";
import { LOOPBACK, LoopbackPeer } from "./loopback.ts";
import { RETRY_TRAILER } from "./request-limiter.ts";
import type { Services, StreamHandler, UnaryHandler } from "./services.ts";

/** Without `counts` calls are not counted: those that a member makes for itself. */
export interface LocalServices
  extends Pick<Services, "unary" | "streams">,
    Partial<Pick<Services, "counts">> {
  /** Sees every call begin and end, as that of a gRPC server does. */
  readonly observer?: CallObserver | undefined;
}

/** Takes what is counted of such calls, and nobody reads it. */
const UNCOUNTED = new MethodStats();

/** What threw and must not: in a handler, or in whoever called it. */
export type ReportDefect = (error: unknown, path: string) => void;

/**
 * Calls of this member's own services from within the process, with the checks and limits that gRPC calls have, and the
 * same contract for their handlers (`call-contract.test.ts`). `peer` is where they are said to come
 * from, if they are not made for a client that has an address.
 */
export function localCalls(
  services: LocalServices,
  clock: Clock,
  maxReceiveBytes: number,
  report: ReportDefect = () => {},
  peer: Peer = LOOPBACK,
  slowUnary?: SlowUnaryCalls,
): GatewayBackend {
  return {
    serves: (path) => services.unary.has(path) || services.streams.has(path),
    start(path, metadata, deadlineMs, sink, clientAddress) {
      const stats = services.counts?.methods.get(path);
      const call = new LocalCall(
        path,
        metadata,
        deadlineMs,
        sink,
        clock,
        maxReceiveBytes,
        report,
        clientAddress === undefined ? peer : new LoopbackPeer(clientAddress),
        slowUnary,
        stats,
        services.observer,
      );
      call.start(services.unary.get(path), services.streams.get(path));
      const caller: GatewayCall = {
        send: (message) => call.receive(message),
        halfClose: () => call.receiveEnd(),
        cancel: () => call.cancel(),
        pause: () => call.pauseOutput(),
        resume: () => call.resumeOutput(),
      };
      return caller;
    },
  };
}

/** One call in the process, as its handler sees it. */
class LocalCall implements ServerCall {
  readonly path: string;
  readonly peer: Peer;
  readonly deadlineMs: number;
  readonly #metadata: Map<string, string[]>;
  readonly #sink: GatewaySink;
  readonly #maxReceiveBytes: number;
  readonly #report: ReportDefect;
  readonly #deadline: Timer | undefined;
  readonly #clock: Clock;
  readonly #slowUnary: SlowUnaryCalls | undefined;
  readonly #stats: MethodStats;
  readonly #observer: CallObserver | undefined;
  readonly #startedMs: number;
  #unary: UnaryHandler | undefined;
  /** Requests that came while the handler did not read: the few that the caller sends before it is held back. */
  #waiting: Uint8Array[] = [];
  #inputEnded = false;
  #inputEndDelivered = false;
  #delivering = false;
  #readingPaused = false;
  #outputPaused = false;
  #onCancel: ((reason: CancelReason) => void) | undefined = undefined;
  /** Why the call was ended, until its handler has been told. */
  #untold: CancelReason | undefined = undefined;
  #retryAfterMs: number | undefined = undefined;
  ended = false;
  userData: unknown;
  queuedBytes = 0;
  receivedMessages = 0;
  sentMessages = 0;
  requestBytes = 0;
  responseBytes = 0;
  onMessage?: ((message: Uint8Array) => void) | undefined = undefined;
  onHalfClose?: (() => void) | undefined = undefined;
  onDrain?: (() => void) | undefined = undefined;

  constructor(
    path: string,
    metadata: Map<string, string[]>,
    timeoutMs: number,
    sink: GatewaySink,
    clock: Clock,
    maxReceiveBytes: number,
    report: ReportDefect,
    peer: Peer,
    slowUnary: SlowUnaryCalls | undefined,
    stats: MethodStats | undefined,
    observer: CallObserver | undefined,
  ) {
    this.#clock = clock;
    this.userData = stats === undefined ? OWN_CALL : undefined;
    this.#stats = stats ?? UNCOUNTED;
    this.#observer = observer;
    this.#startedMs = clock.nowMs();
    this.#stats.started++;
    this.path = path;
    this.peer = peer;
    this.#metadata = metadata;
    this.#sink = sink;
    this.#maxReceiveBytes = maxReceiveBytes;
    this.#report = report;
    this.#slowUnary = slowUnary;
    this.deadlineMs = this.#startedMs + timeoutMs;
    this.#deadline =
      timeoutMs === Number.POSITIVE_INFINITY ? undefined : clock.setTimer(timeoutMs, () => this.#expire());
  }

  start(unary: UnaryHandler | undefined, stream: StreamHandler | undefined): void {
    this.#unary = unary;
    this.#observer?.onCallStart(this, unary ? "unary" : stream ? "stream" : "unknown");
    if (stream !== undefined) this.#guard(() => stream(this));
    else if (unary === undefined) {
      const [, service, method] = this.path.split("/");
      this.fail(...new RequestError("NO_SUCH_METHOD", method ?? "", service ?? "").status);
    }
  }

  // What the caller does.

  receive(message: Uint8Array): void {
    if (this.ended || this.#inputEnded) return;
    if (message.length > this.#maxReceiveBytes) {
      const { status } = new RequestError("MESSAGE_TOO_LARGE", message.length, this.#maxReceiveBytes);
      this.#endWith(...status, "failed");
      return;
    }
    this.requestBytes += message.length;
    this.#waiting.push(message);
    this.#deliverWaiting();
  }

  receiveEnd(): void {
    this.#inputEnded = true;
    this.#deliverWaiting();
  }

  /** No callback of the sink follows. */
  cancel(): void {
    this.#finish("canceled", Code.CANCELLED);
  }

  pauseOutput(): void {
    this.#outputPaused = true;
  }

  resumeOutput(): void {
    if (!this.#outputPaused) return;
    this.#outputPaused = false;
    if (!this.ended) this.#guard(() => this.onDrain?.());
  }

  // What the handler does.

  metadata(name: string): string | undefined {
    return this.#metadata.get(name)?.[0];
  }

  metadataValues(name: string): readonly string[] {
    return this.#metadata.get(name) ?? [];
  }

  binaryMetadata(name: string): Uint8Array | undefined {
    const value = this.metadata(name);
    return value === undefined ? undefined : Buffer.from(value, "latin1");
  }

  // Responses over JSON carry no metadata of ours.
  setHeader(): void {}
  /** But for when to come back, which HTTP has a header for. */
  setTrailer(name: string, value: string | Uint8Array): void {
    if (name === RETRY_TRAILER) this.#retryAfterMs = Number(value);
  }
  sendHeaders(): void {}
  useGzip(): boolean {
    return false;
  }

  get onCancel(): ((reason: CancelReason) => void) | undefined {
    return this.#onCancel;
  }

  set onCancel(callback: ((reason: CancelReason) => void) | undefined) {
    this.#onCancel = callback;
    if (this.#untold !== undefined) this.#tellHandler(this.#untold);
  }

  reply(message: Uint8Array): void {
    if (this.ended) return;
    this.send(message);
    this.end();
  }

  replyInParts(parts: readonly Uint8Array[], release: (part: Uint8Array) => void): void {
    if (this.ended) {
      for (const part of parts) release(part);
      return;
    }
    this.#countSent(lengthOf(parts));
    this.#finish(undefined, Code.OK);
    this.#tellCaller(() => {
      this.#sink.onParts(parts, release);
      this.#sink.onEnd(Code.OK, "");
    });
  }

  whenAnswerRoom(begin: () => void): void {
    const sink = this.#sink;
    if (sink.whenAnswerRoom === undefined) begin();
    else
      sink.whenAnswerRoom(() => {
        if (!this.ended) begin();
      });
  }

  send(message: Uint8Array): boolean {
    if (this.ended) return false;
    this.#countSent(message.length);
    this.#tellCaller(() => this.#sink.onMessage(message));
    return !this.ended && !this.#outputPaused;
  }

  sendInParts(parts: readonly Uint8Array[]): boolean {
    if (this.ended) return false;
    this.#countSent(lengthOf(parts));
    this.#tellCaller(() => this.#sink.onMessage(parts));
    return !this.ended && !this.#outputPaused;
  }

  end(): void {
    this.#endWith(Code.OK, "", undefined);
  }

  fail(code: number, message: string): void {
    this.#endWith(code, message, undefined);
  }

  failWith(error: unknown): void {
    if (error instanceof GrpcError) {
      this.#endWith(error.code, error.details, "failed");
      return;
    }
    this.#report(error, this.path);
    this.#endWith(Code.UNKNOWN, error instanceof Error ? error.message : String(error), "failed");
  }

  pauseReading(): void {
    if (this.#readingPaused) return;
    this.#readingPaused = true;
    this.#sink.onPauseReading();
  }

  resumeReading(): void {
    if (!this.#readingPaused) return;
    this.#readingPaused = false;
    this.#deliverWaiting();
    if (this.#isReading) this.#tellCaller(() => this.#sink.onResumeReading());
  }

  /** What the caller has sent, in order, as far as the handler reads: the end comes behind the last message. */
  #deliverWaiting(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    while (this.#isReading && this.#waiting.length > 0) this.#deliver(this.#waiting.shift()!);
    if (this.#isReading && this.#inputEnded && !this.#inputEndDelivered) {
      this.#inputEndDelivered = true;
      this.#deliverEnd();
    }
    this.#delivering = false;
  }

  get #isReading(): boolean {
    return !this.ended && !this.#readingPaused;
  }

  #countSent(bytes: number): void {
    this.sentMessages++;
    this.#stats.sentMessages++;
    this.responseBytes += bytes;
    this.#stats.sentBytes += bytes;
  }

  #deliver(message: Uint8Array): void {
    this.receivedMessages++;
    this.#stats.receivedMessages++;
    this.#stats.receivedBytes += message.length;
    const unary = this.#unary;
    if (unary === undefined) this.#guard(() => this.onMessage?.(message));
    else if (this.receivedMessages === 1) this.#guard(() => unary(message, this));
    else this.#endWith(...FAILURES.SEVERAL_REQUESTS, "failed");
  }

  #deliverEnd(): void {
    if (this.#unary === undefined) this.#guard(() => this.onHalfClose?.());
    else if (this.receivedMessages === 0) {
      this.#endWith(...FAILURES.NO_REQUEST, "failed");
    }
  }

  #expire(): void {
    this.#endWith(...FAILURES.DEADLINE_EXCEEDED, "deadline");
  }

  /** `reason`: why, when it is not the handler that ends the call. */
  #endWith(code: number, message: string, reason: CancelReason | undefined): void {
    if (!this.#finish(reason, code)) return;
    this.#tellCaller(() => this.#sink.onEnd(code, message, this.#retryAfterMs));
  }

  /** Every end leads through here; true the first time. */
  #finish(reason: CancelReason | undefined, code: number): boolean {
    if (this.ended) return false;
    this.ended = true;
    this.#countEnd(code);
    try {
      this.#observer?.onCallEnd(this, code);
    } catch (error) {
      this.#report(error, this.path);
    }
    this.#waiting = [];
    this.#deadline?.cancel();
    if (reason !== undefined) this.#tellHandler(reason);
    return true;
  }

  #countEnd(code: number): void {
    const { handled, seconds } = this.#stats;
    handled[code] = (handled[code] ?? 0) + 1;
    const tookMs = this.#clock.nowMs() - this.#startedMs;
    seconds?.observe(tookMs / 1_000);
    if (this.#slowUnary === undefined || this.#unary === undefined) return;
    if (tookMs > this.#slowUnary.afterMs) this.#slowUnary.report(this, tookMs, code);
  }

  #tellHandler(reason: CancelReason): void {
    const onCancel = this.#onCancel;
    this.#untold = onCancel === undefined ? reason : undefined;
    this.#onCancel = undefined;
    this.#guard(() => onCancel?.(reason));
  }

  /** What the caller does with an answer is none of the handler's business: the answer may come from applying a log entry. */
  #tellCaller(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#report(error, this.path);
      this.#finish("failed", Code.UNKNOWN);
    }
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.failWith(error);
    }
  }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}
