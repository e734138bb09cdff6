import { DECODE_FAILED, DECODED_TOO_LARGE, HpackDecoder } from "../hpack/decoder.ts";
import { HpackEncoder } from "../hpack/encoder.ts";
import type { HeaderField } from "../hpack/field.ts";
import { HeaderBlock } from "./header-block.ts";
import { HeaderCache } from "./header-cache.ts";
import type { ConnectionLimits } from "./limits.ts";
import { OutputBuffer } from "./output-buffer.ts";
import * as h2 from "./protocol.ts";
import {
  type AbortOrigin,
  DRAIN_OWED,
  END_QUEUED,
  END_WITH_TRAILERS,
  GONE,
  HEADERS_SENT,
  type Http2Stream,
  LOCAL_CLOSED,
  READING_PAUSED,
  READY,
  REMOTE_CLOSED,
} from "./stream.ts";
import { StreamTable } from "./stream-table.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What a connection tells the layer above. Calls come from within `receive`, `pump` and `disconnected`. */
export interface ConnectionHandler {
  /** There is output now, or a stream can go on: flush the connection at the end of the turn. Called once per flush. */
  onOutput(connection: Http2Connection): void;
  /** Server only: a request. Returns the new stream, which the connection then owns. */
  onRequest(connection: Http2Connection, id: number, block: HeaderBlock, endStream: boolean): Http2Stream;
  /** The peer's first SETTINGS has been applied. */
  onReady(connection: Http2Connection): void;
  /** A PING that was not an acknowledgement; the acknowledgement is already written. */
  onPing(connection: Http2Connection): void;
  onPingAck(connection: Http2Connection, payload: Uint8Array): void;
  onGoAway(connection: Http2Connection, lastStreamId: number, code: number, debugData: string): void;
  /** A stream has left the connection. */
  onStreamGone(connection: Http2Connection, stream: Http2Stream): void;
}

export interface ConnectionOptions {
  readonly role: "server" | "client";
  readonly limits: ConnectionLimits;
  readonly handler: ConnectionHandler;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** How much one stream may queue before its writer is told to wait, and when it is told to go on. */
export const HIGH_WATER_BYTES = 65_536;
export const LOW_WATER_BYTES = 16_384;

/** Filled output chunks (64 KiB each) after which messages queue on their streams, where they take turns. */
const DIRECT_CHUNKS = 4;
/** How many of our own resets are remembered, to ignore what the peer sent before it knew. */
const REMEMBERED_RESETS = 1024;
const WINDOW_UPDATE_WORTH_IT = 64;
const EMPTY = new Uint8Array(0);

/**
 * An HTTP/2 connection (RFC 9113) as a state machine: octets go in through {@link receive}, octets to send collect in
 * {@link output}, everything else is a call on the handler or on a stream. It does no I/O, sets no timer and never throws
 * because of what a peer sent.
 */
export class Http2Connection {
  readonly output = new OutputBuffer();
  readonly streams = new StreamTable();
  readonly encoder = new HpackEncoder();
  readonly limits: ConnectionLimits;
  readonly isServer: boolean;
  /** For the layer above. */
  readonly handler: ConnectionHandler;

  /** Connection-level windows, as in a stream. */
  sendWindow = h2.DEFAULT_WINDOW_SIZE;
  initialSendWindow = h2.DEFAULT_WINDOW_SIZE;
  readonly initialReceiveWindow: number;
  peerMaxFrameSize = h2.DEFAULT_MAX_FRAME_SIZE;
  peerMaxConcurrentStreams = 0xffff_ffff;
  /** The peer's SETTINGS_MAX_HEADER_LIST_SIZE. */
  peerMaxHeaderListBytes = Number.MAX_SAFE_INTEGER;

  /** Octets queued on all streams. */
  queuedBytes = 0;
  /** Set by the transport while it takes no more. */
  transportBlocked = false;
  /** `onOutput` has been called and the flush has not come yet. Cleared by the transport. */
  flushPending = false;
  /** A GOAWAY ended the connection (ours for an error, or drained): flush the output, then close the transport. */
  finished = false;
  /** The transport is gone. */
  disconnected = false;
  /** Why we ended the connection; for logs. */
  failure: string | undefined = undefined;
  /** The highest stream id the peer has opened. */
  lastPeerStreamId = 0;

  readonly #nowMs: () => number;
  readonly #decoder: HpackDecoder;
  readonly #headerCache = new HeaderCache();
  readonly #resets: TokenBucket;
  readonly #idleFrames: TokenBucket;

  #receiveWindow: number;
  #unreturnedBytes = 0;
  #heldBytes = 0;
  #nextStreamId = 1;
  #settingsReceived = false;
  /** Octets of the client preface still expected. */
  #prefaceLeft: number;
  /** New streams above this id are ignored: a GOAWAY has announced it. */
  #acceptUpTo = h2.LARGEST_STREAM_ID;
  #draining = false;

