import { DO_NOT_INDEX, INDEX_FIELD } from "../hpack/encoder.ts";
import type { HeaderBlock } from "../http2/header-block.ts";
import {
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_DATA,
  FRAME_HEADER_LENGTH,
  FRAME_HEADERS,
} from "../http2/protocol.ts";
import {
  type AbortOrigin,
  ANSWER_ASKED_FOR_ROOM,
  GONE,
  HEADERS_SENT,
  LOCAL_CLOSED,
  QUEUE_OF_ANSWER,
  QUEUE_OF_LARGE_ANSWER,
} from "../http2/stream.ts";
import type { CancelReason, Peer, ServerCall } from "./call.ts";
import type { CallHead } from "./call-head.ts";
import type { CallOwner } from "./call-owner.ts";
import type { Deadline, Expiring } from "./deadlines.ts";
import { GrpcStream, type MessageEncoding, writeMessage } from "./grpc-stream.ts";
import { PREFIX_LENGTH } from "./message-reader.ts";
import { decodeBinary, metadataValue, valuesOf } from "./metadata.ts";
import type { Route } from "./method.ts";
import { percentEncode } from "./percent-encoding.ts";
import { shortTime, sinceShortTime } from "./slow-calls.ts";
import { Code, GrpcError } from "./status.ts";

/** {@link ServerCall} on its HTTP/2 stream: one object a call. */
export class ServerCallStream extends GrpcStream implements ServerCall, Expiring {
  readonly block: HeaderBlock;
  readonly head: CallHead<Route>;
  readonly owner: CallOwner;
  /** When the chunk with the call's beginning was received (see `shortTime`). */
  readonly receivedAt: number;
  requestBytes = 0;
  responseBytes = 0;
  ended = false;
  deadlineMs = Number.POSITIVE_INFINITY;
  userData: unknown = undefined;
  onMessage: ((message: Uint8Array) => void) | undefined = undefined;
  onHalfClose: (() => void) | undefined = undefined;
  onDrain: (() => void) | undefined = undefined;
  #onCancel: ((reason: CancelReason) => void) | undefined = undefined;
  /** Why the call was ended, until its handler has been told. */
  #untold: CancelReason | undefined = undefined;
  #deadline: Deadline | undefined = undefined;
  #release: ((part: Uint8Array) => void) | undefined = undefined;
  #headers: [string, string][] | undefined = undefined;
  #trailers: [string, string][] | undefined = undefined;
  #status: number = Code.OK;
  #statusMessage = "";

  constructor(owner: CallOwner, id: number, block: HeaderBlock, head: CallHead<Route>) {
    super(owner.connection, id);
    this.owner = owner;
    this.block = block;
    this.head = head;
    this.receivedAt = shortTime(owner.connection.lastReceivedMs);
  }

  get path(): string {
    return this.block.path;
  }

  get peer(): Peer {
    return this.owner.peer;
  }

  // ---- What the client sent ----

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
    this.#finish(Code.CANCELLED, ABORT_REASONS[origin]);
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

  // ---- What we answer ----

  setHeader(name: string, value: string | Uint8Array): void {
    this.#headers ??= [];
    this.#headers.push([name, metadataValue(name, value)]);
  }

  setTrailer(name: string, value: string | Uint8Array): void {
    this.#trailers ??= [];
    this.#trailers.push([name, metadataValue(name, value)]);
  }

  useGzip(): boolean {
    const names = this.head.acceptEncoding.slice(0, MOST_OF_ENCODINGS).split(",");
    const accepted = names.some((name) => name.trim() === "gzip");
    if (!accepted || (this.state & HEADERS_SENT) !== 0) return false;
    this.#headers ??= [];
    this.#headers.push(["grpc-encoding", "gzip"]);
    this.startCompressing();
    return true;
  }

  reply(message: Uint8Array, release?: (message: Uint8Array) => void): void {
    if (this.ended || this.#replyDirectly(message)) {
      release?.(message);
      return;
    }
    this.#chooseQueue(message.length);
    this.send(message);
    this.end();
  }

