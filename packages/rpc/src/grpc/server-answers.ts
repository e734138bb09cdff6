import { DO_NOT_INDEX, INDEX_FIELD } from "../hpack/encoder.ts";
import {
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_DATA,
  FRAME_HEADER_LENGTH,
  FRAME_HEADERS,
} from "../http2/protocol.ts";
import {
  ANSWER_ASKED_FOR_ROOM,
  GONE,
  HEADERS_SENT,
  LOCAL_CLOSED,
  QUEUE_OF_ANSWER,
  QUEUE_OF_LARGE_ANSWER,
} from "../http2/stream.ts";
import type { CancelReason } from "./call.ts";
import type { CallHead } from "./call-head.ts";
import type { CallOwner } from "./call-owner.ts";
import { GrpcStream, writeMessage } from "./grpc-stream.ts";
import { PREFIX_LENGTH } from "./message-reader.ts";
import { metadataValue } from "./metadata.ts";
import type { Route } from "./method.ts";
import { percentEncode } from "./percent-encoding.ts";
import { Code } from "./status.ts";

/** What a server answers on the stream of a call: header, messages and trailers. What the client sends is its heirs'. */
export abstract class ServerAnswers extends GrpcStream {
  readonly head: CallHead<Route>;
  readonly owner: CallOwner;
  responseBytes = 0;
  ended = false;
  #release: ((part: Uint8Array) => void) | undefined = undefined;
  #headers: [string, string][] | undefined = undefined;
  #trailers: [string, string][] | undefined = undefined;
  #status: number = Code.OK;
  #statusMessage = "";

  constructor(owner: CallOwner, id: number, head: CallHead<Route>) {
    super(owner.connection, id);
    this.owner = owner;
    this.head = head;
  }

  /** Ends the call with a status that is no success. */
  abstract fail(code: number, message: string): void;
  /** Every end of a call leads through here, once. With a `reason` it was not the handler that ended it. */
  protected abstract finish(code: number, reason?: CancelReason): void;

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
    this.leaveAnswerRoom();
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
    this.finish(Code.OK);
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
    this.endWith(Code.OK, "");
  }

  /** Answers with an HTTP status other than 200, as gRPC does for requests that are not gRPC. */
  reject(httpStatus: number, code: number, message: string): void {
    const { encoder } = this.connection;
    encoder.begin();
    encoder.field(":status", String(httpStatus), INDEX_FIELD);
    encoder.field("content-type", "application/grpc", INDEX_FIELD);
    encoder.field("grpc-status", String(code), DO_NOT_INDEX);
    encoder.field("grpc-message", percentEncode(message), DO_NOT_INDEX);
    this.finish(code);
    this.connection.writeHeaderBlock(this, encoder.end(), true);
  }

  protected endWith(code: number, message: string, reason?: CancelReason): void {
    this.#status = code;
    this.#statusMessage = message;
    this.finish(code, reason);
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

  protected leaveAnswerRoom(): void {
    if ((this.state & ANSWER_ASKED_FOR_ROOM) === 0) return;
    this.state &= ~ANSWER_ASKED_FOR_ROOM;
    const { rooms } = this.connection;
    rooms.inTheMaking--;
    if (!rooms.answers.isEmpty) this.connection.requestFlush();
  }
}

const MOST_MESSAGE_BYTES = 2 ** 31 - 1;
/** Of a `grpc-accept-encoding`, which may be as long as all metadata. */
const MOST_OF_ENCODINGS = 1024;

function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}