  /** The start of a frame that ended outside the last chunk. */
  #partial: Uint8Array = EMPTY;
  #partialLength = 0;

  /** A header block that goes on in CONTINUATION frames. */
  #blockStreamId = 0;
  #blockFlags = 0;
  #blockDependency = 0;
  #block: Uint8Array = EMPTY;
  #blockLength = 0;
  #continuations = 0;

  #readyHead: Http2Stream | undefined = undefined;
  #readyTail: Http2Stream | undefined = undefined;
  #pumping = false;

  readonly #resetIds = new Set<number>();
  /** Answered in this turn while the client has not ended its side. */
  readonly #answeredEarly: Http2Stream[] = [];

  constructor(options: ConnectionOptions) {
    const { limits } = options;
    this.limits = limits;
    this.handler = options.handler;
    this.isServer = options.role === "server";
    this.initialReceiveWindow = limits.streamWindowBytes;
    this.#receiveWindow = Math.max(limits.connectionWindowBytes, h2.DEFAULT_WINDOW_SIZE);
    this.#nowMs = options.nowMs;
    this.#decoder = new HpackDecoder(h2.DEFAULT_HEADER_TABLE_SIZE, limits.maxHeaderListBytes);
    this.#resets = new TokenBucket(limits.resetBurst, limits.resetsPerSecond, options.nowMs);
    this.#idleFrames = new TokenBucket(limits.idleFrameBurst, limits.idleFramesPerSecond, options.nowMs);
    this.#prefaceLeft = this.isServer ? h2.CLIENT_PREFACE.length : 0;
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
    this.writeFrameHeader(settings.length * 6, h2.FRAME_SETTINGS, 0, 0);
    for (const [id, value] of settings) {
      const { output } = this;
      output.reserve(6);
      output.bytes.writeUInt16BE(id, output.length);
      output.bytes.writeUInt32BE(value, output.length + 2);
      output.length += 6;
    }
    const extra = this.#receiveWindow - h2.DEFAULT_WINDOW_SIZE;
    if (extra > 0) this.#writeWindowUpdate(0, extra);
  }

  // ---- Receiving ----

