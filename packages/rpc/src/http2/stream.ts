import { assert } from "../invariant.ts";
import type { HeaderBlock } from "./header-block.ts";
import { CANCEL } from "./protocol.ts";

/** The peer has sent END_STREAM. */
export const REMOTE_CLOSED = 1;
/** We have sent END_STREAM. */
export const LOCAL_CLOSED = 2;
/** The stream is gone from its connection: finished, reset or lost. */
export const GONE = 4;
/** Nothing more will be queued: after the queue comes the end. */
export const END_QUEUED = 8;
/** In the connection's ready list. */
export const READY = 16;
/** Told to wait: `onDrain` is owed once the queue is short again. */
export const DRAIN_OWED = 32;
/** Window updates are withheld. */
export const READING_PAUSED = 64;
/** The server has sent its response header. */
export const HEADERS_SENT = 128;
/** The client has received the response header. */
export const HEADERS_RECEIVED = 256;
/** The stream's end is a block of trailers, written by `writeTrailers`. */
export const END_WITH_TRAILERS = 512;
/** Window updates are withheld until there is room for the message that is being received. */
export const AWAITS_ROOM = 1024;
/** The message that is being received is in the connection's room, or waits for it. */
export const USES_ROOM = 2048;
/** The call has not begun: too much else waits to be sent. */
export const CALL_WAITS = 4096;
/** Its answer asked for room, and is in the making. */
export const ANSWER_ASKED_FOR_ROOM = 8192;

/** What a stream's queue is counted as: the messages of a streaming call, which waits when they are not taken, */
const QUEUE_OF_STREAM = 0;
/** the answer of a unary call, */
export const QUEUE_OF_ANSWER = 1;
/** or one that asked for room before it was made. */
export const QUEUE_OF_LARGE_ANSWER = 2;
export type QueueKind = typeof QUEUE_OF_STREAM | typeof QUEUE_OF_ANSWER | typeof QUEUE_OF_LARGE_ANSWER;

/** Octets of a kind of queue, by its constant above. */
export type QueuedBytes = [stream: number, answer: number, largeAnswer: number];

/** What a stream needs of the connection that it belongs to. */
export interface StreamHome {
  /** The first windows of a stream: what we may send on it, and what the peer may. */
  readonly initialSendWindow: number;
  readonly initialReceiveWindow: number;
  /** Of all its streams. */
  readonly queued: QueuedBytes;
  /** The stream has something to send, or to end. */
  makeReady(stream: Http2Stream): void;
  /** The stream takes more, unless it is paused. */
  returnStreamCredit(stream: Http2Stream): void;
  /** Ends the stream with RST_STREAM; it is not told. */
  resetStream(stream: Http2Stream, code: number): void;
}

const NO_SEGMENTS: Uint8Array[] = [];

/**
 * One HTTP/2 stream; the layers above extend it, so that a call is one object. Everything here is the connection's
 * bookkeeping: windows, and the octets waiting for them.
 */
export abstract class Http2Stream {
  readonly connection: StreamHome;
  /** 0 until a client's call is allowed to start. */
  id: number;
  /** Bits of the constants above. */
  state = 0;
  /** Octets of DATA we may send. May be negative after the peer shrank its initial window. */
  sendWindow: number;
  /** Octets of DATA the peer may still send. */
  receiveWindow: number;
  /** Octets of body still to come according to `content-length`; -1 when it was not given. */
  remainingBody = -1;
  /** Size of the request's header list if it is a large one, which counts for the connection; else 0. */
  headerBytes = 0;

  /** Segments waiting to be sent; the first one from `segmentOffset` on. Owned by the stream. */
  segments: Uint8Array[] = NO_SEGMENTS;
  firstSegment = 0;
  segmentOffset = 0;
  /** Octets waiting, prefixes included. */
  queuedBytes = 0;
  /** Not to be changed while octets wait. */
  queueKind: QueueKind = QUEUE_OF_STREAM;
  /** Octets written before each segment: 5 for gRPC messages, 0 for plain bodies. */
  prefixLength = 0;
  /** The first octet of the prefix (gRPC's compressed flag). */
  prefixFlag = 0;

  /** Told of every segment that nobody reads any more. */
  releaseSegment: ((segment: Uint8Array) => void) | undefined = undefined;

  previousReady: Http2Stream | undefined = undefined;
  nextReady: Http2Stream | undefined = undefined;

