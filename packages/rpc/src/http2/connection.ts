import { HpackEncoder } from "../hpack/encoder.ts";
import { FrameReader, type FrameSink } from "./frame-reader.ts";
import { checkFrame } from "./frame-rules.ts";
import type { HeaderBlock } from "./header-block.ts";
import { HeaderReader, SharedBlocks } from "./header-reader.ts";
import type { ConnectionLimits } from "./limits.ts";
import { MessageRoom } from "./message-room.ts";
import * as h2 from "./protocol.ts";
import { SendScheduler } from "./send-scheduler.ts";
import {
  type AbortOrigin,
  AWAITS_ROOM,
  GONE,
  HEADERS_SENT,
  type Http2Stream,
  LOCAL_CLOSED,
  QUEUE_OF_ANSWER,
  QUEUE_OF_LARGE_ANSWER,
  READING_PAUSED,
  REMOTE_CLOSED,
} from "./stream.ts";
import { StreamTable } from "./stream-table.ts";
import { TokenBucket } from "./token-bucket.ts";
import { WaitingRoom } from "./waiting-room.ts";

/** What a connection tells the layer above. Calls come from within `receive`, `pump` and `endStreams`. */
export interface ConnectionHandler {
  /** There is output now, or a stream can go on: flush the connection at the end of the turn. Called once per flush. */
  onOutput(connection: Http2Connection): void;
  /** The same when no stream is open: flush now, or later. */
  onLastOutput(connection: Http2Connection): void;
  /** Server only: a request. Returns the new stream, after it was added with `addStream`. */
  onRequest(connection: Http2Connection, id: number, block: HeaderBlock, endStream: boolean): Http2Stream;
  /** The peer's first SETTINGS has been applied. */
  onReady(connection: Http2Connection): void;
  /** A PING that was not an acknowledgement; the acknowledgement is already written. */
  onPing(connection: Http2Connection): void;
  onGoAway(connection: Http2Connection, lastStreamId: number, code: number, debugData: string): void;
  /** A stream has left the connection. */
  onStreamGone(connection: Http2Connection, stream: Http2Stream): void;
}

export interface ConnectionOptions {
  readonly role: "server" | "client";
  readonly limits: ConnectionLimits;
  readonly handler: ConnectionHandler;
  readonly clock: { /** Monotonic milliseconds. */ nowMs(): number };
  /** What connections with the same handler have in common. */
  readonly sharedBlocks?: SharedBlocks;
}

/** How many of our own resets are remembered, to ignore what the peer sent before it knew. */
const REMEMBERED_RESETS = 1024;
/** Smaller window updates are counted: each of them may cost us a frame of as many octets. */
const WINDOW_UPDATE_WORTH_IT = 64;
const DEBUG_DATA_KEPT = 256;
/** A SETTINGS frame that changes the windows of many streams counts as more than one frame that moves nothing forward. */
const STREAMS_A_TOKEN = 64;
/** With however many streams, some changes are always allowed. */
const MOST_TOKENS = 1000;
/** Smaller header lists are not worth counting: most of them are shared. */
const LARGE_HEADER_LIST_BYTES = 4096;
const DRAIN_PING = new TextEncoder().encode("draining");

/**
 * An HTTP/2 connection (RFC 9113) as a state machine: octets go in through {@link receive}, octets to send collect in
 * `output`, everything else is a call on the handler or on a stream. It does no I/O, sets no timer and never throws
 * because of what a peer sent.
 */
export class Http2Connection extends SendScheduler implements FrameSink {
  readonly streams = new StreamTable();
  readonly encoder = new HpackEncoder();
  readonly limits: ConnectionLimits;
  readonly isServer: boolean;
  readonly handler: ConnectionHandler;
  /** The window that we give a stream. */
  readonly initialReceiveWindow: number;
  /** The peer's SETTINGS_MAX_CONCURRENT_STREAMS. */
  peerMaxConcurrentStreams = 0xffff_ffff;
  /** A GOAWAY ended the connection (ours for an error, or drained): flush the output, then close the transport. */
  finished = false;
  /** The transport is gone. */
  disconnected = false;
  /** Why we ended the connection; for logs. */
  failure: string | undefined = undefined;
  /** The highest stream id the peer has opened. */
  lastPeerStreamId = 0;

