import type { Http2Connection } from "../http2/connection.ts";
import type { RoomUser } from "../http2/message-room.ts";
import { FRAME_DATA, FRAME_HEADER_LENGTH } from "../http2/protocol.ts";
import { HIGH_WATER_BYTES } from "../http2/send-scheduler.ts";
import {
  AWAITS_ROOM,
  CALL_WAITS,
  DRAIN_OWED,
  END_QUEUED,
  GONE,
  Http2Stream,
  LOCAL_CLOSED,
  READING_PAUSED,
  USES_ROOM,
} from "../http2/stream.ts";
import {
  deflate,
  INFLATE_FAILED,
  INFLATED_TOO_LARGE,
  type InflateResult,
  inflate,
  LARGEST_COMPRESSED,
} from "./compression.ts";
import { GrowingBytes } from "./growing-bytes.ts";
import { MessageReader, PREFIX_LENGTH, readLength } from "./message-reader.ts";
import { Code } from "./status.ts";

/** What is held back while it is not wanted. */
interface HeldInput {
  /** A piece of the body, delivered up to `at`, and what came after it. */
  chunk: Uint8Array;
  at: number;
  readonly later: GrowingBytes;
  endStream: boolean;
}

/** Tiny messages lie in a chunk by the thousand: after so many of a stream others have their turn. */
const MOST_IN_A_ROW = 256;

/** The encodings a message may have. */
export type MessageEncoding = "identity" | "gzip";

/** A stream that carries gRPC messages: what server and client calls have in common. */
export abstract class GrpcStream extends Http2Stream implements RoomUser {
  declare readonly connection: Http2Connection;
  /** Messages delivered and messages sent, for metrics. */
  receivedMessages = 0;
  sentMessages = 0;
  /** Messages we send are compressed. */
  compressing = false;
  #reader: MessageReader | undefined = undefined;
  #held: HeldInput | undefined = undefined;
  #inflating = false;
  #delivering = false;
  #pausedByCaller = false;
  /** Messages delivered since the connection received what was its `receiveCount`th chunk, or since the last rest. */
  #inARow = 0;
  #receiveCount = 0;
  #resting = false;

  constructor(connection: Http2Connection, id: number) {
    super(connection, id);
    this.prefixLength = PREFIX_LENGTH;
  }

  /** A whole message; `message` is borrowed for the call. */
  abstract deliverMessage(message: Uint8Array): void;
  /** The peer's last message has been delivered. */
  abstract deliverEnd(): void;
  /** The peer's octets are no valid messages. */
  abstract failReceiving(code: number, details: string): void;
  /** Messages received from now on are of no interest. */
  abstract get receivingEnded(): boolean;
  abstract get receiveEncoding(): MessageEncoding;
  abstract get maxReceiveBytes(): number;
  /** Status of a call of which the peer ends in the middle of a message. */
  get codeOfCutMessage(): number {
    return Code.INTERNAL;
  }

  /** Calls `step` in a later turn of the event loop; false when this side delivers as much as there is. */
  abstract goOnLater(step: () => void): boolean;

  override onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (this.#held !== undefined || this.#delivering || (this.state & READING_PAUSED) !== 0) {
      this.#hold(bytes, start, end, endStream);
      return;
    }
    const position = this.#process(bytes, start, end);
    if ((position === end && !endStream) || this.receivingEnded) return;
    if (this.#isStopped) this.#hold(bytes, position, end, endStream);
    else this.#processEnd();
  }