  #chooseQueue(answerBytes: number): void {
    if ((this.state & ANSWER_ASKED_FOR_ROOM) !== 0) {
      this.queueKind = QUEUE_OF_LARGE_ANSWER;
      return;
    }
    this.queueKind = QUEUE_OF_ANSWER;
    this.connection.rooms.noteAnswer(this, answerBytes);
  }

  whenAnswerRoom(begin: () => void): void {
    const { connection } = this;
    connection.rooms.answers.enter(() => {
      if (this.ended) return;
      connection.rooms.inTheMaking++;
      this.state |= ANSWER_ASKED_FOR_ROOM;
      begin();
    });
  }

  replyInParts(parts: readonly Uint8Array[], release: (part: Uint8Array) => void): void {
    if (this.ended || (parts.length === 1 && this.#replyDirectly(parts[0]!))) {
      for (const part of parts) release(part);
      return;
    }
    const length = lengthOf(parts);
    if (this.#failsAsTooLarge(length)) {
      for (const part of parts) release(part);
      return;
    }
    if (this.compresses(length)) {
      const message = Buffer.concat(parts);
      for (const part of parts) release(part);
      this.reply(message);
      return;
    }
    this.sendHeaders();
    this.connection.sentSincePing = true;
    this.#countSent(length);
    this.#chooseQueue(length);
    this.sendParts(parts, length, release);
    this.end();
  }

  beginReply(length: number, parts: readonly Uint8Array[], release: (part: Uint8Array) => void): boolean {
    if (this.ended || this.#failsAsTooLarge(length)) {
      for (const part of parts) release(part);
      return false;
    }
    this.#release = release;
    this.sendHeaders();
    this.connection.sentSincePing = true;
    this.#countSent(length);
    // Little of it is there at a time, so that others need not wait for its end.
    this.#leaveAnswerRoom();
    this.queueKind = QUEUE_OF_LARGE_ANSWER;
    return this.sendParts(parts, length, release);
  }

  continueReply(part: Uint8Array): boolean {
    if (this.ended) {
      this.#release?.(part);
      return false;
    }
    this.connection.sentSincePing = true;
    return this.sendNextPart(part);
  }

  /** As Go's gRPC refuses to send what no client of it could receive; the prefix has four octets for the length. */
  #failsAsTooLarge(length: number): boolean {
    if (length <= MOST_MESSAGE_BYTES) return false;
    this.fail(
      Code.RESOURCE_EXHAUSTED,
      `grpc: trying to send message larger than max (${length} vs. ${MOST_MESSAGE_BYTES})`,
    );
    return true;
  }

  /** Copies the whole answer into the output at once, if it may go there. */
  #replyDirectly(message: Uint8Array): boolean {
    const { connection, owner } = this;
    const count = message.length + PREFIX_LENGTH;
    if (
      this.#headers !== undefined ||
      this.#trailers !== undefined ||
      (this.state & HEADERS_SENT) !== 0 ||
      !connection.canSendDirectly(this, count)
    ) {
      return false;
    }
    // Header, message and trailers go into the output in one piece.
    const outermost = connection.beginGathering();
    const header = owner.encodedHeader();
    const trailers = owner.encodedTrailers();
    const { output } = connection;
    output.reserve(3 * FRAME_HEADER_LENGTH + header.length + trailers.length + count);
    connection.writeFrameHeader(header.length, FRAME_HEADERS, FLAG_END_HEADERS, this.id);
    const { bytes } = output;
    for (let i = 0; i < header.length; i++) bytes[output.length + i] = header[i]!;
    output.length += header.length;
    connection.writeFrameHeader(count, FRAME_DATA, 0, this.id);
    writeMessage(bytes, output.length, message, 0);
    output.length += count;
    connection.writeFrameHeader(trailers.length, FRAME_HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM, this.id);
    for (let i = 0; i < trailers.length; i++) bytes[output.length + i] = trailers[i]!;
    output.length += trailers.length;
    connection.sendWindow -= count;
    this.sentMessages = 1;
    this.#countSent(message.length);
    this.state |= HEADERS_SENT;
    connection.sentSincePing = true;
    this.#finish(Code.OK);
    connection.closeLocal(this);
    if (outermost) connection.endGathering();
    return true;
  }

  send(message: Uint8Array): boolean {
    if (this.ended) return false;
    if ((this.state & HEADERS_SENT) === 0) this.sendHeaders();
    this.connection.sentSincePing = true;
    this.#countSent(message.length);
    return this.sendMessage(message);
  }

  sendInParts(parts: readonly Uint8Array[]): boolean {
    const length = lengthOf(parts);
    if (this.compresses(length)) return this.send(Buffer.concat(parts));
    if (this.ended) return false;
    if ((this.state & HEADERS_SENT) === 0) this.sendHeaders();
    this.connection.sentSincePing = true;
    this.#countSent(length);
    return this.sendMessageInParts(parts, length);
  }

  #countSent(messageBytes: number): void {
    const { stats } = this.head.route!;
    stats.sentMessages++;
    stats.sentBytes += messageBytes;
    this.responseBytes += messageBytes;
  }

  sendHeaders(): void {
    if (this.ended || (this.state & HEADERS_SENT) !== 0) return;
    const { owner } = this;
    if (this.#headers === undefined) {
      this.connection.writeHeaderBlock(this, owner.encodedHeader(), false);
    } else {
      const { encoder } = this.connection;
      encoder.begin();
      encoder.field(":status", "200", INDEX_FIELD);
      encoder.field("content-type", "application/grpc", INDEX_FIELD);
      for (const [name, value] of this.#headers) encoder.field(name, value, DO_NOT_INDEX);
      this.connection.writeHeaderBlock(this, encoder.end(), false);
    }
    this.state |= HEADERS_SENT;
    this.connection.sentSincePing = true;
  }

  end(): void {
    if (this.ended) return;
    this.sendHeaders();
    this.#endWith(Code.OK, "");
  }

  fail(code: number, message: string): void {
    this.#failFor(undefined, code, message);
  }

  /** `reason`: why, when it is not the handler that ends the call. */
  #failFor(reason: CancelReason | undefined, code: number, message: string): void {
    if (!this.ended) this.#endWith(code, message, reason);
  }

  /** Answers with an HTTP status other than 200, as gRPC does for requests that are not gRPC. */
  reject(httpStatus: number, code: number, message: string): void {
    const { encoder } = this.connection;
    encoder.begin();
    encoder.field(":status", String(httpStatus), INDEX_FIELD);
    encoder.field("content-type", "application/grpc", INDEX_FIELD);
    encoder.field("grpc-status", String(code), DO_NOT_INDEX);
    encoder.field("grpc-message", percentEncode(message), DO_NOT_INDEX);
    this.#finish(code);
    this.connection.writeHeaderBlock(this, encoder.end(), true);
  }

  #endWith(code: number, message: string, reason?: CancelReason): void {
    this.#status = code;
    this.#statusMessage = message;
    this.#finish(code, reason);
    // A failing call does not wait for its queue: what was not sent yet is dropped.
    if (code !== Code.OK && this.queuedBytes > 0 && !this.isInsideMessage) this.dropQueue();
    if (this.queuedBytes > 0) this.queueEnd(true);
    else this.writeTrailers();
  }

  override writeTrailers(): void {
    if ((this.state & (GONE | LOCAL_CLOSED)) !== 0) return;
    const { connection, owner } = this;
    connection.sentSincePing = true;
    if (this.#status === Code.OK && this.#trailers === undefined && (this.state & HEADERS_SENT) !== 0) {
      connection.writeHeaderBlock(this, owner.encodedTrailers(), true);
      return;
    }
    const { encoder } = connection;
    encoder.begin();
    if ((this.state & HEADERS_SENT) === 0) {
      encoder.field(":status", "200", INDEX_FIELD);
      encoder.field("content-type", "application/grpc", INDEX_FIELD);
      for (const [name, value] of this.#headers ?? []) encoder.field(name, value, DO_NOT_INDEX);
    }
    encoder.field("grpc-status", String(this.#status), this.#status === Code.OK ? INDEX_FIELD : DO_NOT_INDEX);
    if (this.#statusMessage !== "") {
      encoder.field("grpc-message", percentEncode(this.#statusMessage), DO_NOT_INDEX);
    }
    for (const [name, value] of this.#trailers ?? []) encoder.field(name, value, DO_NOT_INDEX);
    this.state |= HEADERS_SENT;
    connection.writeHeaderBlock(this, encoder.end(), true);
  }

  /**
   * Every end of a call leads through here, once. It is over for the handler and the metrics; its last octets may still be
   * waiting for the windows. With a `reason` it was not the handler that ended it, so it is told.
   */
  #finish(code: number, reason?: CancelReason): void {
    this.ended = true;
    if (this.#deadline !== undefined) {
      this.owner.server.deadlines.cancel(this.#deadline);
      this.#deadline = undefined;
    }
    this.dropInput();
    this.#leaveAnswerRoom();
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

  #leaveAnswerRoom(): void {
    if ((this.state & ANSWER_ASKED_FOR_ROOM) === 0) return;
    this.state &= ~ANSWER_ASKED_FOR_ROOM;
    const { rooms } = this.connection;
    rooms.inTheMaking--;
    if (!rooms.answers.isEmpty) this.connection.requestFlush();
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

const MOST_MESSAGE_BYTES = 2 ** 31 - 1;
/** Of a `grpc-accept-encoding`, which may be as long as all metadata. */
const MOST_OF_ENCODINGS = 1024;
/** `goaway` ends streams of clients only. */
const ABORT_REASONS: Readonly<Record<AbortOrigin, CancelReason>> = {
  peer: "canceled",
  local: "failed",
  disconnected: "disconnected",
  goaway: "canceled",
};
const NOTHING = new Uint8Array(0);

function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}