  /** How many chunks have been received. */
  receiveCount = 0;
  /** When octets last arrived, on the clock. */
  lastReceivedMs: number;
  readonly #clock: { nowMs(): number };
  readonly #frames: FrameReader;
  readonly #headers: HeaderReader;
  readonly #resets: TokenBucket;
  readonly #idleFrames: TokenBucket;
  /** Octets the peer may still send, received but not returned, and kept by paused streams. */
  #receiveWindow: number;
  #unreturnedBytes = 0;
  #heldBytes = 0;
  /** Large header lists of the open streams. */
  #headerBytes = 0;
  /** For messages that are larger than a stream's window. */
  readonly messageRoom: MessageRoom;
  /** Calls are begun here: they wait while too much of earlier answers does. */
  readonly callRoom: WaitingRoom;
  /** Answers that may be large are begun here. */
  readonly answerRoom: WaitingRoom;
  /** How many of them are in the making. */
  answersInTheMaking = 0;
  /** The answer, of those that did not ask for room, that is likely to have the longest queue. */
  #largestAnswer: Http2Stream | undefined = undefined;
  #nextStreamId = 1;
  #settingsReceived = false;
  /** New streams above this id are ignored: a GOAWAY has announced it. */
  #acceptUpTo = h2.LARGEST_STREAM_ID;
  #draining = false;
  readonly #resetIds = new Set<number>();
  /** Answered in this turn while the client has not ended its side. */
  readonly #answeredEarly: Http2Stream[] = [];