  constructor(connection: StreamHome, id: number) {
    this.connection = connection;
    this.id = id;
    this.sendWindow = connection.initialSendWindow;
    this.receiveWindow = connection.initialReceiveWindow;
  }

  /** Trailers (on a server); response header, informational header or trailers (on a client). */
  abstract onHeaders(block: HeaderBlock, endStream: boolean): void;
  /** `bytes[start, end)` is borrowed: it is overwritten after the call. May be empty when `endStream`. */
  abstract onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void;
  /** The stream has ended abnormally: by the peer's RST_STREAM, our own stream error, or loss of the connection. */
  abstract onAbort(code: number, origin: AbortOrigin): void;
  /** The queue has fallen under the low-water mark after the stream was told to wait. */
  abstract onWritable(): void;
  /** Writes the trailers that end the stream; called once the queue is empty if END_WITH_TRAILERS is set. */
  abstract writeTrailers(): void;

  /** Queues a segment and takes ownership of it. */
  enqueue(segment: Uint8Array): void {
    assert((this.state & (END_QUEUED | LOCAL_CLOSED)) === 0, "nothing follows the end of a stream");
    if (this.segments === NO_SEGMENTS) this.segments = [];
    this.segments.push(segment);
    const bytes = segment.length + this.prefixLength;
    this.queuedBytes += bytes;
    this.connection.queued[this.queueKind] += bytes;
    if ((this.state & READY) === 0) this.connection.makeReady(this);
  }

  /** Nothing follows what is queued. */
  queueEnd(withTrailers: boolean): void {
    this.state |= withTrailers ? END_QUEUED | END_WITH_TRAILERS : END_QUEUED;
    if ((this.state & READY) === 0) this.connection.makeReady(this);
  }

  /** Forgets what was queued. */
  dropQueue(): void {
    this.connection.queued[this.queueKind] -= this.queuedBytes;
    assert(this.connection.queued[this.queueKind] >= 0, "a connection counts what its streams have queued");
    this.queuedBytes = 0;
    if (this.releaseSegment !== undefined)
      for (let i = this.firstSegment; i < this.segments.length; i++) this.releaseSegment(this.segments[i]!);
    this.segments = NO_SEGMENTS;
    this.firstSegment = 0;
    this.segmentOffset = 0;
  }

  /** Copies the next `count` queued octets to `target` at `offset`; there must be as many. */
  copyQueued(target: Uint8Array, offset: number, count: number): void {
    this.queuedBytes -= count;
    this.connection.queued[this.queueKind] -= count;
    assert(this.queuedBytes >= 0, "no more is sent than is queued");
    const prefixLength = this.prefixLength;
    while (count > 0) {
      const segment = this.segments[this.firstSegment]!;
      while (this.segmentOffset < prefixLength && count > 0) {
        target[offset++] =
          this.segmentOffset === 0 ? this.prefixFlag : lengthOctet(segment.length, this.segmentOffset);
        this.segmentOffset++;
        count--;
      }
      const position = this.segmentOffset - prefixLength;
      const part = Math.min(count, segment.length - position);
      if (part > 0) {
        target.set(part === segment.length ? segment : segment.subarray(position, position + part), offset);
        offset += part;
        count -= part;
        this.segmentOffset += part;
      }
      if (this.segmentOffset === prefixLength + segment.length) this.#dropFirstSegment();
    }
  }

  pauseReading(): void {
    this.state |= READING_PAUSED;
  }

  resumeReading(): void {
    if ((this.state & READING_PAUSED) === 0) return;
    this.state &= ~READING_PAUSED;
    this.connection.returnStreamCredit(this);
  }

  /** Abandons the stream with RST_STREAM; nothing is called back. */
  reset(code: number = CANCEL): void {
    if ((this.state & GONE) === 0) this.connection.resetStream(this, code);
  }

  #dropFirstSegment(): void {
    this.releaseSegment?.(this.segments[this.firstSegment]!);
    this.segmentOffset = 0;
    this.firstSegment++;
    if (this.firstSegment === this.segments.length) {
      this.segments = NO_SEGMENTS;
      this.firstSegment = 0;
    } else if (this.firstSegment >= 64 && this.firstSegment * 2 >= this.segments.length) {
      this.segments.splice(0, this.firstSegment);
      this.firstSegment = 0;
    }
  }
}

/** Who ended a stream early. */
export type AbortOrigin = "peer" | "local" | "disconnected" | "goaway";

function lengthOctet(length: number, index: number): number {
  return (length >>> (8 * (4 - index))) & 0xff;
}
