import type { CancelReason, Peer, ServerCall } from "@quorate/rpc/server";
import { Code, GrpcError } from "@quorate/rpc/status";
import { encode } from "@quorate/wire";
import { WatchRequestSchema } from "@quorate/wire/etcdserverpb";
import { statusOf } from "../errors.ts";
import { type Caller, NOBODY } from "../operations/caller.ts";
import type { WatchedKeys } from "../watch/stream.ts";
import { commonNameOf } from "./common-name.ts";
import { LoopbackPeer } from "./loopback.ts";

/** What is known of a call that has begun or ended. */
export interface CallReport<Touched> {
  readonly path: string;
  readonly caller: Caller;
  /** The name in the verified certificate of its client; undefined without one. */
  readonly certificate: string | undefined;
  /** Of a call over JSON it is its client's, without a port. */
  readonly address: string;
  readonly isJson: boolean;
  /** What the observer made of its request; undefined when none came, or when it was told before. */
  readonly touched: Touched | undefined;
  /** gRPC's code and text; undefined of a stream that has begun, or of a call that its client has left. */
  readonly status: readonly [code: number, text: string] | undefined;
  /** Why it ended, when neither its handler nor what it was sent ended it. */
  readonly left: CancelReason | undefined;
  /** The first response. */
  readonly response: Uint8Array | undefined;
}

/** How a call has ended: see `CallReport`. */
type Status = CallReport<unknown>["status"];

/** Hears of all calls, over gRPC and JSON alike. Must not throw. */
export interface CallObserver<Touched = unknown> {
  /** Whether to tell it of an end like that: what is told is not made in vain. Absent: of every one. */
  wants?(status: Status): boolean;
  /** Makes what it wants to keep of a request, which is borrowed. */
  touchedBy?(path: string, request: Uint8Array): Touched;
  /** A stream has got its first request. */
  streamBegan?(report: CallReport<Touched>): void;
  /** A call has ended; or a watcher has been created or refused, on a stream that goes on. */
  ended(report: CallReport<Touched>): void;
}

/** Several as one; undefined when there are none. What is kept of a request is the first one's that keeps anything. */
export function asOne(observers: readonly CallObserver[]): CallObserver | undefined {
  if (observers.length < 2) return observers[0];
  const keeping = observers.find((observer) => observer.touchedBy !== undefined);
  return {
    ...(keeping === undefined ? {} : { touchedBy: (path, request) => keeping.touchedBy!(path, request) }),
    wants: (status) => observers.some((observer) => observer.wants?.(status) ?? true),
    streamBegan(report) {
      for (const observer of observers) observer.streamBegan?.(report);
    },
    ended(report) {
      for (const observer of observers) observer.ended(report);
    },
  };
}

/** A call whose end its observer hears of. All else is the call's. */
export class ObservedCall implements ServerCall {
  readonly #call: ServerCall;
  readonly #observer: CallObserver;
  readonly #isStream: boolean;
  #caller: Caller = NOBODY;
  #touched: unknown;
  #response: Uint8Array | undefined;
  #hasRequest = false;
  #hasEnded = false;
  #onCancel: ((reason: CancelReason) => void) | undefined = undefined;
  #untold: CancelReason | undefined = undefined;
  readonly beginReply: ServerCall["beginReply"];
  readonly continueReply: ServerCall["continueReply"];

  constructor(call: ServerCall, observer: CallObserver, isStream: boolean) {
    this.#call = call;
    this.#observer = observer;
    this.#isStream = isStream;
    const { beginReply, continueReply } = call;
    // The observer hears of it at the end, when the memory of the parts is used again.
    this.beginReply =
      beginReply &&
      ((length, parts, release) => {
        this.#response ??= parts[0]?.slice();
        return beginReply.call(call, length, parts, release);
      });
    this.continueReply = continueReply?.bind(call);
    call.onCancel = (reason) => this.#left(reason);
  }

  // What the observer hears of.

  /** Who makes it, as soon as that can be said: when it ends its token may not hold any more, by what it did itself. */
  identified(caller: Caller): void {
    if (this.#caller.username === "") this.#caller = caller;
  }

  /** To be told of the request of a unary call. */
  requested(message: Uint8Array): void {
    if (this.#hasRequest) return;
    this.#hasRequest = true;
    this.#touched = this.#observer.touchedBy?.(this.path, message);
  }

  /** A watcher of these keys was created on this stream, or refused with `error`. */
  watched({ key, rangeEnd }: WatchedKeys, error: unknown): void {
    const status = error === undefined ? ([Code.OK, ""] as const) : codeAndText(error);
    if (!this.#isWanted(status)) return;
    const requestUnion = { case: "createRequest", value: { key, rangeEnd } } as const;
    const touched = this.#observer.touchedBy?.(this.path, encode(WatchRequestSchema, { requestUnion }));
    this.#observer.ended({ ...this.#report(status, undefined), touched });
  }

  #streamRequested(message: Uint8Array): void {
    if (this.#hasRequest) return;
    this.requested(message);
    this.#observer.streamBegan?.(this.#report(undefined, undefined));
    this.#touched = undefined;
  }

  #end(code: number, text: string): void {
    if (this.#hasEnded || this.#call.ended) return;
    this.#hasEnded = true;
    this.#tell([code, text], undefined);
  }

  #tell(status: Status, left: CancelReason | undefined): void {
    if (this.#isWanted(status)) this.#observer.ended(this.#report(status, left));
  }

  #isWanted(status: Status): boolean {
    return this.#observer.wants?.(status) ?? true;
  }

  #left(reason: CancelReason): void {
    if (!this.#hasEnded) {
      this.#hasEnded = true;
      this.#tell(undefined, reason);
    }
    const onCancel = this.#onCancel;
    this.#untold = onCancel === undefined ? reason : undefined;
    this.#onCancel = undefined;
    onCancel?.(reason);
  }

  #report(status: Status, left: CancelReason | undefined): CallReport<unknown> {
    const { peer } = this;
    const isJson = peer instanceof LoopbackPeer;
    return {
      path: this.path,
      caller: this.#caller,
      certificate: commonNameOf(peer.tls),
      address: isJson ? peer.clientAddress : `${peer.address}:${peer.port}`,
      isJson,
      touched: this.#touched,
      status,
      left,
      response: this.#response,
    };
  }