  constructor(options: ConnectionOptions) {
    super();
    const { limits } = options;
    this.limits = limits;
    this.handler = options.handler;
    this.#clock = options.clock;
    this.lastReceivedMs = options.clock.nowMs();
    this.isServer = options.role === "server";
    this.initialReceiveWindow = limits.streamWindowBytes;
    this.messageRoom = new MessageRoom(limits.maxAssemblyBytes);
    this.callRoom = new WaitingRoom(() => this.#answersPileUp());
    this.answerRoom = new WaitingRoom(
      () =>
        this.answersInTheMaking >= limits.maxAnswersInTheMaking ||
        this.queued[QUEUE_OF_LARGE_ANSWER] > limits.maxQueuedBytes,
    );
    this.#receiveWindow = Math.max(limits.connectionWindowBytes, h2.DEFAULT_WINDOW_SIZE);
    this.#frames = new FrameReader(this, this.isServer);
    this.#headers = new HeaderReader(limits, options.sharedBlocks ?? new SharedBlocks());
    this.#resets = new TokenBucket(limits.resetBurst, limits.resetsPerSecond, options.clock);
    this.#idleFrames = new TokenBucket(limits.idleFrameBurst, limits.idleFramesPerSecond, options.clock);
  }

  /** Writes our side of the preface. */
  start(): void {
    if (!this.isServer) this.output.append(h2.CLIENT_PREFACE);
    const { limits } = this;
    const settings: [number, number][] = [
      [h2.SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindowBytes],
      [h2.SETTINGS_MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes],
    ];
    if (!this.isServer) settings.push([h2.SETTINGS_ENABLE_PUSH, 0]);
    else if (limits.maxConcurrentStreams < 0xffff_ffff) {
      settings.push([h2.SETTINGS_MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams]);
    }
    this.writeSettings(settings);
    const extra = this.#receiveWindow - h2.DEFAULT_WINDOW_SIZE;
    if (extra > 0) this.writeWindowUpdate(0, extra);
  }

  protected override onOutput(): void {
    this.handler.onOutput(this);
  }

  protected override onGathered(): void {
    // Without a stream nothing more follows in this turn. With a thousand connections of one call each, flushing now is
    // cheaper than later: all this is still in the processor's cache.
    if (this.streams.size === 0 && !this.pumping) this.handler.onLastOutput(this);
    else this.handler.onOutput(this);
  }

  // ---- Receiving ----

  /** Takes `bytes[start, end)`, which is only borrowed. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    if (this.finished) return;
    this.lastReceivedMs = this.#clock.nowMs();
    this.receiveCount++;
    // Handlers get views of these bytes and may `slice` them to keep them: of a Buffer that would be no copy.
    const plain =
      bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    const outermost = this.beginGathering();
    this.#frames.receive(plain, start, end);
    if (outermost) this.endGathering();
  }

  onBadPreface(): void {
    this.fail(h2.PROTOCOL_ERROR, "invalid connection preface");
  }

  onFrameTooLarge(): void {
    this.fail(h2.FRAME_SIZE_ERROR, "frame too large");
  }

  onFrame(bytes: Uint8Array, position: number, length: number): void {
    const type = bytes[position + 3]!;
    const flags = bytes[position + 4]!;
    const id = readUint31(bytes, position + 5);
    const payload = position + h2.FRAME_HEADER_LENGTH;
    const blockId = this.#headers.streamId;
    if (blockId !== 0 && (type !== h2.FRAME_CONTINUATION || id !== blockId)) {
      this.fail(h2.PROTOCOL_ERROR, "header block interrupted");
      return;
    }
    if (!this.#settingsReceived && (type !== h2.FRAME_SETTINGS || (flags & h2.FLAG_ACK) !== 0)) {
      this.fail(h2.PROTOCOL_ERROR, "first frame is not SETTINGS");
      return;
    }
    const violation = checkFrame(type, length, flags, id);
    if (violation !== undefined) {
      this.fail(violation.code, violation.reason);
      return;
    }
    switch (type) {
      case h2.FRAME_DATA:
        this.#receiveData(bytes, payload, length, flags, id);
        break;
      case h2.FRAME_HEADERS:
        this.#receiveHeaders(bytes, payload, length, flags, id);
        break;
      case h2.FRAME_WINDOW_UPDATE:
        this.#receiveWindowUpdate(readUint31(bytes, payload), id);
        break;
      case h2.FRAME_RST_STREAM:
        this.#receiveReset(readUint32(bytes, payload), id);
        break;
      case h2.FRAME_PING:
        this.#receivePing(bytes.slice(payload, payload + 8), (flags & h2.FLAG_ACK) !== 0);
        break;
      case h2.FRAME_SETTINGS:
        this.#receiveSettings(bytes, payload, length, flags);
        break;
      case h2.FRAME_CONTINUATION:
        this.#receiveContinuation(bytes, payload, length, flags, id);
        break;
      case h2.FRAME_GOAWAY:
        this.#receiveGoAway(bytes, payload, length);
        break;
      case h2.FRAME_PRIORITY:
        this.#receivePriority(bytes, payload, length, id);
        break;
      default:
        // Unknown frame types are ignored (RFC 9113 section 4.1), but not without end.
        this.#countIdleFrame();
        break;
    }
  }

  #receiveData(bytes: Uint8Array, payload: number, length: number, flags: number, id: number): void {
    let start = payload;
    let end = payload + length;
    if ((flags & h2.FLAG_PADDED) !== 0) {
      if (length === 0 || bytes[payload]! >= length) {
        this.fail(h2.PROTOCOL_ERROR, "padding too long");
        return;
      }
      start++;
      end -= bytes[payload]!;
    }
    // Flow control counts the whole payload, on every stream, whatever becomes of it.
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) {
      this.fail(h2.FLOW_CONTROL_ERROR, "connection window exceeded");
      return;
    }
    this.#unreturnedBytes += length;
    if (this.#unreturnedBytes * 2 >= this.limits.connectionWindowBytes) this.#returnConnectionCredit();

    const endStream = (flags & h2.FLAG_END_STREAM) !== 0;
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.#receiveOnUnknownStream(id, false);
      return;
    }
    if ((stream.state & REMOTE_CLOSED) !== 0) {
      this.#streamError(stream, h2.STREAM_CLOSED);
      return;
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) {
      this.#streamError(stream, h2.FLOW_CONTROL_ERROR);
      return;
    }
    if (stream.remainingBody >= 0) {
      stream.remainingBody -= end - start;
      if (stream.remainingBody < 0 || (endStream && stream.remainingBody > 0)) {
        this.#streamError(stream, h2.PROTOCOL_ERROR);
        return;
      }
    }
    if (endStream) {
      stream.state |= REMOTE_CLOSED;
    } else if (start === end) {
      this.#countIdleFrame();
      if (this.finished) return;
    }
    stream.onData(bytes, start, end, endStream);
    if ((stream.state & GONE) !== 0) return;
    if (endStream) this.#closeIfDone(stream);
    else if (stream.receiveWindow * 2 <= this.initialReceiveWindow) this.returnStreamCredit(stream);
  }

  #receiveHeaders(bytes: Uint8Array, payload: number, length: number, flags: number, id: number): void {
    let start = payload;
    let end = payload + length;
    let dependency = 0;
    if ((flags & (h2.FLAG_PADDED | h2.FLAG_PRIORITY)) !== 0) {
      if ((flags & h2.FLAG_PADDED) !== 0) {
        if (length === 0) {
          this.fail(h2.FRAME_SIZE_ERROR, "HEADERS too short");
          return;
        }
        end -= bytes[payload]!;
        start++;
      }
      if ((flags & h2.FLAG_PRIORITY) !== 0) {
        if (start + 5 > payload + length) {
          this.fail(h2.FRAME_SIZE_ERROR, "HEADERS too short");
          return;
        }
        dependency = readUint31(bytes, start);
        start += 5;
      }
      if (end < start) {
        this.fail(h2.PROTOCOL_ERROR, "padding too long");
        return;
      }
    }
    if ((flags & h2.FLAG_END_HEADERS) !== 0) {
      this.#receiveDecoded(this.#headers.decode(bytes, start, end), flags, id, dependency);
      return;
    }
    this.#headers.begin(id, flags, dependency);
    this.#appendToBlock(bytes, start, end);
  }

  #receiveContinuation(bytes: Uint8Array, payload: number, length: number, flags: number, id: number): void {
    const headers = this.#headers;
    if (headers.streamId === 0) {
      this.fail(h2.PROTOCOL_ERROR, "unexpected CONTINUATION");
      return;
    }
    this.#appendToBlock(bytes, payload, payload + length);
    if (this.finished || (flags & h2.FLAG_END_HEADERS) === 0) return;
    this.#receiveDecoded(headers.complete(), headers.flags, id, headers.dependency);
  }

  #appendToBlock(bytes: Uint8Array, start: number, end: number): void {
    const problem = this.#headers.append(bytes, start, end);
    if (problem === undefined) return;
    // To a client that learns that its stream was not looked at, it is worth another try.
    if (problem.code === h2.ENHANCE_YOUR_CALM)
      this.lastPeerStreamId = Math.max(this.lastPeerStreamId, this.isServer ? this.#headers.streamId : 0);
    this.fail(problem.code, problem.reason);
  }

  /** Octets of header blocks decoded so far: what receiving costs beyond its own octets. */
  get decodedHeaderOctets(): number {
    return this.#headers.decodedOctets;
  }

  /** A header block, complete. It is always decoded, even for a stream we ignore: the table must stay in step. */
  #receiveDecoded(block: HeaderBlock | undefined, flags: number, id: number, dependency: number): void {
    if (block === undefined) {
      this.fail(h2.COMPRESSION_ERROR, "invalid header block");
      return;
    }
    const endStream = (flags & h2.FLAG_END_STREAM) !== 0;
    if (id > this.lastPeerStreamId && this.isServer && (id & 1) === 1) {
      this.#receiveRequest(block, id, endStream, dependency);
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.#receiveOnUnknownStream(id, true);
      return;
    }
    if ((stream.state & REMOTE_CLOSED) !== 0) {
      this.#streamError(stream, h2.STREAM_CLOSED);
      return;
    }
    if (dependency === id || block.tooLarge) {
      this.#streamError(stream, block.tooLarge ? h2.FRAME_SIZE_ERROR : h2.PROTOCOL_ERROR);
      return;
    }
    if (this.isServer ? !(endStream && block.validTrailers) : !(block.validResponse || block.validTrailers)) {
      this.#streamError(stream, h2.PROTOCOL_ERROR);
      return;
    }
    if (endStream) {
      if (stream.remainingBody > 0) {
        this.#streamError(stream, h2.PROTOCOL_ERROR);
        return;
      }
      stream.state |= REMOTE_CLOSED;
    }
    stream.onHeaders(block, endStream);
    if ((stream.state & GONE) === 0 && endStream) this.#closeIfDone(stream);
  }

