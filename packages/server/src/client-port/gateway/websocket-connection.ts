import { createHash } from "node:crypto";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type FrameSink, NO_STATUS, WebsocketFrames } from "./websocket-frames.ts";

const HANDSHAKE_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** Pings of a client that does not read its answers are not answered. */
const MOST_UNSENT_PONG_BYTES = 64 * 1024;
/** A client that is told to go while it is sending gets so long to read why. */
const LINGER_MS = 500;

const TEXT_FRAME = 0x1;
const CONTINUATION_FRAME = 0x0;
const CLOSE_FRAME = 0x8;
const PONG_FRAME = 0xa;
const FIN = 0x80;

export interface WebsocketEvents {
  /** A piece of a message; borrowed. */
  onPiece(bytes: Uint8Array): void;
  onMessageEnd(): void;
  /** No more comes of the client, and nothing reaches it. Once, whoever ended it. */
  onClose(): void;
}

/** The head of the answer that accepts a websocket with `key`. */
export function acceptance(key: string, headers: readonly string[]): string {
  const digest = createHash("sha1")
    .update(key + HANDSHAKE_GUID)
    .digest("base64");
  const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  return [...lines, `Sec-WebSocket-Accept: ${digest}`, ...headers, "", ""].join("\r\n");
}

/** The server's side of a websocket whose handshake has been answered. Takes the socket over. */
export class WebsocketConnection implements FrameSink {
  readonly #socket: Duplex;
  readonly #events: WebsocketEvents;
  readonly #frames: WebsocketFrames;
  /** The next frame of text continues a message. */
  #inMessage = false;
  #over = false;

  /** `head`: what came behind the handshake. */
  constructor(socket: Duplex, head: Buffer, maxMessageBytes: number, events: WebsocketEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#frames = new WebsocketFrames(maxMessageBytes, this);
    if (head.length > 0) socket.unshift(head);
    if (socket instanceof Socket) socket.setNoDelay(true);
    socket.on("end", () => socket.destroy());
    socket.on("close", () => this.#end());
  }

  get isOver(): boolean {
    return this.#over || this.#socket.destroyed;
  }

  /** Begins to read. */
  begin(): void {
    this.#socket.on("data", (chunk: Buffer) => this.#frames.receive(chunk));
  }

  pause(): void {
    if (!this.#over) this.#socket.pause();
  }

  resume(): void {
    if (!this.#over) this.#socket.resume();
  }

  /** Sends a piece of a message, the last one of it if `isFinal`; `onSent` is called when it has left. */
  sendText(bytes: Uint8Array, isFinal: boolean, onSent: () => void): void {
    const opcode = this.#inMessage ? CONTINUATION_FRAME : TEXT_FRAME;
    this.#inMessage = !isFinal;
    if (this.#over) return;
    const socket = this.#socket;
    socket.cork();
    socket.write(frameHeader(isFinal ? opcode | FIN : opcode, bytes.length));
    socket.write(bytes, onSent);
    socket.uncork();
  }

  /** Ends it without a word, as etcd does. What is on its way still arrives. */
  finish(): void {
    this.#frames.stop();
    const socket = this.#socket;
    if (socket instanceof Socket) socket.destroySoon();
    else socket.end(() => socket.destroy());
  }

  destroy(): void {
    this.#socket.destroy();
  }

  onPiece(bytes: Uint8Array): void {
    this.#events.onPiece(bytes);
  }

  onMessageEnd(): void {
    this.#events.onMessageEnd();
  }

  onPing(payload: Uint8Array): void {
    if (this.#over || this.#socket.writableLength > MOST_UNSENT_PONG_BYTES) return;
    this.#socket.write(Buffer.concat([frameHeader(PONG_FRAME | FIN, payload.length), payload]));
  }

  onClose(status: number): void {
    this.#sayGoodbye(status);
  }

  onViolation(status: number): void {
    this.#sayGoodbye(status);
  }

  #sayGoodbye(status: number): void {
    if (this.#over) return;
    const payload = status === NO_STATUS ? [] : [status >> 8, status & 0xff];
    const socket = this.#socket;
    socket.end(Buffer.of(CLOSE_FRAME | FIN, payload.length, ...payload));
    // What is still coming has to be read: otherwise the system resets the connection, and the frame is lost.
    socket.resume();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
    this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#frames.stop();
    this.#events.onClose();
  }
}

function frameHeader(first: number, length: number): Buffer {
  if (length < 126) return Buffer.of(first, length);
  if (length < 65_536) return Buffer.of(first, 126, length >> 8, length & 0xff);
  const header = Buffer.alloc(10);
  header[0] = first;
  header[1] = 127;
  header.writeUInt32BE(length, 6);
  return header;
}
