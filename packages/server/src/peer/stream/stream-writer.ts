import type net from "node:net";
import { type Message, MessageType } from "@quorate/raft";
import type { Clock, Timer } from "@quorate/storage/seams/clock";
import type { PeerCounts } from "../metrics.ts";
import type { PeerStatus } from "../peer-status.ts";
import { type ChunkBuffer, chunkOf, LAST_CHUNK } from "./chunk-buffer.ts";
import { MESSAGE_LINK_HEARTBEAT, roomFor, writeMessageFrame } from "./message-frames.ts";
import { MSGAPP_LINK_HEARTBEAT, MsgAppEncoder } from "./msgapp-frames.ts";

export type StreamKind = "message" | "msgapp";

/** Whoever listens gives up after 5 s of silence. */
const LINK_HEARTBEAT_MS = 5_000 / 3;
/** What may wait for a slow peer; beyond it messages are dropped. A single message may be larger. */
const MAX_BACKLOG_BYTES = 64 * 2 ** 20;

const HEARTBEATS: Readonly<Record<StreamKind, Buffer>> = {
  message: chunkOf(MESSAGE_LINK_HEARTBEAT),
  msgapp: chunkOf(MSGAPP_LINK_HEARTBEAT),
};

export interface StreamWriterOptions {
  readonly kind: StreamKind;
  readonly clock: Clock;
  readonly status: PeerStatus;
  readonly counts: PeerCounts;
  /** A connection that takes no byte for so long is dropped. */
  readonly writeTimeoutMs: number;
  /** Messages that were given to a connection did not all leave. */
  readonly onLost: () => void;
}

/**
 * What this member sends to a peer on one of its two streams: the never-ending response to a request of the peer's.
 * Without a connection nothing can be sent.
 */
export class StreamWriter {
  readonly #options: StreamWriterOptions;
  #connection: Connection | undefined;
  /** Messages of the `send` that is under way. */
  readonly #outbox: (Message | undefined)[] = [];
  #appRespPlace: number | undefined;
  #room = 0;
  #chunk: Buffer | undefined;

  constructor(options: StreamWriterOptions) {
    this.#options = options;
  }

  get isAttached(): boolean {
    return this.#connection !== undefined;
  }

  get isFull(): boolean {
    return this.#connection !== undefined && this.#connection.socket.writableLength > MAX_BACKLOG_BYTES;
  }

  /**
   * Goes on with another connection, whose response headers have been sent. The one before is closed: after a cut of
   * the network it may look alive although nobody listens.
   */
  attach(socket: net.Socket): void {
    this.#connection?.close();
    const { kind, clock, counts, onLost, status, writeTimeoutMs } = this.#options;
    const connection = new Connection(socket, kind, clock, writeTimeoutMs, {
      onHeartbeat: () => status.activate(),
      onClose: (error, lost) => {
        if (this.#connection === connection) this.#connection = undefined;
        if (error !== undefined || lost) {
          counts.sentFailures++;
          status.deactivate(error ?? `the ${kind} stream was cut`);
        }
        if (lost) onLost();
      },
    });
    this.#connection = connection;
    status.activate();
  }

  get isEmpty(): boolean {
    return this.#outbox.length === 0;
  }

  /** Puts a message into the next chunk. Of several MsgAppResp only the newest goes out: it says all that they say. */
  queue(message: Message): void {
    this.#room += roomFor(message);
    const place = this.#outbox.push(message) - 1;
    if (message.type !== MessageType.MsgAppResp) return;
    if (this.#appRespPlace !== undefined) this.#outbox[this.#appRespPlace] = undefined;
    this.#appRespPlace = place;
  }

  /** No fewer bytes than what is queued takes. */
  get room(): number {
    return this.#room;
  }

  /** Encodes what is queued. */
  encode(buffer: ChunkBuffer): void {
    const { encoder } = this.#connection!;
    buffer.beginChunk();
    for (const message of this.#outbox) {
      if (message === undefined) continue;
      if (encoder === undefined) writeMessageFrame(buffer, message);
      else encoder.write(buffer, message);
    }
    this.#chunk = buffer.endChunk();
    this.#outbox.length = 0;
    this.#appRespPlace = undefined;
    this.#room = 0;
  }

  /** Gives what was encoded to the socket in one write. Returns whether the socket still reads it. */
  transmit(): boolean {
    const chunk = this.#chunk!;
    this.#chunk = undefined;
    this.#options.counts.sentBytes += chunk.length;
    const socket = this.#connection?.socket;
    if (socket === undefined) {
      // Not at once: the caller is in the middle of sending.
      queueMicrotask(this.#options.onLost);
      return false;
    }
    socket.write(chunk);
    return socket.writableLength > 0;
  }

  close(): void {
    this.#connection?.close();
  }
}

interface ConnectionEvents {
  onHeartbeat(): void;
  /** Called once. Without an error the connection ended as it should; `lost`: bytes did not leave. */
  onClose(error: string | undefined, lost: boolean): void;
}

class Connection {
  readonly socket: net.Socket;
  /** Of a msgapp stream: its state is this connection's. */
  readonly encoder: MsgAppEncoder | undefined;
  readonly #heartbeat: Buffer;
  readonly #clock: Clock;
  readonly #events: ConnectionEvents;
  #timer: Timer | undefined;
  #closed = false;

  constructor(
    socket: net.Socket,
    kind: StreamKind,
    clock: Clock,
    writeTimeoutMs: number,
    events: ConnectionEvents,
  ) {
    this.socket = socket;
    this.encoder = kind === "msgapp" ? new MsgAppEncoder() : undefined;
    this.#heartbeat = HEARTBEATS[kind];
    this.#clock = clock;
    this.#events = events;
    // Heartbeats keep a healthy connection busy, so that it is silent only when it takes nothing any more.
    socket.setTimeout(writeTimeoutMs, () => this.#end("i/o timeout"));
    socket.on("error", (error) => this.#end(error.message));
    socket.on("close", () => this.#end(undefined));
    this.#armHeartbeat();
  }

  /** Ends the response, if it can be ended at once, and the connection. */
  close(): void {
    const { socket } = this;
    const lost = socket.writableLength > 0;
    if (!lost && socket.writable) socket.write(LAST_CHUNK);
    this.#end(undefined, lost);
  }

  #armHeartbeat(): void {
    this.#timer = this.#clock.setTimer(LINK_HEARTBEAT_MS, () => {
      this.#armHeartbeat();
      // A socket that is behind gets enough bytes, and must not be made to look busy by more.
      if (this.socket.writableLength > 0) return;
      this.socket.write(this.#heartbeat);
      if (!this.#closed) this.#events.onHeartbeat();
    });
  }

  #end(error: string | undefined, lost = this.socket.writableLength > 0): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    if (lost || error !== undefined) this.socket.destroy();
    else this.socket.destroySoon();
    this.#events.onClose(error, lost);
  }
}
