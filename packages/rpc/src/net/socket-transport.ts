import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Http2Connection } from "../http2/connection.ts";
import { releaseChunk } from "../http2/output-buffer.ts";
import type { Flushable } from "./flush-queue.ts";

export type TransportSocket = Socket;

/** How much is moved into the output at a time, and the most that one connection sends in one turn. */
const PUMP_BYTES = 131_072;
const TURN_BYTES = 1_048_576;
/** A closed connection's last octets (a GOAWAY) get this long to leave. */
const LINGER_MS = 1000;
const NOTHING = Buffer.alloc(0);

export interface TransportCallbacks {
  /** Octets have arrived; called before the connection sees them. */
  onReceived(): void;
  /** The socket is closed; called once. */
  onClosed(): void;
}

/** The thin shell between a socket and the connection's state machine. */
export class SocketTransport implements Flushable {
  readonly #socket: Socket;
  readonly #connection: Http2Connection;
  readonly #callbacks: TransportCallbacks;
  /** Chunks that the socket may still read. */
  #inFlight: Buffer[] = [];
  #closing = false;
  readonly #onUnblocked = (): void => this.#unblock();

  constructor(socket: Socket, connection: Http2Connection, callbacks: TransportCallbacks) {
    this.#socket = socket;
    this.#connection = connection;
    this.#callbacks = callbacks;
    socket.on("data", (chunk: Buffer) => this.receive(chunk, chunk.length));
    socket.on("end", () => this.destroy());
    socket.on("error", () => this.destroy());
    socket.on("close", () => this.#onClose());
  }

  receive(bytes: Uint8Array, length: number): void {
    if (this.#connection.finished) return;
    this.#callbacks.onReceived();
    this.#connection.receive(bytes, 0, length);
    const { output, limits } = this.#connection;
    if (this.#connection.transportBlocked && output.size > limits.maxBlockedOutputBytes) this.destroy();
  }

  /** Sends what the connection has, as far as the socket takes it. */
  flush(): void {
    const connection = this.#connection;
    connection.flushPending = false;
    if (connection.transportBlocked || connection.disconnected) return;
    let sent = 0;
    for (;;) {
      const more = connection.pump(PUMP_BYTES);
      sent += this.#writeOutput();
      if (connection.transportBlocked || !more) break;
      if (sent >= TURN_BYTES) {
        connection.requestFlush();
        break;
      }
    }
    if (connection.finished) this.#closeGently();
  }

  #writeOutput(): number {
    const socket = this.#socket;
    const { output } = this.#connection;
    const { bytes, length, fullChunks, fullLengths } = output;
    let sent = length;
    for (let i = 0; i < fullChunks.length; i++) {
      const chunk = fullChunks[i]!;
      socket.write(chunk.subarray(0, fullLengths[i]!));
      this.#inFlight.push(chunk);
      sent += fullLengths[i]!;
    }
    if (length > 0) {
      socket.write(length === bytes.length ? bytes : bytes.subarray(0, length));
      this.#inFlight.push(bytes);
    }
    output.detach();
    // The kernel usually takes everything at once; then the chunks are free again.
    if (socket.writableLength === 0) this.#releaseChunks();
    else this.#block();
    return sent;
  }

  #releaseChunks(): void {
    for (let i = 0; i < this.#inFlight.length; i++) releaseChunk(this.#inFlight[i]!);
    this.#inFlight.length = 0;
  }

  #block(): void {
    this.#connection.transportBlocked = true;
    // An empty write queues behind the others: its callback says that they are gone, and only blocked sockets pay for it.
    this.#socket.write(NOTHING, this.#onUnblocked);
  }

  #unblock(): void {
    if (this.#connection.disconnected) return;
    this.#releaseChunks();
    this.#connection.transportBlocked = false;
    this.flush();
  }

  #closeGently(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#socket.end();
    setTimeout(() => this.destroy(), LINGER_MS).unref();
  }

  /** Cuts the connection at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  #onClose(): void {
    // Chunks in flight are not released: a cancelled write may still hold them.
    this.#inFlight = [];
    this.#callbacks.onClosed();
  }
}
