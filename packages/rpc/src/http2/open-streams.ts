import { assert } from "../invariant.ts";
import { AnswerRooms } from "./answer-rooms.ts";
import type { HeaderBlock } from "./header-block.ts";
import type { ConnectionLimits } from "./limits.ts";
import { MessageRoom } from "./message-room.ts";
import * as h2 from "./protocol.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { SendScheduler } from "./send-scheduler.ts";
import {
  type AbortOrigin,
  AWAITS_ROOM,
  GONE,
  type Http2Stream,
  LOCAL_CLOSED,
  READING_PAUSED,
  REMOTE_CLOSED,
} from "./stream.ts";
import { StreamTable } from "./stream-table.ts";
import { TokenBucket } from "./token-bucket.ts";

/** One end of a connection. */
export interface EndpointOptions {
  readonly role: "server" | "client";
  readonly limits: ConnectionLimits;
  readonly clock: { /** Monotonic milliseconds. */ nowMs(): number };
}

/** How many of our own resets are remembered, to ignore what the peer sent before it knew. */
const REMEMBERED_RESETS = 1024;
/** Smaller header lists are not worth counting: most of them are shared. */
const LARGE_HEADER_LIST_BYTES = 4096;
const DRAIN_PING = new TextEncoder().encode("draining");

/**
 * The streams of a connection: which are open, what the peer may send on them and what they hold, how they end, and with
 * them the connection.
 */
export abstract class OpenStreams extends SendScheduler {
  readonly streams = new StreamTable();
  readonly limits: ConnectionLimits;
  readonly isServer: boolean;
  /** The window that we give a stream. */
  readonly initialReceiveWindow: number;
  /** A GOAWAY ended the connection (ours for an error, or drained): flush the output, then close the transport. */
  finished = false;
  /** Why we ended the connection; for logs. */
  failure: string | undefined = undefined;
  /** The highest stream id the peer has opened. */
  lastPeerStreamId = 0;
  /** For messages that are larger than a stream's window. */
  readonly messageRoom: MessageRoom;
  /** For calls, and for answers that may be large. */
  readonly rooms: AnswerRooms;

  protected readonly receiveWindow: ReceiveWindow;
  /** Streams that ended before they were answered, for the peer's will or mistakes. */
  protected readonly resets: TokenBucket;
  /** Frames that move nothing forward. */
  protected readonly idleFrames: TokenBucket;
  /** Large header lists of the open streams. */
  #headerBytes = 0;
  #nextStreamId = 1;
  /** New streams above this id are ignored: a GOAWAY has announced it. */
  #acceptUpTo = h2.LARGEST_STREAM_ID;
  #draining = false;
  readonly #resetIds = new Set<number>();
  /** Answered in this turn while the client has not ended its side. */
  readonly #answeredEarly: Http2Stream[] = [];

  constructor({ role, limits, clock }: EndpointOptions) {
    super();
    this.limits = limits;
    this.isServer = role === "server";
    this.initialReceiveWindow = limits.streamWindowBytes;
    this.receiveWindow = new ReceiveWindow(limits);
    this.messageRoom = new MessageRoom(limits.maxAssemblyBytes);
    this.rooms = new AnswerRooms(limits, this.queued, this.streams);
    this.resets = new TokenBucket(limits.resetBurst, limits.resetsPerSecond, clock);
    this.idleFrames = new TokenBucket(limits.idleFrameBurst, limits.idleFramesPerSecond, clock);
  }

  /** A stream has left the connection. */
  protected abstract onStreamGone(stream: Http2Stream): void;

  // ---- Which are open ----

