import type { HeaderBlock } from "./header-block.ts";
import { HeaderReader, type SharedBlocks } from "./header-reader.ts";
import { type EndpointOptions, OpenStreams } from "./open-streams.ts";
import * as h2 from "./protocol.ts";
import { GONE, HEADERS_SENT, type Http2Stream, REMOTE_CLOSED } from "./stream.ts";
import { readUint31 } from "./uint.ts";

/** Smaller window updates are counted: each of them may cost us a frame of as many octets. */
const WINDOW_UPDATE_WORTH_IT = 64;

/** What arrives on streams: DATA, header blocks, windows, resets. Payloads are borrowed. */
export abstract class StreamFrames extends OpenStreams {
  protected readonly headers: HeaderReader;

  constructor(options: EndpointOptions, sharedBlocks: SharedBlocks) {
    super(options);
    this.headers = new HeaderReader(options.limits, sharedBlocks);
  }

  /** A request. Returns the new stream, after it was added with `addStream`. */
  protected abstract onRequest(id: number, block: HeaderBlock, endStream: boolean): Http2Stream;

  /** Octets of header blocks decoded so far: what receiving costs beyond its own octets. */
  get decodedHeaderOctets(): number {
    return this.headers.decodedOctets;
  }

  protected receiveData(bytes: Uint8Array, payload: number, length: number, flags: number, id: number): void {
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
    if (!this.receiveWindow.take(length)) {
      this.fail(h2.FLOW_CONTROL_ERROR, "connection window exceeded");
      return;
    }
    this.returnConnectionCredit();

    const endStream = (flags & h2.FLAG_END_STREAM) !== 0;
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.#receiveOnUnknownStream(id, false);
      return;
    }
    if ((stream.state & REMOTE_CLOSED) !== 0) {
      this.streamError(stream, h2.STREAM_CLOSED);
      return;
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) {
      this.streamError(stream, h2.FLOW_CONTROL_ERROR);
      return;
    }
    if (stream.remainingBody >= 0) {
      stream.remainingBody -= end - start;
      if (stream.remainingBody < 0 || (endStream && stream.remainingBody > 0)) {
        this.streamError(stream, h2.PROTOCOL_ERROR);
        return;
      }
    }
    if (endStream) {
      stream.state |= REMOTE_CLOSED;
    } else if (start === end) {
      this.countIdleFrame();
      if (this.finished) return;
    }
    stream.onData(bytes, start, end, endStream);
    if ((stream.state & GONE) !== 0) return;
    if (endStream) this.closeIfDone(stream);
    else if (stream.receiveWindow * 2 <= this.initialReceiveWindow) this.returnStreamCredit(stream);
  }

  protected receiveHeaders(
    bytes: Uint8Array,
    payload: number,
    length: number,
    flags: number,
    id: number,
  ): void {
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
      this.#receiveDecoded(this.headers.decode(bytes, start, end), flags, id, dependency);
      return;
    }
    this.headers.begin(id, flags, dependency);
    this.#appendToBlock(bytes, start, end);
  }

  protected receiveContinuation(
    bytes: Uint8Array,
    payload: number,
    length: number,
    flags: number,
    id: number,
  ): void {
    const headers = this.headers;
    if (headers.streamId === 0) {
      this.fail(h2.PROTOCOL_ERROR, "unexpected CONTINUATION");
      return;
    }
    this.#appendToBlock(bytes, payload, payload + length);
    if (this.finished || (flags & h2.FLAG_END_HEADERS) === 0) return;
    this.#receiveDecoded(headers.complete(), headers.flags, id, headers.dependency);
  }

  #appendToBlock(bytes: Uint8Array, start: number, end: number): void {
    const problem = this.headers.append(bytes, start, end);
    if (problem === undefined) return;
    // To a client that learns that its stream was not looked at, it is worth another try.
    if (problem.code === h2.ENHANCE_YOUR_CALM)
      this.lastPeerStreamId = Math.max(this.lastPeerStreamId, this.isServer ? this.headers.streamId : 0);
    this.fail(problem.code, problem.reason);
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
      this.streamError(stream, h2.STREAM_CLOSED);
      return;
    }
    if (dependency === id || block.tooLarge) {
      this.streamError(stream, block.tooLarge ? h2.FRAME_SIZE_ERROR : h2.PROTOCOL_ERROR);
      return;
    }
    if (this.isServer ? !(endStream && block.validTrailers) : !(block.validResponse || block.validTrailers)) {
      this.streamError(stream, h2.PROTOCOL_ERROR);
      return;
    }
    if (endStream) {
      if (stream.remainingBody > 0) {
        this.streamError(stream, h2.PROTOCOL_ERROR);
        return;
      }
      stream.state |= REMOTE_CLOSED;
    }
    stream.onHeaders(block, endStream);
    if ((stream.state & GONE) === 0 && endStream) this.closeIfDone(stream);
  }

  #receiveRequest(block: HeaderBlock, id: number, endStream: boolean, dependency: number): void {
    if (this.isTooLate(id)) return; // the peer learns from the GOAWAY that this was never processed
    this.lastPeerStreamId = id;
    if (
      !block.validRequest ||
      block.tooLarge ||
      dependency === id ||
      (endStream && block.contentLength > 0)
    ) {
      this.refuse(id, block.tooLarge ? h2.FRAME_SIZE_ERROR : h2.PROTOCOL_ERROR);
      return;
    }
    if (!this.mayOpen(block.listBytes)) {
      this.refuse(id, h2.REFUSED_STREAM);
      return;
    }
    const stream = this.onRequest(id, block, endStream);
    if ((stream.state & GONE) !== 0) return; // answered, or the connection ended, while it was being made
    if (endStream) this.closeIfDone(stream);
  }

  /** DATA or HEADERS for a stream that is not open: idle, closed, or reset by us a moment ago. */
  #receiveOnUnknownStream(id: number, isHeaders: boolean): void {
    if (this.isIdle(id)) {
      this.fail(h2.PROTOCOL_ERROR, "frame on an idle stream");
      return;
    }
    this.countIdleFrame();
    if (this.finished || this.wasReset(id) || this.isTooLate(id)) return;
    // DATA may have been on its way since before a reset that we no longer remember.
    if (isHeaders) this.fail(h2.STREAM_CLOSED, "HEADERS on a closed stream");
    else this.writeReset(id, h2.STREAM_CLOSED);
  }

  protected receiveReset(code: number, id: number): void {
    if (this.isIdle(id)) {
      this.fail(h2.PROTOCOL_ERROR, "RST_STREAM on an idle stream");
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.countIdleFrame();
      return;
    }
    const unanswered = this.isServer && (stream.state & HEADERS_SENT) === 0;
    if (unanswered && !this.resets.take()) {
      this.fail(h2.ENHANCE_YOUR_CALM, "too many resets");
      return;
    }
    this.abort(stream, code, "peer");
  }

  protected receiveWindowUpdate(increment: number, id: number): void {
    if (id === 0) {
      if (increment === 0) this.fail(h2.PROTOCOL_ERROR, "window increment 0");
      else if (this.sendWindow + increment > h2.LARGEST_WINDOW_SIZE) {
        this.fail(h2.FLOW_CONTROL_ERROR, "connection window overflow");
      } else {
        this.widen(increment);
      }
    } else if (this.isIdle(id)) {
      this.fail(h2.PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream");
    } else {
      const stream = this.streams.get(id);
      if (stream === undefined) {
        // Usual for a stream that has just ended; but an increment of 0 is wrong on any stream.
        if (increment === 0) this.refuse(id, h2.PROTOCOL_ERROR);
        return;
      }
      if (increment === 0) this.streamError(stream, h2.PROTOCOL_ERROR);
      else if (stream.sendWindow + increment > h2.LARGEST_WINDOW_SIZE) {
        this.streamError(stream, h2.FLOW_CONTROL_ERROR);
      } else {
        this.widenStream(stream, increment);
      }
    }
    if (increment < WINDOW_UPDATE_WORTH_IT) this.countIdleFrame();
  }

  protected receivePriority(bytes: Uint8Array, payload: number, length: number, id: number): void {
    if (length === 5 && readUint31(bytes, payload) !== id) {
      // Priorities are deprecated (RFC 9113 section 5.3): nothing follows from them.
      this.countIdleFrame();
      return;
    }
    const code = length === 5 ? h2.PROTOCOL_ERROR : h2.FRAME_SIZE_ERROR;
    const stream = this.streams.get(id);
    if (stream !== undefined) this.streamError(stream, code);
    // RST_STREAM must not be sent for an idle stream.
    else if (this.isIdle(id)) this.fail(code, "invalid PRIORITY");
    else this.refuse(id, code);
  }
}