  /** Nothing may be delivered now. */
  get #isStopped(): boolean {
    return (this.state & READING_PAUSED) !== 0 || this.#inflating || this.#resting;
  }

  /** Delivers what is there until reading stops; returns the position after it. */
  #process(bytes: Uint8Array, start: number, end: number): number {
    let position = start;
    const { receiveCount } = this.connection;
    if (receiveCount !== this.#receiveCount) {
      this.#receiveCount = receiveCount;
      this.#inARow = 0;
    }
    while (position < end && !this.receivingEnded) {
      if ((this.state & READING_PAUSED) !== 0 || this.#inflating) break;
      if (this.#inARow++ >= MOST_IN_A_ROW && this.#rest()) break;
      if (this.#reader === undefined || this.#reader.empty) {
        const left = end - position - PREFIX_LENGTH;
        if (left >= 0 && bytes[position] === 0) {
          const length = readLength(bytes, position);
          if (length <= left && length <= this.maxReceiveBytes) {
            position += PREFIX_LENGTH;
            const message = new Uint8Array(bytes.buffer, bytes.byteOffset + position, length);
            position += length;
            this.receivedMessages++;
            this.deliverMessage(message);
            continue;
          }
        }
      }
      position = this.#assemble(bytes, position, end);
    }
    return position;
  }

  #rest(): boolean {
    this.#resting = this.goOnLater(() => {
      this.#resting = false;
      this.#inARow = 0;
      if (!this.receivingEnded) this.#releaseHeld();
    });
    return this.#resting;
  }

  #processEnd(): void {
    if (this.#reader !== undefined && !this.#reader.empty) {
      this.failReceiving(this.codeOfCutMessage, "unexpected EOF");
      return;
    }
    this.deliverEnd();
  }

  #assemble(bytes: Uint8Array, start: number, end: number): number {
    this.#reader ??= new MessageReader();
    const reader = this.#reader;
    let position = start;
    const begins = !reader.started;
    if (begins) {
      position = reader.readPrefix(bytes, position, end);
      if (!reader.started) return position;
      if (!this.#checkPrefix(reader)) return end;
    }
    position = reader.readBody(bytes, position, end);
    if (!reader.complete) {
      if (begins && reader.missing > this.receiveWindow) this.#enterRoom(reader);
      return position;
    }
    const compressed = reader.flag === 1;
    const message = reader.take();
    if (compressed) {
      // It keeps its room until it has been inflated, which may have to wait.
      this.#inflate(message);
    } else {
      this.#leaveRoom();
      this.receivedMessages++;
      this.deliverMessage(message);
    }
    return position;
  }

  /** The message is larger than the window, so it is not received before there is room for all of it. */
  #enterRoom(reader: MessageReader): void {
    const { connection } = this;
    this.state |= USES_ROOM;
    if (connection.messageRoom.enter(this, reader.length)) {
      connection.openStreamWindow(this, reader.missing);
    } else {
      this.state |= AWAITS_ROOM;
    }
  }

  onRoom(): void {
    this.state &= ~AWAITS_ROOM;
    this.connection.openStreamWindow(this, this.#reader?.missing ?? 0);
    this.connection.returnStreamCredit(this);
  }

  #leaveRoom(): void {
    if ((this.state & USES_ROOM) === 0) return;
    this.state &= ~(USES_ROOM | AWAITS_ROOM);
    this.connection.messageRoom.leave(this);
  }

  #checkPrefix(reader: MessageReader): boolean {
    if (reader.flag > 1) {
      this.failReceiving(Code.INTERNAL, `grpc: received unexpected payload format ${reader.flag}`);
    } else if (reader.flag === 1 && this.receiveEncoding === "identity") {
      this.failReceiving(Code.INTERNAL, "grpc: compressed flag set with identity or empty encoding");
    } else if (reader.length > this.maxReceiveBytes) {
      this.failReceiving(
        Code.RESOURCE_EXHAUSTED,
        `grpc: received message larger than max (${reader.length} vs. ${this.maxReceiveBytes})`,
      );
    } else {
      return true;
    }
    return false;
  }

  #inflate(message: Uint8Array): void {
    const result = inflate(message, this.maxReceiveBytes, (later) => {
      this.#inflating = false;
      if (this.receivingEnded) return;
      this.#deliverInflated(later);
      this.#releaseHeld();
    });
    if (result === undefined) this.#inflating = true;
    else this.#deliverInflated(result);
  }

  #deliverInflated(result: InflateResult): void {
    this.#leaveRoom();
    if (result === INFLATED_TOO_LARGE) {
      const limit = this.maxReceiveBytes;
      this.failReceiving(
        Code.RESOURCE_EXHAUSTED,
        `grpc: received message after decompression larger than max ${limit}`,
      );
    } else if (result === INFLATE_FAILED) {
      this.failReceiving(Code.INTERNAL, "grpc: failed to decompress the received message");
    } else {
      this.receivedMessages++;
      this.deliverMessage(result);
    }
  }

  #hold(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    // Only the peer's window bounds this, and its updates are withheld as long as we hold.
    this.state |= READING_PAUSED;
    this.#held ??= { chunk: NOTHING, at: 0, later: new GrowingBytes(), endStream: false };
    this.#held.later.append(bytes, start, end);
    this.connection.hold(end - start);
    if (endStream) this.#held.endStream = true;
  }

  /** Stops delivering messages, and with the window used up also the peer's sending. */
  override pauseReading(): void {
    this.#pausedByCaller = true;
    super.pauseReading();
  }

  override resumeReading(): void {
    this.#pausedByCaller = false;
    // From within a delivery: that goes on, unless something is being held already behind what is being delivered.
    if (this.#delivering && this.#held === undefined) this.state &= ~READING_PAUSED;
    this.#releaseHeld();
  }

  /** Holds what comes until the connection's other answers leave room for this call. */
  waitForRoom(): void {
    this.state |= CALL_WAITS;
    super.pauseReading();
    this.connection.rooms.calls.enter(() => {
      this.state &= ~CALL_WAITS;
      this.#releaseHeld();
    });
  }

  #releaseHeld(): void {
    if (this.#pausedByCaller || this.#inflating || this.#resting || (this.state & CALL_WAITS) !== 0) return;
    this.state &= ~READING_PAUSED;
    // Whoever delivers goes on by itself.
    if (this.#delivering) return;
    this.#deliverHeld();
    if (this.#held === undefined) this.connection.returnStreamCredit(this);
    // What is held is not returned, and what comes goes behind it.
    else this.state |= READING_PAUSED;
  }

  #deliverHeld(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#delivering = true;
    while (!this.#isStopped && !this.receivingEnded) {
      if (held.at === held.chunk.length) {
        if (held.later.length === 0) break;
        held.chunk = held.later.take();
        held.at = 0;
      }
      const { at, chunk } = held;
      held.at = this.#process(chunk, at, chunk.length);
      // When the call has ended, `dropInput` has given the rest up.
      if (this.#held === held) this.connection.hold(at - held.at);
    }
    this.#delivering = false;
    if (this.#isStopped || this.receivingEnded) return;
    this.#held = undefined;
    if (held.endStream) this.#processEnd();
  }

  /** Gives up what was received and not delivered, when the call has ended. */
  dropInput(): void {
    if (this.#reader !== undefined) {
      this.#leaveRoom();
      this.#reader = undefined;
    }
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.connection.hold(held.at - held.chunk.length - held.later.length);
  }

  /**
   * Sends a message and takes ownership of it. Small ones are copied into the output at once; what the windows do not
   * allow yet is queued. Returns false when the caller should wait for `onWritable`.
   */
  sendMessage(message: Uint8Array): boolean {
    if (this.compressing && !this.compresses(message.length))
      return this.sendMessageInParts([message], message.length);
    this.sentMessages++;
    const payload = this.compressing ? deflate(message) : message;
    const count = payload.length + PREFIX_LENGTH;
    const { connection } = this;
    if (!connection.canSendDirectly(this, count)) {
      if (this.prefixLength === 0) this.#enqueueWithPrefix([payload], payload.length, this.prefixFlag);
      else this.enqueue(payload);
      return this.#hasRoom();
    }
    const { output } = connection;
    output.reserve(FRAME_HEADER_LENGTH + count);
    connection.writeFrameHeader(count, FRAME_DATA, 0, this.id);
    writeMessage(output.bytes, output.length, payload, this.prefixFlag);
    output.length += count;
    connection.sendWindow -= count;
    this.sendWindow -= count;
    return true;
  }

  /**
   * As `sendMessage`, with a message that lies in parts of `length` octets together. They are not changed, and may be
   * queued on several streams at once. They are not compressed.
   */
  sendMessageInParts(parts: readonly Uint8Array[], length: number): boolean {
    this.sentMessages++;
    const { connection } = this;
    const count = length + PREFIX_LENGTH;
    if (!connection.canSendDirectly(this, count)) {
      this.#enqueueWithPrefix(parts, length, 0);
      return this.#hasRoom();
    }
    const { output } = connection;
    output.reserve(FRAME_HEADER_LENGTH + count);
    connection.writeFrameHeader(count, FRAME_DATA, 0, this.id);
    output.bytes.set(prefixOf(length, 0), output.length);
    output.length += PREFIX_LENGTH;
    for (const part of parts) {
      output.bytes.set(part, output.length);
      output.length += part.length;
    }
    connection.sendWindow -= count;
    this.sendWindow -= count;
    return true;
  }

  #hasRoom(): boolean {
    if (this.queuedBytes < HIGH_WATER_BYTES) return true;
    this.state |= DRAIN_OWED;
    return false;
  }

  /** Queues a message of several segments, of which the first is its prefix: until then each segment gets one. */
  #enqueueWithPrefix(parts: readonly Uint8Array[], length: number, flag: number): void {
    if (this.prefixLength > 0) this.#spellOutPrefixes();
    this.enqueue(prefixOf(length, flag));
    for (const part of parts) if (part.length > 0) this.enqueue(part);
  }

  /** What waits already gets its prefixes as segments of their own. */
  #spellOutPrefixes(): void {
    const waiting = this.segments.slice(this.firstSegment);
    this.prefixLength = 0;
    if (waiting.length === 0) return;
    this.segments = waiting.flatMap((segment) => [prefixOf(segment.length, this.prefixFlag), segment]);
    this.firstSegment = 0;
    if (this.segmentOffset < PREFIX_LENGTH) return;
    this.firstSegment = 1;
    this.segmentOffset -= PREFIX_LENGTH;
  }

  /** Part of a message may be on its way already, so that its rest must follow. */
  protected get isInsideMessage(): boolean {
    return this.segmentOffset > 0 || (this.prefixLength === 0 && this.queuedBytes > 0);
  }

  /**
   * Sends the stream's only message of `length` octets, which begins with these parts: all of it, unless `sendNextPart`
   * follows. Each part is handed to `release` when it has been copied into the output or is not needed any more. Returns
   * false when who has more should wait for `onWritable`.
   */
  sendParts(parts: readonly Uint8Array[], length: number, release: (part: Uint8Array) => void): boolean {
    this.sentMessages++;
    this.prefixLength = 0;
    const prefix = prefixOf(length, 0);
    this.enqueue(prefix);
    for (const part of parts) this.enqueue(part);
    this.releaseSegment = (segment) => {
      if (segment !== prefix) release(segment);
    };
    return this.#hasRoom();
  }

  /** The next part of the message that `sendParts` has begun. Returns false when the caller should wait for `onWritable`. */
  sendNextPart(part: Uint8Array): boolean {
    this.enqueue(part);
    return this.#hasRoom();
  }

  /** Whether a message of `length` octets is compressed. */
  protected compresses(length: number): boolean {
    return this.compressing && length <= LARGEST_COMPRESSED;
  }

  /** Turns on gzip for the messages sent from now on. */
  startCompressing(): void {
    this.compressing = true;
    this.prefixFlag = 1;
  }

  /** We have nothing more to say, or it is all queued. */
  get sendingEnded(): boolean {
    return (this.state & (GONE | LOCAL_CLOSED | END_QUEUED)) !== 0;
  }
}

const NOTHING = new Uint8Array(0);

function prefixOf(length: number, flag: number): Uint8Array {
  return Uint8Array.of(flag, length >>> 24, length >>> 16, length >>> 8, length);
}

/** Stores prefix and message; `bytes` must have room. */
export function writeMessage(bytes: Uint8Array, offset: number, message: Uint8Array, flag: number): void {
  const length = message.length;
  bytes[offset] = flag;
  bytes[offset + 1] = length >>> 24;
  bytes[offset + 2] = length >>> 16;
  bytes[offset + 3] = length >>> 8;
  bytes[offset + 4] = length;
  if (length <= 48) {
    // A call into the engine costs more than copying this little.
    for (let i = 0; i < length; i++) bytes[offset + 5 + i] = message[i]!;
  } else {
    bytes.set(message, offset + 5);
  }
}