  #receiveRequest(block: HeaderBlock, id: number, endStream: boolean, dependency: number): void {
    if (id > this.#acceptUpTo) return; // the peer learns from the GOAWAY that this was never processed
    this.lastPeerStreamId = id;
    if (
      !block.validRequest ||
      block.tooLarge ||
      dependency === id ||
      (endStream && block.contentLength > 0)
    ) {
      this.#refuse(id, block.tooLarge ? h2.FRAME_SIZE_ERROR : h2.PROTOCOL_ERROR);
      return;
    }
    const { limits } = this;
    if (
      this.streams.size >= limits.maxConcurrentStreams ||
      (block.listBytes > LARGE_HEADER_LIST_BYTES &&
        this.#headerBytes + block.listBytes > limits.maxHeldHeaderBytes)
    ) {
      this.#refuse(id, h2.REFUSED_STREAM);
      return;
    }
    const stream = this.handler.onRequest(this, id, block, endStream);
    if ((stream.state & GONE) !== 0) return; // answered, or the connection ended, while it was being made
    if (endStream) this.#closeIfDone(stream);
  }

  /** Answers with RST_STREAM on a stream that is not open; that must not become a way around the limit on resets. */
  #refuse(id: number, code: number): void {
    if (this.#resets.take()) this.#writeReset(id, code);
    else this.fail(h2.ENHANCE_YOUR_CALM, "too many refused streams");
  }

  /** Adds a stream; `onRequest` calls it before it lets the handler see the call. */
  addStream(stream: Http2Stream, block: HeaderBlock, endStream: boolean): void {
    stream.remainingBody = block.contentLength;
    if (endStream) stream.state |= REMOTE_CLOSED;
    if (block.listBytes > LARGE_HEADER_LIST_BYTES) {
      stream.headerBytes = block.listBytes;
      this.#headerBytes += block.listBytes;
    }
    this.streams.add(stream);
  }

  /** DATA or HEADERS for a stream that is not open: idle, closed, or reset by us a moment ago. */
  #receiveOnUnknownStream(id: number, isHeaders: boolean): void {
    if (this.#isIdle(id)) {
      this.fail(h2.PROTOCOL_ERROR, "frame on an idle stream");
      return;
    }
    this.#countIdleFrame();
    if (this.finished || this.#resetIds.has(id) || id > this.#acceptUpTo) return;
    // DATA may have been on its way since before a reset that we no longer remember.
    if (isHeaders) this.fail(h2.STREAM_CLOSED, "HEADERS on a closed stream");
    else this.#writeReset(id, h2.STREAM_CLOSED);
  }

  #isIdle(id: number): boolean {
    const peerInitiated = (id & 1) === (this.isServer ? 1 : 0);
    if (peerInitiated) return id > this.lastPeerStreamId && id <= this.#acceptUpTo;
    return id >= this.#nextStreamId || this.isServer;
  }

