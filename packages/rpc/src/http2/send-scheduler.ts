import { assert } from "../invariant.ts";
import { FrameWriter } from "./frame-writer.ts";
import * as h2 from "./protocol.ts";
import {
  DRAIN_OWED,
  END_QUEUED,
  END_WITH_TRAILERS,
  GONE,
  type Http2Stream,
  LOCAL_CLOSED,
  type QueuedBytes,
  READY,
} from "./stream.ts";

/** How much one stream may queue before its writer is told to wait, and when it is told to go on. */
export const HIGH_WATER_BYTES = 65_536;
const LOW_WATER_BYTES = 16_384;

/** Filled output chunks (64 KiB each) after which messages queue on their streams, where they take turns. */
const DIRECT_CHUNKS = 4;

/**
 * The sending half of a connection. Octets that the windows or the transport do not take yet wait on their streams; the
 * streams that can go on form a ring and send one frame each in turn, so a huge response holds nobody up.
 */
export abstract class SendScheduler extends FrameWriter {
  /** Octets of DATA we may send on the connection, and at first on a new stream. */
  sendWindow = h2.DEFAULT_WINDOW_SIZE;
  initialSendWindow = h2.DEFAULT_WINDOW_SIZE;
  /** Octets queued on all streams, by the kind of queue. */
  readonly queued: QueuedBytes = [0, 0, 0];
  /** Set by the transport while it takes no more. */
  transportBlocked = false;
  #readyHead: Http2Stream | undefined = undefined;
  #readyTail: Http2Stream | undefined = undefined;
  protected pumping = false;

  /** Octets queued on all streams. */
  get queuedBytes(): number {
    return this.queued[0] + this.queued[1] + this.queued[2];
  }

  /** END_STREAM has been written on the stream. */
  abstract closeLocal(stream: Http2Stream): void;

  /** True when a message of `count` octets may go straight into the output instead of queueing on its stream. */
  canSendDirectly(stream: Http2Stream, count: number): boolean {
    return (
      this.#readyHead === undefined &&
      count <= this.sendWindow &&
      count <= stream.sendWindow &&
      count <= h2.DEFAULT_MAX_FRAME_SIZE &&
      stream.queuedBytes === 0 &&
      !this.pumping &&
      this.output.fullCount < (this.transportBlocked ? 1 : DIRECT_CHUNKS)
    );
  }

  /** Writes a header block. With `endStream` our side is closed. */
  writeHeaderBlock(stream: Http2Stream, block: Uint8Array, endStream: boolean): void {
    this.writeBlock(stream.id, block, endStream ? h2.FLAG_END_STREAM : 0, h2.DEFAULT_MAX_FRAME_SIZE);
    if (endStream) this.closeLocal(stream);
  }

  /**
   * Puts a stream that has something to send at the end of the round; one that has nothing left but its end, which no window
   * holds up, at the beginning: so all of those stand before all others.
   */
  makeReady(stream: Http2Stream): void {
    if ((stream.state & (READY | GONE)) !== 0) return;
    if (stream.queuedBytes === 0) {
      this.#makeReadyFirst(stream);
      this.requestFlush();
      return;
    }
    stream.state |= READY;
    stream.previousReady = this.#readyTail;
    if (this.#readyTail === undefined) this.#readyHead = stream;
    else this.#readyTail.nextReady = stream;
    this.#readyTail = stream;
    this.requestFlush();
  }

  #makeReadyFirst(stream: Http2Stream): void {
    stream.state |= READY;
    stream.nextReady = this.#readyHead;
    if (this.#readyHead === undefined) this.#readyTail = stream;
    else this.#readyHead.previousReady = stream;
    this.#readyHead = stream;
  }

  protected unready(stream: Http2Stream): void {
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

  /** The peer has given the connection `increment` more octets. */
  protected widen(increment: number): void {
    const wasShut = this.sendWindow <= 0;
    this.sendWindow += increment;
    if (wasShut && this.#readyHead !== undefined) this.requestFlush();
  }

  /** The peer has changed a stream's window by `change` octets. */
  protected widenStream(stream: Http2Stream, change: number): void {
    stream.sendWindow += change;
    if (stream.queuedBytes > 0 && stream.sendWindow > 0) this.makeReady(stream);
  }

  /** DATA or a header has been sent since the layer above last cleared this; see gRPC's ping strikes. */
  sentSincePing = false;

  /**
   * Moves queued octets into the output, one frame a stream and round, until `limit` octets wait there, a window is shut
   * or nothing is left. Returns true when more could follow at once.
   */
  pump(limit: number): boolean {
    if (this.#readyHead === undefined) return false;
    this.pumping = true;
    while (this.#readyHead !== undefined && this.output.size < limit) {
      const stream: Http2Stream = this.#readyHead;
      if (stream.queuedBytes > 0 && this.sendWindow <= 0) break;
      this.#sendFrom(stream);
    }
    this.pumping = false;
    return this.#readyHead !== undefined && (this.sendWindow > 0 || this.output.size >= limit);
  }

  /** Sends one frame of a ready stream, and its end when that is all. */
  #sendFrom(stream: Http2Stream): void {
    this.unready(stream);
    let cutShort = false;
    if (stream.queuedBytes > 0) {
      const turn = Math.min(stream.queuedBytes, h2.DEFAULT_MAX_FRAME_SIZE, stream.sendWindow);
      if (turn <= 0) return; // its own window is shut: a WINDOW_UPDATE makes it ready again
      const count = Math.min(turn, this.sendWindow);
      cutShort = count < turn;
      const endFlags = stream.state & (END_QUEUED | END_WITH_TRAILERS);
      const ends = count === stream.queuedBytes && endFlags === END_QUEUED;
      this.#writeData(stream, count, ends);
      if (ends) {
        this.closeLocal(stream);
        return;
      }
    }
    if (stream.queuedBytes > 0) {
      // A turn that the connection's window cut short is not over, or the pattern of updates would favour some streams.
      if (cutShort) this.#makeReadyFirst(stream);
      else if (stream.sendWindow > 0) this.makeReady(stream);
    } else if ((stream.state & END_QUEUED) !== 0) {
      this.#sendEnd(stream);
      return;
    }
    if ((stream.state & DRAIN_OWED) !== 0 && stream.queuedBytes <= LOW_WATER_BYTES) {
      stream.state &= ~DRAIN_OWED;
      stream.onWritable();
    }
  }

  #sendEnd(stream: Http2Stream): void {
    if ((stream.state & LOCAL_CLOSED) !== 0) return;
    if ((stream.state & END_WITH_TRAILERS) !== 0) {
      stream.writeTrailers();
      return;
    }
    this.writeFrameHeader(0, h2.FRAME_DATA, h2.FLAG_END_STREAM, stream.id);
    this.closeLocal(stream);
  }

  #writeData(stream: Http2Stream, count: number, endStream: boolean): void {
    const { output } = this;
    output.reserve(h2.FRAME_HEADER_LENGTH + count);
    this.writeFrameHeader(count, h2.FRAME_DATA, endStream ? h2.FLAG_END_STREAM : 0, stream.id);
    stream.copyQueued(output.bytes, output.length, count);
    output.length += count;
    stream.sendWindow -= count;
    this.sendWindow -= count;
    assert(stream.sendWindow >= 0 && this.sendWindow >= 0, "no more is sent than the windows allow");
    this.sentSincePing = true; // also the rest of a message that was handed over long ago
  }
}
