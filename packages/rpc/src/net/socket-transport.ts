import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Http2Connection } from "../http2/connection.ts";
import { releaseChunk } from "../http2/output-buffer.ts";
import type { TurnBudget } from "../turn-budget.ts";
import { headerTurns, LARGEST_SMALL_CHUNK } from "./header-turns.ts";
import { RawSocket, type RawSocketEvents } from "./raw-socket.ts";
import { costOfASmallChunk, receiveTurns, SMALLEST_HELD_CHUNK } from "./receive-turns.ts";
import type { Transport, TransportCallbacks } from "./transport.ts";

/** How much is moved into the output at a time, and the most that one connection sends in one turn. */
const PUMP_BYTES = 131_072;
const TURN_BYTES = 262_144;
/** A closed connection's last octets (a GOAWAY) get this long to leave. */
const LINGER_MS = 1000;

/** The thin shell between a socket and the connection's state machine. */
export class SocketTransport implements Transport, RawSocketEvents {
  readonly #socket: RawSocket;
  readonly #connection: Http2Connection;
  readonly #callbacks: TransportCallbacks;
  /** Chunks that the socket may still read. */
  #inFlight: Buffer[] = [];
  #lingering = false;
  #readingPaused = false;
  /** What was read when the turn had decoded enough, in order. */
  #held: Uint8Array[] = [];

  /** Takes the socket over; what was already read from it must have been unshifted. */
  constructor(socket: Socket, connection: Http2Connection, callbacks: TransportCallbacks) {
    this.#connection = connection;
    this.#callbacks = callbacks;
    this.#socket = new RawSocket(socket, this);
  }

  onRead(bytes: Uint8Array, length: number): void {
    if (this.#connection.finished) return;
    if (this.#held.length > 0 || turnsToWaitFor(length) !== undefined) this.#hold(bytes, length);
    else this.#receive(bytes, length);
  }

  #receive(bytes: Uint8Array, length: number): void {
    const connection = this.#connection;
    const decodedBefore = connection.decodedHeaderOctets;
    const isSmall = length <= SMALLEST_HELD_CHUNK;
    // Two looks at the clock would take a tenth of a small request's time.
    const startedMs = isSmall ? 0 : performance.now();
    try {
      connection.receive(bytes, 0, length);
    } catch (error) {
      this.#fault(error);
    }
    receiveTurns.spend(isSmall ? costOfASmallChunk(length) : (performance.now() - startedMs) * 1_000);
    const decoded = connection.decodedHeaderOctets - decodedBefore;
    if (decoded > 0) headerTurns.spend(decoded);
    // A peer that asks and asks and does not read what it gets is not listened to until it does.
    if (connection.transportBlocked && connection.output.size > connection.limits.maxBlockedOutputBytes)
      this.#pauseReading();
  }

  /** Keeps a copy for a later turn; nothing of the connection may overtake it, so nothing more is read. */
  #hold(bytes: Uint8Array, length: number): void {
    this.#held.push(Uint8Array.prototype.slice.call(bytes, 0, length));
    this.#pauseReading();
    if (this.#held.length === 1) this.#waitForTurn();
  }

  #waitForTurn(): void {
    const { length } = this.#held[0]!;
    const turns = turnsToWaitFor(length) ?? receiveTurns;
    // Who asks for little does not wait for hundreds of calls of each of the others.
    turns.wait(() => this.#receiveHeld(), length <= SMALLEST_HELD_CHUNK);
  }

  #receiveHeld(): void {
    const chunk = this.#held[0];
    if (chunk === undefined) return;
    // One kind of work may have been enough for this turn, and another not.
    if (turnsToWaitFor(chunk.length) !== undefined) {
      this.#waitForTurn();
      return;
    }
    this.#held.shift();
    this.#receive(chunk, chunk.length);
    if (this.#held.length > 0) this.#waitForTurn();
    else if (!this.#connection.transportBlocked) this.#resumeReading();
  }

  #pauseReading(): void {
    if (this.#readingPaused) return;
    this.#readingPaused = true;
    this.#socket.pauseReading();
  }

  #resumeReading(): void {
    if (!this.#readingPaused || this.#connection.disconnected) return;
    this.#readingPaused = false;
    this.#socket.resumeReading();
  }

  /** Sends what the connection has, as far as the socket takes it. */
  flush(): void {
    const connection = this.#connection;
    connection.flushPending = false;
    if (connection.finished) this.#linger();
    if (connection.transportBlocked || connection.disconnected) return;
    let sent = 0;
    for (;;) {
      const more = this.#pump();
      sent += this.#writeOutput();
      if (connection.transportBlocked || !more) break;
      if (sent >= TURN_BYTES) {
        connection.requestFlush();
        break;
      }
    }
    if (connection.finished && !connection.transportBlocked) this.#socket.end();
  }

  #pump(): boolean {
    try {
      return this.#connection.pump(PUMP_BYTES);
    } catch (error) {
      this.#fault(error);
      return false;
    }
  }

  /** One connection is lost, the others and the process go on. */
  #fault(error: unknown): void {
    this.#callbacks.onFault(error);
    this.destroy();
  }

  #writeOutput(): number {
    const { output } = this.#connection;
    let sent = 0;
    for (let i = 0; i < output.fullCount; i++) {
      sent += output.fullLengths[i]!;
      this.#writeChunk(output.fullChunks[i]!, output.fullLengths[i]!);
    }
    if (output.length > 0) {
      sent += output.length;
      this.#writeChunk(output.bytes, output.length);
    }
    output.detach();
    return sent;
  }

  #writeChunk(chunk: Buffer, length: number): void {
    // The kernel usually takes everything at once; then the chunk is free again.
    if (this.#socket.write(length === chunk.length ? chunk : chunk.subarray(0, length))) {
      releaseChunk(chunk);
    } else {
      this.#inFlight.push(chunk);
      this.#connection.transportBlocked = true;
    }
  }

  onWritten(): void {
    if (this.#connection.disconnected) return;
    for (const chunk of this.#inFlight) releaseChunk(chunk);
    this.#inFlight.length = 0;
    this.#connection.transportBlocked = false;
    this.flush();
    if (this.#held.length === 0 && !this.#connection.transportBlocked) this.#resumeReading();
  }

  /** The last octets leave if the peer takes them soon. */
  #linger(): void {
    if (this.#lingering) return;
    this.#lingering = true;
    setTimeout(() => this.destroy(), LINGER_MS).unref();
  }

  /** Cuts the connection at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  onClose(): void {
    // Chunks in flight are not released: a cancelled write may still hold them.
    this.#inFlight = [];
    this.#held = [];
    this.#callbacks.onClosed();
  }
}

/** What has had enough of this turn for a chunk of `length` octets to be received now. */
function turnsToWaitFor(length: number): TurnBudget | undefined {
  if (headerTurns.isSpent && length > LARGEST_SMALL_CHUNK) return headerTurns;
  if (receiveTurns.isSpent && (length > SMALLEST_HELD_CHUNK || receiveTurns.isOverspent)) return receiveTurns;
  return undefined;
}
