import { HpackEncoder } from "../hpack/encoder.ts";
import { FrameReader, type FrameSink } from "./frame-reader.ts";
import { checkFrame } from "./frame-rules.ts";
import type { HeaderBlock } from "./header-block.ts";
import { SharedBlocks } from "./header-reader.ts";
import type { EndpointOptions } from "./open-streams.ts";
import * as h2 from "./protocol.ts";
import type { Http2Stream } from "./stream.ts";
import { StreamFrames } from "./stream-frames.ts";
import { readUint31, readUint32 } from "./uint.ts";

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

export interface ConnectionOptions extends EndpointOptions {
  readonly handler: ConnectionHandler;
  /** What connections with the same handler have in common. */
  readonly sharedBlocks?: SharedBlocks;
}

const DEBUG_DATA_KEPT = 256;
/** A SETTINGS frame that changes the windows of many streams counts as more than one frame that moves nothing forward. */
const STREAMS_A_TOKEN = 64;
/** With however many streams, some changes are always allowed. */
const MOST_TOKENS = 1000;

/**
 * An HTTP/2 connection (RFC 9113) as a state machine: octets go in through {@link receive}, octets to send collect in
 * `output`, everything else is a call on the handler or on a stream. It does no I/O, sets no timer and never throws
 * because of what a peer sent.
 */
export class Http2Connection extends StreamFrames implements FrameSink {
  readonly encoder = new HpackEncoder();
  readonly handler: ConnectionHandler;
  /** The peer's SETTINGS_MAX_CONCURRENT_STREAMS. */
  peerMaxConcurrentStreams = 0xffff_ffff;
  /** The transport is gone. */
  disconnected = false;
  /** How many chunks have been received. */
  receiveCount = 0;
  /** When octets last arrived, on the clock. */
  lastReceivedMs: number;
  readonly #clock: { nowMs(): number };
  readonly #frames: FrameReader;
  #settingsReceived = false;

  constructor(options: ConnectionOptions) {
    super(options, options.sharedBlocks ?? new SharedBlocks());
    this.handler = options.handler;
    this.#clock = options.clock;
    this.lastReceivedMs = options.clock.nowMs();
    this.#frames = new FrameReader(this, this.isServer);
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
    const { beyondDefault } = this.receiveWindow;
    if (beyondDefault > 0) this.writeWindowUpdate(0, beyondDefault);
  }

  /** Sends a PING with `data` (8 octets). */
  ping(data: Uint8Array): void {
    if (!this.finished) this.writePing(data, 0);
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

  protected override onRequest(id: number, block: HeaderBlock, endStream: boolean): Http2Stream {
    return this.handler.onRequest(this, id, block, endStream);
  }

  protected override onStreamGone(stream: Http2Stream): void {
    this.handler.onStreamGone(this, stream);
  }

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
    const blockId = this.headers.streamId;
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
        this.receiveData(bytes, payload, length, flags, id);
        break;
      case h2.FRAME_HEADERS:
        this.receiveHeaders(bytes, payload, length, flags, id);
        break;
      case h2.FRAME_WINDOW_UPDATE:
        this.receiveWindowUpdate(readUint31(bytes, payload), id);
        break;
      case h2.FRAME_RST_STREAM:
        this.receiveReset(readUint32(bytes, payload), id);
        break;
      case h2.FRAME_PING:
        this.#receivePing(bytes.slice(payload, payload + 8), (flags & h2.FLAG_ACK) !== 0);
        break;
      case h2.FRAME_SETTINGS:
        this.#receiveSettings(bytes, payload, length, flags);
        break;
      case h2.FRAME_CONTINUATION:
        this.receiveContinuation(bytes, payload, length, flags, id);
        break;
      case h2.FRAME_GOAWAY:
        this.#receiveGoAway(bytes, payload, length);
        break;
      case h2.FRAME_PRIORITY:
        this.receivePriority(bytes, payload, length, id);
        break;
      default:
        // Unknown frame types are ignored (RFC 9113 section 4.1), but not without end.
        this.countIdleFrame();
        break;
    }
  }

  #receiveSettings(bytes: Uint8Array, payload: number, length: number, flags: number): void {
    if ((flags & h2.FLAG_ACK) !== 0) {
      this.countIdleFrame();
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
      this.countIdleFrame();
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
    if (!this.idleFrames.take(Math.min(this.streams.size / STREAMS_A_TOKEN, MOST_TOKENS))) {
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
    this.countIdleFrame();
    if (this.finished) return;
    if (acknowledgement) {
      this.pingAcknowledged(data);
      return;
    }
    this.writePing(data, h2.FLAG_ACK);
    this.handler.onPing(this);
  }

  #receiveGoAway(bytes: Uint8Array, payload: number, length: number): void {
    this.countIdleFrame();
    if (this.finished) return;
    const lastStreamId = readUint31(bytes, payload);
    const code = readUint32(bytes, payload + 4);
    const debugEnd = payload + Math.min(length, 8 + DEBUG_DATA_KEPT);
    const debugData = String.fromCharCode(...bytes.subarray(payload + 8, debugEnd));
    this.handler.onGoAway(this, lastStreamId, code, debugData);
    if (this.isServer) return;
    for (const stream of this.streams.toArray()) {
      if (stream.id > lastStreamId) this.abort(stream, h2.REFUSED_STREAM, "goaway");
    }
  }

  /** The transport is gone: nothing is received or sent any more. Streams end by {@link endStreams}, there may be many. */
  transportClosed(): void {
    if (this.disconnected) return;
    this.disconnected = true;
    this.finished = true;
    // Calls that have not ended yet may still answer; that stays small until it is forgotten.
    this.transportBlocked = true;
    this.#frames.clear();
    this.headers.clear();
    this.output.clear();
  }

  /** Ends up to `most` streams of a connection whose transport is gone. Returns how many; fewer than `most`: all have ended. */
  endStreams(most: number): number {
    const streams = this.streams.first(most);
    for (const stream of streams) this.abort(stream, h2.CANCEL, "disconnected");
    this.output.clear();
    return streams.length;
  }
}