  /** Takes `bytes[start, end)`, which is only borrowed. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    let position = start;
    if (this.#prefaceLeft > 0) {
      position = this.#receivePreface(bytes, position, end);
      if (this.#prefaceLeft > 0) return;
    }
    if (this.#partialLength > 0) position = this.#completePartial(bytes, position, end);
    while (end - position >= h2.FRAME_HEADER_LENGTH && !this.finished) {
      const length = (bytes[position]! << 16) | (bytes[position + 1]! << 8) | bytes[position + 2]!;
      if (length > h2.DEFAULT_MAX_FRAME_SIZE) {
        this.fail(h2.FRAME_SIZE_ERROR, "frame too large");
        return;
      }
      const next = position + h2.FRAME_HEADER_LENGTH + length;
      if (next > end) break;
      this.#receiveFrame(bytes, position, length);
      position = next;
    }
    if (position < end && !this.finished) this.#keepPartial(bytes, position, end);
  }

  #receivePreface(bytes: Uint8Array, start: number, end: number): number {
    let position = start;
    while (this.#prefaceLeft > 0 && position < end) {
      const expected = h2.CLIENT_PREFACE[h2.CLIENT_PREFACE.length - this.#prefaceLeft];
      if (bytes[position] !== expected) {
        this.fail(h2.PROTOCOL_ERROR, "invalid connection preface");
        return end;
      }
      position++;
      this.#prefaceLeft--;
    }
    return position;
  }

  #keepPartial(bytes: Uint8Array, position: number, end: number): void {
    const count = end - position;
    let capacity = h2.FRAME_HEADER_LENGTH;
    if (count >= h2.FRAME_HEADER_LENGTH) {
      capacity += (bytes[position]! << 16) | (bytes[position + 1]! << 8) | bytes[position + 2]!;
    }
    // A view would keep the transport's buffer, which is overwritten by the next read.
    this.#partial = new Uint8Array(capacity);
    this.#partial.set(bytes.subarray(position, end));
    this.#partialLength = count;
  }

  /** Adds what the kept frame lacks; returns the position after it. */
  #completePartial(bytes: Uint8Array, start: number, end: number): number {
    let position = start;
    if (this.#partialLength < h2.FRAME_HEADER_LENGTH) {
      while (this.#partialLength < h2.FRAME_HEADER_LENGTH && position < end) {
        this.#partial[this.#partialLength++] = bytes[position++]!;
      }
      if (this.#partialLength < h2.FRAME_HEADER_LENGTH) return position;
      const header = this.#partial;
      const length = (header[0]! << 16) | (header[1]! << 8) | header[2]!;
      if (length > h2.DEFAULT_MAX_FRAME_SIZE) {
        this.fail(h2.FRAME_SIZE_ERROR, "frame too large");
        return end;
      }
      this.#partial = new Uint8Array(h2.FRAME_HEADER_LENGTH + length);
      this.#partial.set(header);
    }
    const frame = this.#partial;
    const count = Math.min(frame.length - this.#partialLength, end - position);
    frame.set(bytes.subarray(position, position + count), this.#partialLength);
    this.#partialLength += count;
    position += count;
    if (this.#partialLength === frame.length) {
      this.#partial = EMPTY;
      this.#partialLength = 0;
      this.#receiveFrame(frame, 0, frame.length - h2.FRAME_HEADER_LENGTH);
    }
    return position;
  }

  /** A complete frame; its header is at `position`. */
  #receiveFrame(bytes: Uint8Array, position: number, length: number): void {
    const type = bytes[position + 3]!;
    const flags = bytes[position + 4]!;
    const id = readUint31(bytes, position + 5);
    const payload = position + h2.FRAME_HEADER_LENGTH;
    if (this.#blockStreamId !== 0 && (type !== h2.FRAME_CONTINUATION || id !== this.#blockStreamId)) {
      this.fail(h2.PROTOCOL_ERROR, "header block interrupted");
      return;
    }
    if (!this.#settingsReceived && type !== h2.FRAME_SETTINGS) {
      this.fail(h2.PROTOCOL_ERROR, "first frame is not SETTINGS");
      return;
    }
    switch (type) {
      case h2.FRAME_DATA:
        this.#receiveData(bytes, payload, length, flags, id);
        return;
      case h2.FRAME_HEADERS:
        this.#receiveHeaders(bytes, payload, length, flags, id);
        return;
      case h2.FRAME_WINDOW_UPDATE:
        this.#receiveWindowUpdate(bytes, payload, length, id);
        return;
      case h2.FRAME_RST_STREAM:
        this.#receiveReset(bytes, payload, length, id);
        return;
      case h2.FRAME_PING:
        this.#receivePing(bytes, payload, length, flags, id);
        return;
      case h2.FRAME_SETTINGS:
        this.#receiveSettings(bytes, payload, length, flags, id);
        return;
      case h2.FRAME_CONTINUATION:
        this.#receiveContinuation(bytes, payload, length, flags, id);
        return;
      case h2.FRAME_GOAWAY:
        this.#receiveGoAway(bytes, payload, length, id);
        return;
      case h2.FRAME_PRIORITY:
        this.#receivePriority(bytes, payload, length, id);
        return;
      case h2.FRAME_PUSH_PROMISE:
        this.fail(h2.PROTOCOL_ERROR, "PUSH_PROMISE is not enabled");
        return;
      default:
        // Unknown frame types are ignored (RFC 9113 section 4.1), but not without end.
        this.#countIdleFrame();
        return;
    }
  }

  #receiveData(bytes: Uint8Array, payload: number, length: number, flags: number, id: number): void {
    if (id === 0) {
      this.fail(h2.PROTOCOL_ERROR, "DATA on stream 0");
      return;
    }
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
      this.#receiveOnUnknownStream(id);
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
    } else {
      if (start === end) {
        this.#countIdleFrame();
        if (this.finished) return;
      }
      stream.unreturnedBytes += length;
    }
    stream.onData(bytes, start, end, endStream);
    if ((stream.state & GONE) !== 0) return;
    if (endStream) this.#closeIfDone(stream);
    else if (stream.unreturnedBytes * 2 >= this.initialReceiveWindow) this.returnStreamCredit(stream);
  }