  #receiveReset(code: number, id: number): void {
    if (this.#isIdle(id)) {
      this.fail(h2.PROTOCOL_ERROR, "RST_STREAM on an idle stream");
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.#countIdleFrame();
      return;
    }
    const unanswered = this.isServer && (stream.state & HEADERS_SENT) === 0;
    if (unanswered && !this.#resets.take()) {
      this.fail(h2.ENHANCE_YOUR_CALM, "too many resets");
      return;
    }
    this.#abort(stream, code, "peer");
  }

  #receiveWindowUpdate(increment: number, id: number): void {
    if (id === 0) {
      if (increment === 0) this.fail(h2.PROTOCOL_ERROR, "window increment 0");
      else if (this.sendWindow + increment > h2.LARGEST_WINDOW_SIZE) {
        this.fail(h2.FLOW_CONTROL_ERROR, "connection window overflow");
      } else {
        this.widen(increment);
      }
    } else if (this.#isIdle(id)) {
      this.fail(h2.PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream");
    } else {
      const stream = this.streams.get(id);
      if (stream === undefined) {
        // Usual for a stream that has just ended; but an increment of 0 is wrong on any stream.
        if (increment === 0) this.#refuse(id, h2.PROTOCOL_ERROR);
        return;
      }
      if (increment === 0) this.#streamError(stream, h2.PROTOCOL_ERROR);
      else if (stream.sendWindow + increment > h2.LARGEST_WINDOW_SIZE) {
        this.#streamError(stream, h2.FLOW_CONTROL_ERROR);
      } else {
        this.widenStream(stream, increment);
      }
    }
    if (increment < WINDOW_UPDATE_WORTH_IT) this.#countIdleFrame();
  }

  #receiveSettings(bytes: Uint8Array, payload: number, length: number, flags: number): void {
    if ((flags & h2.FLAG_ACK) !== 0) {
      this.#countIdleFrame();
      return;
    }
    let initialWindow = this.initialSendWindow;
    for (let position = payload; position < payload + length; position += 6) {
      const id = (bytes[position]! << 8) | bytes[position + 1]!;
      const value = readUint32(bytes, position + 2);
      if (id === h2.SETTINGS_INITIAL_WINDOW_SIZE && value <= h2.LARGEST_WINDOW_SIZE) initialWindow = value;
      else this.#applySetting(id, value);
      if (this.finished) return;
    }
    // Once a frame, since it touches every stream.
    this.#setInitialSendWindow(initialWindow);
    if (this.finished) return;
    this.writeSettingsAck();
    if (this.#settingsReceived) {
      this.#countIdleFrame();
      return;
    }
    this.#settingsReceived = true;
    this.handler.onReady(this);
  }

  #applySetting(id: number, value: number): void {
    switch (id) {
      case h2.SETTINGS_HEADER_TABLE_SIZE:
        this.encoder.setPeerTableSize(value);
        break;
      case h2.SETTINGS_ENABLE_PUSH:
        if (value > 1 || (value === 1 && !this.isServer)) this.fail(h2.PROTOCOL_ERROR, "invalid ENABLE_PUSH");
        break;
      case h2.SETTINGS_MAX_CONCURRENT_STREAMS:
        this.peerMaxConcurrentStreams = value;
        break;
      case h2.SETTINGS_INITIAL_WINDOW_SIZE:
        this.fail(h2.FLOW_CONTROL_ERROR, "invalid INITIAL_WINDOW_SIZE");
        break;
      case h2.SETTINGS_MAX_FRAME_SIZE:
        // We stay at the default: larger frames would let one stream hold the connection for longer.
        if (value < h2.DEFAULT_MAX_FRAME_SIZE || value > h2.LARGEST_MAX_FRAME_SIZE) {
          this.fail(h2.PROTOCOL_ERROR, "invalid MAX_FRAME_SIZE");
        }
        break;
    }
  }

  #setInitialSendWindow(value: number): void {
    const change = value - this.initialSendWindow;
    this.initialSendWindow = value;
    if (change === 0) return;
    if (!this.#idleFrames.take(Math.min(this.streams.size / STREAMS_A_TOKEN, MOST_TOKENS))) {
      this.fail(h2.ENHANCE_YOUR_CALM, "too many changes of the initial window");
      return;
    }
    for (const stream of this.streams.toArray()) {
      if (stream.sendWindow + change > h2.LARGEST_WINDOW_SIZE) {
        this.fail(h2.FLOW_CONTROL_ERROR, "stream window overflow");
        return;
      }
      this.widenStream(stream, change);
    }
  }

  #receivePing(data: Uint8Array, acknowledgement: boolean): void {
    this.#countIdleFrame();
    if (this.finished) return;
    if (acknowledgement) {
      if (this.#draining && data.every((octet, i) => octet === DRAIN_PING[i])) this.#finishDraining();
      return;
    }
    this.writePing(data, h2.FLAG_ACK);
    this.handler.onPing(this);
  }

  #receiveGoAway(bytes: Uint8Array, payload: number, length: number): void {
    this.#countIdleFrame();
    if (this.finished) return;
    const lastStreamId = readUint31(bytes, payload);
    const code = readUint32(bytes, payload + 4);
    const debugEnd = payload + Math.min(length, 8 + DEBUG_DATA_KEPT);
    const debugData = String.fromCharCode(...bytes.subarray(payload + 8, debugEnd));
    this.handler.onGoAway(this, lastStreamId, code, debugData);
    if (this.isServer) return;
    for (const stream of this.streams.toArray()) {
      if (stream.id > lastStreamId) this.#abort(stream, h2.REFUSED_STREAM, "goaway");
    }
  }

  #receivePriority(bytes: Uint8Array, payload: number, length: number, id: number): void {
    if (length === 5 && readUint31(bytes, payload) !== id) {
      // Priorities are deprecated (RFC 9113 section 5.3): nothing follows from them.
      this.#countIdleFrame();
      return;
    }
    const code = length === 5 ? h2.PROTOCOL_ERROR : h2.FRAME_SIZE_ERROR;
    const stream = this.streams.get(id);
    if (stream !== undefined) this.#streamError(stream, code);
    // RST_STREAM must not be sent for an idle stream.
    else if (this.#isIdle(id)) this.fail(code, "invalid PRIORITY");
    else this.#refuse(id, code);
  }

  #countIdleFrame(): void {
    if (!this.#idleFrames.take()) this.fail(h2.ENHANCE_YOUR_CALM, "too many frames without progress");
  }

  // ---- Receive windows and memory ----

  #returnConnectionCredit(): void {
    if (this.#heldBytes > this.limits.maxHeldBytes || this.#unreturnedBytes === 0) return;
    this.#receiveWindow += this.#unreturnedBytes;
    this.writeWindowUpdate(0, this.#unreturnedBytes);
    this.#unreturnedBytes = 0;
  }

  /** Gives a stream its window back, unless it is paused. */
  returnStreamCredit(stream: Http2Stream): void {
    if ((stream.state & (READING_PAUSED | AWAITS_ROOM | REMOTE_CLOSED | GONE)) !== 0) return;
    if (stream.receiveWindow * 2 > this.initialReceiveWindow) return;
    this.#widenReceiveWindow(stream, this.initialReceiveWindow);
  }

  /** Lets a stream send at least `count` more octets. */
  openStreamWindow(stream: Http2Stream, count: number): void {
    if ((stream.state & (REMOTE_CLOSED | GONE)) !== 0) return;
    if (count > stream.receiveWindow) this.#widenReceiveWindow(stream, count);
  }

  #widenReceiveWindow(stream: Http2Stream, window: number): void {
    if (this.finished) return;
    const increment = Math.min(window, h2.LARGEST_WINDOW_SIZE) - stream.receiveWindow;
    stream.receiveWindow += increment;
    this.writeWindowUpdate(stream.id, increment);
  }

  /** A paused stream keeps `count` received octets (negative: gave them up). */
  hold(count: number): void {
    this.#heldBytes += count;
    if (count < 0 && this.#unreturnedBytes * 2 >= this.limits.connectionWindowBytes)
      this.#returnConnectionCredit();
  }

  /** A unary answer of `bytes` octets is about to be queued on `stream`. */
  noteAnswer(stream: Http2Stream, bytes: number): void {
    if (this.#largestAnswer === undefined || bytes > this.#largestAnswer.queuedBytes)
      this.#largestAnswer = stream;
  }

  /** One answer of any size must not hold up the calls beside it; several that nobody reads do. */
  #answersPileUp(): boolean {
    const queuedBytes = this.queued[QUEUE_OF_ANSWER];
    const { maxQueuedBytes } = this.limits;
    if (queuedBytes <= maxQueuedBytes) return false;
    let largest = this.#largestAnswer;
    if (largest === undefined || largest.queuedBytes === 0) {
      for (const stream of this.streams.toArray()) {
        if (stream.queueKind !== QUEUE_OF_ANSWER) continue;
        if (largest === undefined || stream.queuedBytes > largest.queuedBytes) largest = stream;
      }
      this.#largestAnswer = largest;
    }
    return queuedBytes - (largest?.queuedBytes ?? 0) > maxQueuedBytes;
  }

  // ---- Ends ----

  /** Moves queued octets into the output; see {@link SendScheduler.pump}. */
  override pump(limit: number): boolean {
    if (this.#answeredEarly.length > 0) this.#stopEarlyAnswered();
    const more = super.pump(limit);
    this.recheckRooms();
    return more;
  }

  /** A new call has to wait in `callRoom`. */
  get holdsCalls(): boolean {
    // Nearly always the first two comparisons are all.
    if (this.callRoom.isEmpty && this.queued[QUEUE_OF_ANSWER] <= this.limits.maxQueuedBytes) return false;
    return this.callRoom.isFull;
  }

  /** Lets calls and answers begin that there is room for by now; of many some, and the others with the next flush. */
  recheckRooms(): void {
    const moreCalls = !this.callRoom.isEmpty && this.callRoom.recheck();
    const moreAnswers = !this.answerRoom.isEmpty && this.answerRoom.recheck();
    if (moreCalls || moreAnswers) this.requestFlush();
  }

  /**
   * Frees streams whose answer is complete while the client could still send. Some clients end their side in a frame of
   * its own; waiting for the end of the turn lets it arrive.
   */
  #stopEarlyAnswered(): void {
    for (const stream of this.#answeredEarly) stream.reset(h2.NO_ERROR);
    this.#answeredEarly.length = 0;
  }

  /** END_STREAM has been written. */
  closeLocal(stream: Http2Stream): void {
    stream.state |= LOCAL_CLOSED;
    if ((stream.state & REMOTE_CLOSED) !== 0) this.#remove(stream);
    else if (this.isServer) this.#answeredEarly.push(stream);
  }

  /** Sends a PING with `data` (8 octets). */
  ping(data: Uint8Array): void {
    if (!this.finished) this.writePing(data, 0);
  }

  #writeReset(id: number, code: number): void {
    this.writeRstStream(id, code);
    if (this.#resetIds.size >= REMEMBERED_RESETS) {
      const oldest = this.#resetIds.values().next().value;
      if (oldest !== undefined) this.#resetIds.delete(oldest);
    }
    this.#resetIds.add(id);
  }

  /** The next id for a stream of ours; undefined once they are used up. */
  allocateStreamId(): number | undefined {
    const id = this.#nextStreamId;
    if (id > h2.LARGEST_STREAM_ID) return undefined;
    this.#nextStreamId += 2;
    return id;
  }

  /** RST_STREAM by our own decision. */
  resetStream(stream: Http2Stream, code: number): void {
    this.#remove(stream);
    if (!this.finished) this.#writeReset(stream.id, code);
  }

  /** The peer broke the rules on one stream; too many such streams end the connection. */
  #streamError(stream: Http2Stream, code: number): void {
    if (!this.#resets.take()) {
      this.fail(h2.ENHANCE_YOUR_CALM, "too many stream errors");
      return;
    }
    this.#writeReset(stream.id, code);
    this.#abort(stream, code, "local");
  }

  #closeIfDone(stream: Http2Stream): void {
    if ((stream.state & (LOCAL_CLOSED | REMOTE_CLOSED)) === (LOCAL_CLOSED | REMOTE_CLOSED))
      this.#remove(stream);
  }

  #abort(stream: Http2Stream, code: number, origin: AbortOrigin): void {
    this.#remove(stream);
    stream.onAbort(code, origin);
  }

  #remove(stream: Http2Stream): void {
    if ((stream.state & GONE) !== 0) return;
    this.unready(stream);
    stream.state |= GONE;
    this.#headerBytes -= stream.headerBytes;
    if (stream === this.#largestAnswer) this.#largestAnswer = undefined;
    if (stream.queuedBytes > 0) {
      stream.dropQueue();
      if (!this.callRoom.isEmpty || !this.answerRoom.isEmpty) this.requestFlush();
    }
    this.streams.remove(stream);
    this.handler.onStreamGone(this, stream);
    if (this.#draining && this.streams.size === 0 && this.#acceptUpTo !== h2.LARGEST_STREAM_ID)
      this.#finish();
  }

  /** A connection error (RFC 9113 section 5.4.1): GOAWAY, then nothing more. */
  fail(code: number, reason: string): void {
    if (this.finished) return;
    this.failure = reason;
    this.writeGoAway(this.lastPeerStreamId, code, reason);
    this.#finish();
  }

  /**
   * Stops taking new streams and lets the open ones end. First the peer is told without a last id, so that requests in
   * flight are still served; its PING acknowledgement proves that it knows, then the last id is final.
   */
  drain(): void {
    if (this.#draining || this.finished) return;
    this.#draining = true;
    this.writeGoAway(h2.LARGEST_STREAM_ID, h2.NO_ERROR, "");
    this.writePing(DRAIN_PING, 0);
  }

  #finishDraining(): void {
    if (this.#acceptUpTo !== h2.LARGEST_STREAM_ID) return;
    this.#acceptUpTo = this.lastPeerStreamId;
    this.writeGoAway(this.lastPeerStreamId, h2.NO_ERROR, "");
    if (this.streams.size === 0) this.#finish();
  }

  #finish(): void {
    this.finished = true;
    this.requestFlush();
  }

  /** The transport is gone: nothing is received or sent any more. Streams end by {@link endStreams}, there may be many. */
  transportClosed(): void {
    if (this.disconnected) return;
    this.disconnected = true;
    this.finished = true;
    // Calls that have not ended yet may still answer; that stays small until it is forgotten.
    this.transportBlocked = true;
    this.#frames.clear();
    this.#headers.clear();
    this.output.clear();
  }

  /** Ends up to `most` streams of a connection whose transport is gone. Returns how many; fewer than `most`: all have ended. */
  endStreams(most: number): number {
    const streams = this.streams.first(most);
    for (const stream of streams) this.#abort(stream, h2.CANCEL, "disconnected");
    this.output.clear();
    return streams.length;
  }
}

function readUint31(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