  /** The next id for a stream of ours; undefined once they are used up. */
  allocateStreamId(): number | undefined {
    const id = this.#nextStreamId;
    if (id > h2.LARGEST_STREAM_ID) return undefined;
    this.#nextStreamId += 2;
    return id;
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

  /** There may be one more stream, with a header list of `listBytes`. */
  protected mayOpen(listBytes: number): boolean {
    const { limits } = this;
    return (
      this.streams.size < limits.maxConcurrentStreams &&
      (listBytes <= LARGE_HEADER_LIST_BYTES || this.#headerBytes + listBytes <= limits.maxHeldHeaderBytes)
    );
  }

  /** The stream has never been opened. */
  protected isIdle(id: number): boolean {
    const peerInitiated = (id & 1) === (this.isServer ? 1 : 0);
    if (peerInitiated) return id > this.lastPeerStreamId && id <= this.#acceptUpTo;
    return id >= this.#nextStreamId || this.isServer;
  }

  /** The peer learns from a GOAWAY that streams of this id are not processed. */
  protected isTooLate(id: number): boolean {
    return id > this.#acceptUpTo;
  }

  /** We have reset the stream a moment ago. */
  protected wasReset(id: number): boolean {
    return this.#resetIds.has(id);
  }

  protected countIdleFrame(): void {
    if (!this.idleFrames.take()) this.fail(h2.ENHANCE_YOUR_CALM, "too many frames without progress");
  }

  // ---- Receive windows ----

  protected returnConnectionCredit(): void {
    const credit = this.receiveWindow.takeCredit();
    if (credit > 0) this.writeWindowUpdate(0, credit);
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
    assert(increment > 0, "the window of a stream grows");
    stream.receiveWindow += increment;
    this.writeWindowUpdate(stream.id, increment);
  }

  /** A paused stream keeps `count` received octets (negative: gave them up). */
  hold(count: number): void {
    this.receiveWindow.hold(count);
    if (count < 0) this.returnConnectionCredit();
  }

  // ---- Ends of streams ----

  /** Moves queued octets into the output; see {@link SendScheduler.pump}. */
  override pump(limit: number): boolean {
    if (this.#answeredEarly.length > 0) this.#stopEarlyAnswered();
    const more = super.pump(limit);
    // Those that could begin as well do with the next flush.
    if (this.rooms.recheck()) this.requestFlush();
    return more;
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
  override closeLocal(stream: Http2Stream): void {
    assert((stream.state & LOCAL_CLOSED) === 0, "the end of a stream is sent once");
    stream.state |= LOCAL_CLOSED;
    if ((stream.state & REMOTE_CLOSED) !== 0) this.#remove(stream);
    else if (this.isServer) this.#answeredEarly.push(stream);
  }

  /** END_STREAM has been received. */
  protected closeIfDone(stream: Http2Stream): void {
    if ((stream.state & (LOCAL_CLOSED | REMOTE_CLOSED)) === (LOCAL_CLOSED | REMOTE_CLOSED))
      this.#remove(stream);
  }

  protected writeReset(id: number, code: number): void {
    this.writeRstStream(id, code);
    if (this.#resetIds.size >= REMEMBERED_RESETS) {
      const oldest = this.#resetIds.values().next().value;
      if (oldest !== undefined) this.#resetIds.delete(oldest);
    }
    this.#resetIds.add(id);
  }

  /** RST_STREAM by our own decision. */
  resetStream(stream: Http2Stream, code: number): void {
    this.#remove(stream);
    if (!this.finished) this.writeReset(stream.id, code);
  }

  /** Answers with RST_STREAM on a stream that is not open; that must not become a way around the limit on resets. */
  protected refuse(id: number, code: number): void {
    if (this.resets.take()) this.writeReset(id, code);
    else this.fail(h2.ENHANCE_YOUR_CALM, "too many refused streams");
  }

  /** The peer broke the rules on one stream; too many such streams end the connection. */
  protected streamError(stream: Http2Stream, code: number): void {
    if (!this.resets.take()) {
      this.fail(h2.ENHANCE_YOUR_CALM, "too many stream errors");
      return;
    }
    this.writeReset(stream.id, code);
    this.abort(stream, code, "local");
  }

  protected abort(stream: Http2Stream, code: number, origin: AbortOrigin): void {
    this.#remove(stream);
    stream.onAbort(code, origin);
  }

  #remove(stream: Http2Stream): void {
    if ((stream.state & GONE) !== 0) return;
    this.unready(stream);
    stream.state |= GONE;
    this.#headerBytes -= stream.headerBytes;
    assert(this.#headerBytes >= 0, "a stream leaves its connection once");
    this.rooms.forget(stream);
    if (stream.queuedBytes > 0) {
      stream.dropQueue();
      if (!this.rooms.areEmpty) this.requestFlush();
    }
    this.streams.remove(stream);
    this.onStreamGone(stream);
    if (this.#draining && this.streams.size === 0 && this.#acceptUpTo !== h2.LARGEST_STREAM_ID)
      this.#finish();
  }

  // ---- Ends of the connection ----

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

  /** The peer has acknowledged a PING. */
  protected pingAcknowledged(data: Uint8Array): void {
    if (this.#draining && data.every((octet, i) => octet === DRAIN_PING[i])) this.#finishDraining();
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
}