  #receiveHeaders(bytes: Uint8Array, payload: number, length: number, flags: number, id: number): void {
    if (id === 0) {
      this.fail(h2.PROTOCOL_ERROR, "HEADERS on stream 0");
      return;
    }
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
      this.#receiveBlock(bytes, start, end, flags, id, dependency);
      return;
    }
    this.#blockStreamId = id;
    this.#blockFlags = flags;
    this.#blockDependency = dependency;
    this.#blockLength = 0;
    this.#continuations = 0;
    this.#appendToBlock(bytes, start, end);
  }

  #receiveContinuation(bytes: Uint8Array, payload: number, length: number, flags: number, id: number): void {
    if (this.#blockStreamId === 0 || id === 0) {
      this.fail(h2.PROTOCOL_ERROR, "unexpected CONTINUATION");
      return;
    }
    this.#continuations++;
    if (this.#continuations > this.limits.maxContinuationFrames) {
      this.fail(h2.ENHANCE_YOUR_CALM, "too many CONTINUATION frames");
      return;
    }
    this.#appendToBlock(bytes, payload, payload + length);
    if (this.finished || (flags & h2.FLAG_END_HEADERS) === 0) return;
    const block = this.#block;
    this.#block = EMPTY;
    this.#blockStreamId = 0;
    this.#receiveBlock(block, 0, this.#blockLength, this.#blockFlags, id, this.#blockDependency);
  }

  #appendToBlock(bytes: Uint8Array, start: number, end: number): void {
    const length = this.#blockLength + end - start;
    if (length > this.limits.maxHeaderBlockBytes) {
      this.fail(h2.ENHANCE_YOUR_CALM, "header block too large");
      return;
    }
    if (length > this.#block.length) {
      const larger = new Uint8Array(Math.max(length, this.#block.length * 2));
      larger.set(this.#block.subarray(0, this.#blockLength));
      this.#block = larger;
    }
    this.#block.set(bytes.subarray(start, end), this.#blockLength);
    this.#blockLength = length;
  }

  /** A complete header block. It is always decoded, even for a stream we ignore: the table must stay in step. */
  #receiveBlock(
    bytes: Uint8Array,
    start: number,
    end: number,
    flags: number,
    id: number,
    dependency: number,
  ): void {
    const decoder = this.#decoder;
    const generation = decoder.table.generation;
    let block = this.#headerCache.find(bytes, start, end - start, generation);
    if (block === undefined) {
      const fields: HeaderField[] = [];
      const verdict = decoder.decode(bytes, start, end, fields);
      if (verdict === DECODE_FAILED) {
        this.fail(h2.COMPRESSION_ERROR, "invalid header block");
        return;
      }
      block = new HeaderBlock(fields, verdict === DECODED_TOO_LARGE);
      if (decoder.table.generation === generation) {
        this.#headerCache.add(bytes, start, end - start, generation, block);
      }
    }
    const endStream = (flags & h2.FLAG_END_STREAM) !== 0;
    if (id > this.lastPeerStreamId && this.isServer && (id & 1) === 1) {
      this.#receiveRequest(block, id, endStream, dependency);
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.#receiveOnUnknownStream(id);
      return;
    }
    if ((stream.state & REMOTE_CLOSED) !== 0) {
      this.#streamError(stream, h2.STREAM_CLOSED);
      return;
    }
    if (dependency === id || block.tooLarge) {
      this.#streamError(stream, block.tooLarge ? h2.ENHANCE_YOUR_CALM : h2.PROTOCOL_ERROR);
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
    if (!block.validRequest || block.tooLarge || dependency === id) {
      if (!this.#resets.take()) {
        this.fail(h2.ENHANCE_YOUR_CALM, "too many stream errors");
        return;
      }
      this.#writeReset(id, block.tooLarge ? h2.ENHANCE_YOUR_CALM : h2.PROTOCOL_ERROR);
      return;
    }
    if (endStream && block.contentLength > 0) {
      this.#writeReset(id, h2.PROTOCOL_ERROR);
      return;
    }
    if (
      this.streams.size >= this.limits.maxConcurrentStreams ||
      this.queuedBytes > this.limits.maxQueuedBytes
    ) {
      if (!this.#resets.take()) {
        this.fail(h2.ENHANCE_YOUR_CALM, "too many refused streams");
        return;
      }
      this.#writeReset(id, h2.REFUSED_STREAM);
      return;
    }
    const stream = this.handler.onRequest(this, id, block, endStream);
    if ((stream.state & GONE) !== 0) return; // answered, or the connection ended, while it was being made
    if (endStream) this.#closeIfDone(stream);
  }

  /** Adds a stream; `onRequest` calls it before it lets the handler see the call. */
  addStream(stream: Http2Stream, block: HeaderBlock, endStream: boolean): void {
    stream.remainingBody = block.contentLength;
    if (endStream) stream.state |= REMOTE_CLOSED;
    this.streams.add(stream);
  }

  /** DATA or HEADERS for a stream that is not open: idle, closed, or reset by us a moment ago. */
  #receiveOnUnknownStream(id: number): void {
    if (this.#isIdle(id)) {
      this.fail(h2.PROTOCOL_ERROR, "frame on an idle stream");
      return;
    }
    this.#countIdleFrame();
    if (this.finished || this.#resetIds.has(id) || id > this.#acceptUpTo) return;
    this.#writeReset(id, h2.STREAM_CLOSED);
  }

  #isIdle(id: number): boolean {
    const peerInitiated = (id & 1) === (this.isServer ? 1 : 0);
    if (peerInitiated) return id > this.lastPeerStreamId && id <= this.#acceptUpTo;
    return id >= this.#nextStreamId || this.isServer;
  }

  #receiveReset(bytes: Uint8Array, payload: number, length: number, id: number): void {
    if (length !== 4) {
      this.fail(h2.FRAME_SIZE_ERROR, "RST_STREAM of a wrong size");
      return;
    }
    if (id === 0 || this.#isIdle(id)) {
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
    this.#abort(stream, readUint32(bytes, payload), "peer");
  }

  #receiveWindowUpdate(bytes: Uint8Array, payload: number, length: number, id: number): void {
    if (length !== 4) {
      this.fail(h2.FRAME_SIZE_ERROR, "WINDOW_UPDATE of a wrong size");
      return;
    }
    const increment = readUint31(bytes, payload);
    if (id === 0) {
      if (increment === 0) {
        this.fail(h2.PROTOCOL_ERROR, "window increment 0");
        return;
      }
      if (this.sendWindow + increment > h2.LARGEST_WINDOW_SIZE) {
        this.fail(h2.FLOW_CONTROL_ERROR, "connection window overflow");
        return;
      }
      const wasShut = this.sendWindow <= 0;
      this.sendWindow += increment;
      if (wasShut && this.#readyHead !== undefined) this.requestFlush();
    } else {
      if (this.#isIdle(id)) {
        this.fail(h2.PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream");
        return;
      }
      const stream = this.streams.get(id);
      if (stream === undefined) return;
      if (increment === 0) {
        this.#streamError(stream, h2.PROTOCOL_ERROR);
        return;
      }
      if (stream.sendWindow + increment > h2.LARGEST_WINDOW_SIZE) {
        this.#streamError(stream, h2.FLOW_CONTROL_ERROR);
        return;
      }
      stream.sendWindow += increment;
      if (stream.queuedBytes > 0 && stream.sendWindow > 0) this.makeReady(stream);
    }
    if (increment < WINDOW_UPDATE_WORTH_IT) this.#countIdleFrame();
  }

  #receiveSettings(bytes: Uint8Array, payload: number, length: number, flags: number, id: number): void {
    if (id !== 0) {
      this.fail(h2.PROTOCOL_ERROR, "SETTINGS on a stream");
      return;
    }
    if ((flags & h2.FLAG_ACK) !== 0) {
      if (length !== 0) {
        this.fail(h2.FRAME_SIZE_ERROR, "SETTINGS acknowledgement with a payload");
        return;
      }
      if (!this.#settingsReceived) {
        this.fail(h2.PROTOCOL_ERROR, "first frame is not SETTINGS");
        return;
      }
      this.#countIdleFrame();
      return;
    }
    if (length % 6 !== 0) {
      this.fail(h2.FRAME_SIZE_ERROR, "SETTINGS of a wrong size");
      return;
    }
    for (let position = payload; position < payload + length; position += 6) {
      this.#applySetting((bytes[position]! << 8) | bytes[position + 1]!, readUint32(bytes, position + 2));
      if (this.finished) return;
    }
    this.writeFrameHeader(0, h2.FRAME_SETTINGS, h2.FLAG_ACK, 0);
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
        this.#setInitialSendWindow(value);
        break;
      case h2.SETTINGS_MAX_FRAME_SIZE:
        if (value < h2.DEFAULT_MAX_FRAME_SIZE || value > h2.LARGEST_MAX_FRAME_SIZE) {
          this.fail(h2.PROTOCOL_ERROR, "invalid MAX_FRAME_SIZE");
          return;
        }
        // Larger frames would let one stream hold the connection for longer; small ones cost 0.05 %.
        this.peerMaxFrameSize = h2.DEFAULT_MAX_FRAME_SIZE;
        break;
      case h2.SETTINGS_MAX_HEADER_LIST_SIZE:
        this.peerMaxHeaderListBytes = value;
        break;
    }
  }

  #setInitialSendWindow(value: number): void {
    if (value > h2.LARGEST_WINDOW_SIZE) {
      this.fail(h2.FLOW_CONTROL_ERROR, "invalid INITIAL_WINDOW_SIZE");
      return;
    }
    const change = value - this.initialSendWindow;
    this.initialSendWindow = value;
    if (change === 0) return;
    for (const stream of this.streams.toArray()) {
      stream.sendWindow += change;
      if (stream.sendWindow > h2.LARGEST_WINDOW_SIZE) {
        this.fail(h2.FLOW_CONTROL_ERROR, "window overflow");
        return;
      }
      if (stream.queuedBytes > 0 && stream.sendWindow > 0) this.makeReady(stream);
    }
  }

  #receivePing(bytes: Uint8Array, payload: number, length: number, flags: number, id: number): void {
    if (id !== 0) {
      this.fail(h2.PROTOCOL_ERROR, "PING on a stream");
      return;
    }
    if (length !== 8) {
      this.fail(h2.FRAME_SIZE_ERROR, "PING of a wrong size");
      return;
    }
    const data = bytes.slice(payload, payload + 8);
    if ((flags & h2.FLAG_ACK) !== 0) {
      if (this.#draining && data.every((octet, i) => octet === DRAIN_PING[i])) this.#finishDraining();
      this.handler.onPingAck(this, data);
      return;
    }
    this.#countIdleFrame();
    if (this.finished) return;
    this.#writePing(data, h2.FLAG_ACK);
    this.handler.onPing(this);
  }

  #receiveGoAway(bytes: Uint8Array, payload: number, length: number, id: number): void {
    if (id !== 0) {
      this.fail(h2.PROTOCOL_ERROR, "GOAWAY on a stream");
      return;
    }
    if (length < 8) {
      this.fail(h2.FRAME_SIZE_ERROR, "GOAWAY of a wrong size");
      return;
    }
    this.#countIdleFrame();
    if (this.finished) return;
    const lastStreamId = readUint31(bytes, payload);
    const code = readUint32(bytes, payload + 4);
    const debugData = String.fromCharCode(
      ...bytes.subarray(payload + 8, payload + Math.min(length, 8 + 256)),
    );
    this.handler.onGoAway(this, lastStreamId, code, debugData);
    if (this.isServer) return;
    for (const stream of this.streams.toArray()) {
      if (stream.id > lastStreamId) this.#abort(stream, h2.REFUSED_STREAM, "goaway");
    }
  }

  #receivePriority(bytes: Uint8Array, payload: number, length: number, id: number): void {
    if (id === 0) {
      this.fail(h2.PROTOCOL_ERROR, "PRIORITY on stream 0");
      return;
    }
    if (length !== 5 || readUint31(bytes, payload) === id) {
      const code = length !== 5 ? h2.FRAME_SIZE_ERROR : h2.PROTOCOL_ERROR;
      const stream = this.streams.get(id);
      if (stream !== undefined) {
        this.#streamError(stream, code);
        return;
      }
      // RST_STREAM must not be sent for an idle stream.
      this.#isIdle(id) ? this.fail(code, "invalid PRIORITY") : this.#countIdleFrame();
      return;
    }
    // Priorities are deprecated (RFC 9113 section 5.3): nothing follows from them.
    this.#countIdleFrame();
  }

  #countIdleFrame(): void {
    if (!this.#idleFrames.take()) this.fail(h2.ENHANCE_YOUR_CALM, "too many frames without progress");
  }

  // ---- Receive windows ----

  #returnConnectionCredit(): void {
    if (this.#heldBytes > this.limits.maxHeldBytes || this.#unreturnedBytes === 0) return;
    this.#receiveWindow += this.#unreturnedBytes;
    this.#writeWindowUpdate(0, this.#unreturnedBytes);
    this.#unreturnedBytes = 0;
  }

  /** Gives a stream its window back, unless it is paused. */
  returnStreamCredit(stream: Http2Stream): void {
    if ((stream.state & (READING_PAUSED | REMOTE_CLOSED | GONE)) !== 0) return;
    if (stream.unreturnedBytes * 2 < this.initialReceiveWindow) return;
    stream.receiveWindow += stream.unreturnedBytes;
    this.#writeWindowUpdate(stream.id, stream.unreturnedBytes);
    stream.unreturnedBytes = 0;
  }

  /** A paused stream keeps `count` received octets (negative: gave them up). */
  hold(count: number): void {
    this.#heldBytes += count;
    if (count < 0 && this.#unreturnedBytes * 2 >= this.limits.connectionWindowBytes)
      this.#returnConnectionCredit();
  }

  // ---- Sending ----

  /** True when a message of `count` octets may go straight into the output instead of queueing on its stream. */
  canSendDirectly(stream: Http2Stream, count: number): boolean {
    return (
      this.#readyHead === undefined &&
      count <= this.sendWindow &&
      count <= stream.sendWindow &&
      count <= h2.DEFAULT_MAX_FRAME_SIZE &&
      stream.queuedBytes === 0 &&
      !this.#pumping &&
      this.output.fullChunks.length < (this.transportBlocked ? 1 : DIRECT_CHUNKS)
    );
  }

  /** Asks for a flush at the end of the turn. */
  requestFlush(): void {
    if (this.flushPending) return;
    this.flushPending = true;
    this.handler.onOutput(this);
  }

  /** Starts a frame and reserves its payload, which the caller appends if it is small, or reserves piecewise. */
  writeFrameHeader(length: number, type: number, flags: number, id: number): void {
    const { output } = this;
    output.reserve(h2.FRAME_HEADER_LENGTH);
    const { bytes } = output;
    const at = output.length;
    bytes[at] = length >>> 16;
    bytes[at + 1] = length >>> 8;
    bytes[at + 2] = length;
    bytes[at + 3] = type;
    bytes[at + 4] = flags;
    bytes[at + 5] = id >>> 24;
    bytes[at + 6] = id >>> 16;
    bytes[at + 7] = id >>> 8;
    bytes[at + 8] = id;
    output.length = at + h2.FRAME_HEADER_LENGTH;
    if (!this.flushPending) this.requestFlush();
  }

  /** Writes a header block, in CONTINUATION frames when it is long. With `endStream` our side is closed. */
  writeHeaderBlock(stream: Http2Stream, block: Uint8Array, endStream: boolean): void {
    const maxFrame = this.peerMaxFrameSize;
    const endFlag = endStream ? h2.FLAG_END_STREAM : 0;
    if (block.length <= maxFrame) {
      this.writeFrameHeader(block.length, h2.FRAME_HEADERS, h2.FLAG_END_HEADERS | endFlag, stream.id);
      this.output.append(block);
    } else {
      for (let offset = 0; offset < block.length; offset += maxFrame) {
        const part = block.subarray(offset, offset + maxFrame);
        const last = offset + maxFrame >= block.length ? h2.FLAG_END_HEADERS : 0;
        const type = offset === 0 ? h2.FRAME_HEADERS : h2.FRAME_CONTINUATION;
        this.writeFrameHeader(part.length, type, last | (offset === 0 ? endFlag : 0), stream.id);
        this.output.append(part);
      }
    }
    if (endStream) this.closeLocal(stream);
  }

  /** END_STREAM has been written. */
  closeLocal(stream: Http2Stream): void {
    stream.state |= LOCAL_CLOSED;
    if ((stream.state & REMOTE_CLOSED) !== 0) this.#remove(stream);
    else if (this.isServer) this.#answeredEarly.push(stream);
  }

  /** Puts a stream that has something to send, or to end, at the end of the round. */
  makeReady(stream: Http2Stream): void {
    if ((stream.state & (READY | GONE)) !== 0) return;
    stream.state |= READY;
    stream.previousReady = this.#readyTail;
    if (this.#readyTail === undefined) this.#readyHead = stream;
    else this.#readyTail.nextReady = stream;
    this.#readyTail = stream;
    this.requestFlush();
  }

  #unready(stream: Http2Stream): void {
    if ((stream.state & READY) === 0) return;
    stream.state &= ~READY;
    const { previousReady, nextReady } = stream;
    if (previousReady === undefined) this.#readyHead = nextReady;
    else previousReady.nextReady = nextReady;
    if (nextReady === undefined) this.#readyTail = previousReady;
    else nextReady.previousReady = previousReady;
    stream.previousReady = undefined;
    stream.nextReady = undefined;
  }

  /**
   * Moves queued octets into the output, one frame a stream and round, until `limit` octets wait there, a window is shut
   * or nothing is left. Returns true when more could follow at once.
   */
  pump(limit: number): boolean {
    if (this.#answeredEarly.length > 0) this.#stopEarlyAnswered();
    this.#pumping = true;
    while (this.#readyHead !== undefined && this.output.size < limit) {
      const stream = this.#readyHead;
      if (stream.queuedBytes > 0 && this.sendWindow <= 0 && !this.#rotateToEnding()) break;
      this.#sendFrom(this.#readyHead);
    }
    this.#pumping = false;
    return this.#readyHead !== undefined && (this.sendWindow > 0 || this.output.size >= limit);
  }

  /**
   * Frees streams whose answer is complete while the client could still send. Some clients end their side in a frame of
   * its own; waiting for the end of the turn lets it arrive.
   */
  #stopEarlyAnswered(): void {
    for (const stream of this.#answeredEarly) stream.reset(h2.NO_ERROR);
    this.#answeredEarly.length = 0;
  }

  /** With the connection's window shut, streams that have nothing left but their end can still go on. */
  #rotateToEnding(): boolean {
    for (let stream = this.#readyHead; stream !== undefined; stream = stream.nextReady) {
      if (stream.queuedBytes > 0) continue;
      this.#unready(stream);
      stream.state |= READY;
      stream.nextReady = this.#readyHead;
      if (this.#readyHead !== undefined) this.#readyHead.previousReady = stream;
      else this.#readyTail = stream;
      this.#readyHead = stream;
      return true;
    }
    return false;
  }

  /** Sends one frame of a ready stream, and its end when that is all. */
  #sendFrom(stream: Http2Stream): void {
    this.#unready(stream);
    if (stream.queuedBytes > 0) {
      const count = Math.min(stream.queuedBytes, this.peerMaxFrameSize, this.sendWindow, stream.sendWindow);
      if (count <= 0) return; // its own window is shut: a WINDOW_UPDATE makes it ready again
      const ends =
        count === stream.queuedBytes && (stream.state & (END_QUEUED | END_WITH_TRAILERS)) === END_QUEUED;
      this.#writeData(stream, count, ends);
      if (ends) {
        this.closeLocal(stream);
        return;
      }
    }
    if (stream.queuedBytes === 0 && (stream.state & END_QUEUED) !== 0) {
      if ((stream.state & LOCAL_CLOSED) !== 0) return;
      if ((stream.state & END_WITH_TRAILERS) !== 0) {
        stream.writeTrailers();
        return;
      }
      this.writeFrameHeader(0, h2.FRAME_DATA, h2.FLAG_END_STREAM, stream.id);
      this.closeLocal(stream);
      return;
    }
    if (stream.queuedBytes > 0 && stream.sendWindow > 0) this.makeReady(stream);
    if ((stream.state & DRAIN_OWED) !== 0 && stream.queuedBytes <= LOW_WATER_BYTES) {
      stream.state &= ~DRAIN_OWED;
      stream.onWritable();
    }
  }

  #writeData(stream: Http2Stream, count: number, endStream: boolean): void {
    const { output } = this;
    output.reserve(h2.FRAME_HEADER_LENGTH + count);
    this.writeFrameHeader(count, h2.FRAME_DATA, endStream ? h2.FLAG_END_STREAM : 0, stream.id);
    stream.copyQueued(output.bytes, output.length, count);
    output.length += count;
    stream.sendWindow -= count;
    this.sendWindow -= count;
  }

  #writeWindowUpdate(id: number, increment: number): void {
    this.writeFrameHeader(4, h2.FRAME_WINDOW_UPDATE, 0, id);
    this.#writeUint32(increment);
  }

  #writeReset(id: number, code: number): void {
    this.writeFrameHeader(4, h2.FRAME_RST_STREAM, 0, id);
    this.#writeUint32(code);
    if (this.#resetIds.size >= REMEMBERED_RESETS) {
      for (const oldest of this.#resetIds) {
        this.#resetIds.delete(oldest);
        break;
      }
    }
    this.#resetIds.add(id);
  }

  #writePing(data: Uint8Array, flags: number): void {
    this.writeFrameHeader(8, h2.FRAME_PING, flags, 0);
    this.output.append(data);
  }

  #writeUint32(value: number): void {
    const { output } = this;
    output.reserve(4);
    output.bytes.writeUInt32BE(value, output.length);
    output.length += 4;
  }

  /** Sends a PING with `data` (8 octets). */
  ping(data: Uint8Array): void {
    if (!this.finished) this.#writePing(data, 0);
  }

  // ---- Ends ----

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
    if ((stream.state & READY) !== 0) this.#unready(stream);
    stream.state |= GONE;
    if (stream.queuedBytes > 0) stream.dropQueue();
    this.streams.remove(stream);
    this.handler.onStreamGone(this, stream);
    if (this.#draining && this.streams.size === 0 && this.#acceptUpTo !== h2.LARGEST_STREAM_ID)
      this.#finish();
  }

  /** A connection error (RFC 9113 section 5.4.1): GOAWAY, then nothing more. */
  fail(code: number, reason: string): void {
    if (this.finished) return;
    this.failure = reason;
    this.#writeGoAway(this.lastPeerStreamId, code, reason);
    this.#finish();
  }

  /**
   * Stops taking new streams and lets the open ones end. First the peer is told without a last id, so that requests in
   * flight are still served; its PING acknowledgement proves that it knows, then the last id is final.
   */
  drain(): void {
    if (this.#draining || this.finished) return;
    this.#draining = true;
    this.#writeGoAway(h2.LARGEST_STREAM_ID, h2.NO_ERROR, "");
    this.#writePing(DRAIN_PING, 0);
  }

  #finishDraining(): void {
    if (this.#acceptUpTo !== h2.LARGEST_STREAM_ID) return;
    this.#acceptUpTo = this.lastPeerStreamId;
    this.#writeGoAway(this.lastPeerStreamId, h2.NO_ERROR, "");
    if (this.streams.size === 0) this.#finish();
  }

  #finish(): void {
    this.finished = true;
    this.requestFlush();
  }

  #writeGoAway(lastStreamId: number, code: number, debugData: string): void {
    this.writeFrameHeader(8 + debugData.length, h2.FRAME_GOAWAY, 0, 0);
    this.#writeUint32(lastStreamId);
    this.#writeUint32(code);
    this.output.append(new TextEncoder().encode(debugData));
  }

  /** The transport is gone: every stream ends. */
  transportClosed(): void {
    if (this.disconnected) return;
    this.disconnected = true;
    this.finished = true;
    this.#partial = EMPTY;
    this.#block = EMPTY;
    for (const stream of this.streams.toArray()) this.#abort(stream, h2.CANCEL, "disconnected");
    this.output.clear();
  }

  /** Monotonic milliseconds, from the injected clock. */
  nowMs(): number {
    return this.#nowMs();
  }
}

const DRAIN_PING = new TextEncoder().encode("draining");

function readUint31(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
