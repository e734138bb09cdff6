import type { HeaderBlock } from "../http2/header-block.ts";
import type { AbortOrigin } from "../http2/stream.ts";
import type { CancelReason, Peer, ServerCall } from "./call.ts";
import type { CallHead } from "./call-head.ts";
import type { CallOwner } from "./call-owner.ts";
import type { Deadline, Expiring } from "./deadlines.ts";
import type { MessageEncoding } from "./grpc-stream.ts";
import { decodeBinary, valuesOf } from "./metadata.ts";
import type { Route } from "./method.ts";
import { ServerAnswers } from "./server-answers.ts";
import { shortTime, sinceShortTime } from "./slow-calls.ts";
import { Code, GrpcError } from "./status.ts";

/** {@link ServerCall} on its HTTP/2 stream: one object a call. */
export class ServerCallStream extends ServerAnswers implements ServerCall, Expiring {
  readonly block: HeaderBlock;
  /** When the chunk with the call's beginning was received (see `shortTime`). */
  readonly receivedAt: number;
  requestBytes = 0;
  deadlineMs = Number.POSITIVE_INFINITY;
  userData: unknown = undefined;
  onMessage: ((message: Uint8Array) => void) | undefined = undefined;
  onHalfClose: (() => void) | undefined = undefined;
  onDrain: (() => void) | undefined = undefined;
  #onCancel: ((reason: CancelReason) => void) | undefined = undefined;
  /** Why the call was ended, until its handler has been told. */
  #untold: CancelReason | undefined = undefined;
  #deadline: Deadline | undefined = undefined;

  constructor(owner: CallOwner, id: number, block: HeaderBlock, head: CallHead<Route>) {
    super(owner, id, head);
    this.block = block;
    this.receivedAt = shortTime(owner.connection.lastReceivedMs);
  }

  get path(): string {
    return this.block.path;
  }

  get peer(): Peer {
    return this.owner.peer;
  }

  metadata(name: string): string | undefined {
    return this.block.get(name);
  }

  metadataValues(name: string): readonly string[] {
    return valuesOf(this.block.fields, name);
  }

  binaryMetadata(name: string): Uint8Array | undefined {
    const value = this.block.get(name);
    if (value === undefined) return undefined;
    const comma = value.indexOf(",");
    return decodeBinary(comma < 0 ? value : value.slice(0, comma));
  }

  get receivingEnded(): boolean {
    return this.ended;
  }

  get receiveEncoding(): MessageEncoding {
    return this.head.encoding;
  }

  get maxReceiveBytes(): number {
    return this.owner.server.maxReceiveMessageBytes;
  }

  /** As in Go's gRPC, from where clients know these. */
  override get codeOfCutMessage(): number {
    return this.head.route!.unary === undefined ? Code.INTERNAL : Code.UNKNOWN;
  }

  setDeadline(atMs: number): void {
    this.deadlineMs = atMs;
    this.#deadline = this.owner.server.deadlines.add(atMs, this);
  }

  onDeadline(): void {
    this.#deadline = undefined;
    this.#failFor("deadline", Code.DEADLINE_EXCEEDED, "context deadline exceeded");
  }

  deliverMessage(message: Uint8Array): void {
    const { stats, unary } = this.head.route!;
    stats.receivedMessages++;
    stats.receivedBytes += message.length;
    this.requestBytes += message.length;
    try {
      if (unary === undefined) this.onMessage?.(message);
      else if (this.receivedMessages === 1) unary(message, this);
      else this.failReceiving(Code.INTERNAL, "unary call with more than one request message");
    } catch (error) {
      this.failWith(error);
    }
  }

  deliverEnd(): void {
    try {
      if (this.head.route!.unary === undefined) this.onHalfClose?.();
      else if (this.receivedMessages === 0) {
        this.failReceiving(Code.UNKNOWN, "EOF");
      }
    } catch (error) {
      this.failWith(error);
    }
  }

  failReceiving(code: number, details: string): void {
    this.#failFor("failed", code, details);
  }

  override goOnLater(step: () => void): boolean {
    this.owner.server.clock.setTimer(0, step);
    return true;
  }

  override onHeaders(): void {
    // Trailers of a client carry nothing in gRPC, but they end its side.
    if (!this.ended) this.onData(NOTHING, 0, 0, true);
  }

  override onAbort(_code: number, origin: AbortOrigin): void {
    if (this.ended) return;
    this.finish(Code.CANCELLED, ABORT_REASONS[origin]);
  }

  override onWritable(): void {
    if (this.ended) return;
    try {
      this.onDrain?.();
    } catch (error) {
      this.failWith(error);
    }
  }

  get onCancel(): ((reason: CancelReason) => void) | undefined {
    return this.#onCancel;
  }

  set onCancel(callback: ((reason: CancelReason) => void) | undefined) {
    this.#onCancel = callback;
    if (this.#untold !== undefined) this.#tellHandler(this.#untold);
  }

  #tellHandler(reason: CancelReason): void {
    const onCancel = this.#onCancel;
    this.#untold = onCancel === undefined ? reason : undefined;
    this.#onCancel = undefined;
    try {
      onCancel?.(reason);
    } catch (error) {
      this.owner.server.reportHandlerError(error, this.path);
    }
  }

  failWith(error: unknown): void {
    if (error instanceof GrpcError) {
      this.#failFor("failed", error.code, error.details);
      return;
    }
    this.owner.server.reportHandlerError(error, this.path);
    this.#failFor("failed", Code.UNKNOWN, error instanceof Error ? error.message : String(error));
  }

  fail(code: number, message: string): void {
    this.#failFor(undefined, code, message);
  }

  /** `reason`: why, when it is not the handler that ends the call. */
  #failFor(reason: CancelReason | undefined, code: number, message: string): void {
    if (!this.ended) this.endWith(code, message, reason);
  }

  /**
   * Every end of a call leads through here, once. It is over for the handler and the metrics; its last octets may still be
   * waiting for the windows. With a `reason` it was not the handler that ended it, so it is told.
   */
  protected override finish(code: number, reason?: CancelReason): void {
    this.ended = true;
    if (this.#deadline !== undefined) {
      this.owner.server.deadlines.cancel(this.#deadline);
      this.#deadline = undefined;
    }
    this.dropInput();
    this.leaveAnswerRoom();
    this.#count(code);
    const { observer } = this.owner.server;
    if (observer !== undefined) {
      try {
        observer.onCallEnd(this, code);
      } catch (error) {
        this.owner.server.reportHandlerError(error, this.path);
      }
    }
    if (reason !== undefined) this.#tellHandler(reason);
  }

  /** One look at the clock serves all who want to know how long the call took, and others that end with it. */
  #count(code: number): void {
    const { route } = this.head;
    if (route === undefined) return;
    const { handled, seconds } = route.stats;
    handled[code] = (handled[code] ?? 0) + 1;
    const { turnClock, slowUnary } = this.owner.server;
    const slow = route.unary === undefined ? undefined : slowUnary;
    if (slow === undefined && seconds === undefined) return;
    const tookMs = sinceShortTime(turnClock.nowMs(), this.receivedAt);
    if (seconds !== undefined) seconds.observe(tookMs / 1_000);
    if (slow !== undefined && tookMs > slow.afterMs) slow.report(this, tookMs, code);
  }
}

/** `goaway` ends streams of clients only. */
const ABORT_REASONS: Readonly<Record<AbortOrigin, CancelReason>> = {
  peer: "canceled",
  local: "failed",
  disconnected: "disconnected",
  goaway: "canceled",
};
const NOTHING = new Uint8Array(0);