  // What the call does.

  get path(): string {
    return this.#call.path;
  }

  get peer(): Peer {
    return this.#call.peer;
  }

  get deadlineMs(): number {
    return this.#call.deadlineMs;
  }

  get ended(): boolean {
    return this.#call.ended;
  }

  get queuedBytes(): number {
    return this.#call.queuedBytes;
  }

  get receivedMessages(): number {
    return this.#call.receivedMessages;
  }

  get sentMessages(): number {
    return this.#call.sentMessages;
  }

  get userData(): unknown {
    return this.#call.userData;
  }

  set userData(value: unknown) {
    this.#call.userData = value;
  }

  metadata(name: string): string | undefined {
    return this.#call.metadata(name);
  }

  metadataValues(name: string): readonly string[] {
    return this.#call.metadataValues(name);
  }

  binaryMetadata(name: string): Uint8Array | undefined {
    return this.#call.binaryMetadata(name);
  }

  setHeader(name: string, value: string | Uint8Array): void {
    this.#call.setHeader(name, value);
  }

  setTrailer(name: string, value: string | Uint8Array): void {
    this.#call.setTrailer(name, value);
  }

  useGzip(): boolean {
    return this.#call.useGzip();
  }

  sendHeaders(): void {
    this.#call.sendHeaders();
  }

  whenAnswerRoom(begin: () => void): void {
    this.#call.whenAnswerRoom(begin);
  }

  pauseReading(): void {
    this.#call.pauseReading();
  }

  resumeReading(): void {
    this.#call.resumeReading();
  }

  reply(message: Uint8Array): void {
    this.#response ??= message;
    this.#end(Code.OK, "");
    this.#call.reply(message);
  }

  replyInParts(parts: readonly Uint8Array[], release: (part: Uint8Array) => void): void {
    this.#response ??= parts[0];
    this.#end(Code.OK, "");
    this.#call.replyInParts(parts, release);
  }

  send(message: Uint8Array): boolean {
    return this.#call.send(message);
  }

  sendInParts(parts: readonly Uint8Array[]): boolean {
    return this.#call.sendInParts(parts);
  }

  end(): void {
    this.#end(Code.OK, "");
    this.#call.end();
  }

  fail(code: number, message: string): void {
    this.#end(code, message);
    this.#call.fail(code, message);
  }

  failWith(error: unknown): void {
    this.#end(...codeAndText(error));
    this.#call.failWith(error);
  }

  get onMessage(): ((message: Uint8Array) => void) | undefined {
    return this.#call.onMessage;
  }

  set onMessage(callback: ((message: Uint8Array) => void) | undefined) {
    this.#call.onMessage =
      callback &&
      ((message) => {
        if (this.#isStream) this.#streamRequested(message);
        this.guard(() => callback(message));
      });
  }

  get onHalfClose(): (() => void) | undefined {
    return this.#call.onHalfClose;
  }

  set onHalfClose(callback: (() => void) | undefined) {
    this.#call.onHalfClose = callback && (() => this.guard(callback));
  }

  get onDrain(): (() => void) | undefined {
    return this.#call.onDrain;
  }

  set onDrain(callback: (() => void) | undefined) {
    this.#call.onDrain = callback && (() => this.guard(callback));
  }

  get onCancel(): ((reason: CancelReason) => void) | undefined {
    return this.#onCancel;
  }

  set onCancel(callback: ((reason: CancelReason) => void) | undefined) {
    this.#onCancel = callback;
    const reason = this.#untold;
    if (reason === undefined || callback === undefined) return;
    this.#untold = undefined;
    this.#onCancel = undefined;
    callback(reason);
  }

  /** What `run` throws ends the call: with that, and not only with the fact that it did. */
  guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#end(...codeAndText(error));
      throw error;
    }
  }
}

function codeAndText(error: unknown): readonly [code: number, text: string] {
  if (error instanceof GrpcError) return [error.code, error.details];
  const [code, text] = statusOf(error) ?? [
    Code.UNKNOWN,
    error instanceof Error ? error.message : String(error),
  ];
  return [code, text];
}
