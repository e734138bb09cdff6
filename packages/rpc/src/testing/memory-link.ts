import type { Http2Connection } from "../http2/connection.ts";
import type { OpenTransport, Transport, TransportCallbacks } from "../net/transport.ts";

const PUMP_BYTES = 131_072;

/** One end of a {@link MemoryLink}. */
class MemoryEnd implements Transport {
  readonly link: MemoryLink;
  readonly connection: Http2Connection;
  readonly callbacks: TransportCallbacks;
  /** Octets under way to the other end. */
  sent: Uint8Array[] = [];
  closed = false;

  constructor(link: MemoryLink, connection: Http2Connection, callbacks: TransportCallbacks) {
    this.link = link;
    this.connection = connection;
    this.callbacks = callbacks;
  }

  flush(): void {
    const { connection } = this;
    connection.flushPending = false;
    if (this.closed || connection.transportBlocked) return;
    for (;;) {
      const more = connection.pump(PUMP_BYTES);
      this.#take();
      if (!more) break;
    }
  }

  #take(): void {
    const { output } = this.connection;
    for (let i = 0; i < output.fullChunks.length; i++) {
      this.sent.push(Uint8Array.from(output.fullChunks[i]!.subarray(0, output.fullLengths[i]!)));
    }
    if (output.length > 0) this.sent.push(Uint8Array.from(output.bytes.subarray(0, output.length)));
    output.clear();
  }

  destroy(): void {
    this.link.cut();
  }
}

/**
 * Two connections joined in memory, for tests and simulations: nothing moves until {@link deliver} is called, so the
 * order of events is the caller's. Octets arrive in pieces of at most `pieceBytes`.
 */
export class MemoryLink {
  readonly #ends: MemoryEnd[] = [];
  readonly #pieceBytes: number;

  constructor(pieceBytes = Number.POSITIVE_INFINITY) {
    this.#pieceBytes = pieceBytes;
  }

  /** Opens an end; the first two opened are joined. */
  readonly open: OpenTransport = (connection, callbacks) => {
    const end = new MemoryEnd(this, connection, callbacks);
    this.#ends.push(end);
    return end;
  };

  /** Moves octets to and fro until nothing is under way. */
  deliver(): void {
    for (let quiet = false; !quiet; ) {
      quiet = true;
      for (const end of this.#ends) {
        if (end.connection.flushPending) end.flush();
      }
      for (const [i, end] of this.#ends.entries()) {
        const octets = end.sent;
        if (octets.length === 0) continue;
        end.sent = [];
        quiet = false;
        const other = this.#ends[1 - i];
        for (const chunk of octets) if (other !== undefined) this.#receive(other, chunk);
      }
      if (quiet && this.#ends.some((end) => end.connection.finished && !end.closed)) this.cut();
      for (const end of this.#ends) {
        if (end.connection.flushPending && !end.closed) quiet = false;
      }
    }
  }

  #receive(end: MemoryEnd, chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !end.closed; at += this.#pieceBytes) {
      const piece = chunk.slice(at, Math.min(chunk.length, at + this.#pieceBytes));
      end.connection.receive(piece, 0, piece.length);
      // What was borrowed is gone after the call, as with a socket's buffer.
      piece.fill(0xee);
    }
  }

  /** Breaks the link: what is under way is lost, both ends hear of it. */
  cut(): void {
    for (const end of this.#ends) {
      if (end.closed) continue;
      end.closed = true;
      end.callbacks.onClosed();
    }
  }
}
