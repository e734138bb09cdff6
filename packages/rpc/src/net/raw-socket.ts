import { Buffer } from "node:buffer";
import net from "node:net";

/*
 * The cheapest way in and out of a plain socket that Node.js has. Reading: `net` can read into one buffer of ours
 * (`onread`), which saves an allocation and a stream push for every chunk, but offers that only for sockets that the
 * program creates itself; so an accepted socket's handle is moved to a new `net.Socket`. Writing: the handle takes a
 * buffer without a stream in between. Both depend on `socket._handle`, which is not documented API: each is used only
 * where a check has shown that it works as expected, otherwise the transport uses plain streams.
 */

/** One buffer for all sockets: each chunk is consumed before the next read starts. */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);
/** The same octets without Buffer's `slice`, which does not copy. */
const READ_BYTES = new Uint8Array(READ_BUFFER.buffer);

/** The part of a libuv stream handle that is used here. */
interface StreamHandle {
  useUserBuffer?: unknown;
  writeBuffer?: (request: unknown, bytes: Buffer) => unknown;
}

/** A write that the kernel did not take at once, as the runtime hands it out. */
interface WriteRequest {
  oncomplete: (status: number) => void;
  buffer: Buffer;
  writeStatus: number | null;
}

interface WithHandle {
  _handle: StreamHandle | null;
}

/**
 * Whether `writeBuffer(null, bytes)` is how this runtime writes. Learnt by watching it do so once: older ones end the
 * process when they are called that way.
 */
let directWrites: "unknown" | "works" | "unavailable" = "unknown";

/** What the owner of a {@link RawSocket} hears. */
export interface RawSocketEvents {
  /** `bytes[0, length)` is borrowed: the next read of any socket overwrites it. */
  onRead(bytes: Uint8Array, length: number): void;
  /** A write that returned false has left. */
  onWritten(): void;
  /** The socket is closed. */
  onClose(): void;
}

const NOTHING = Buffer.alloc(0);

/** A connected socket, plain or TLS, read and written the fastest way available. Takes the socket over. */
export class RawSocket {
  readonly #socket: net.Socket;
  readonly #handle: StreamHandle | undefined;
  readonly #isEncrypted: boolean;
  readonly #events: RawSocketEvents;
  #pendingWrites = 0;
  #closed = false;
  readonly #onStreamWritten = (): void => this.#written();

  constructor(socket: net.Socket, events: RawSocketEvents) {
    this.#events = events;
    this.#isEncrypted = "encrypted" in socket;
    const early = drain(socket);
    const handle = movableHandle(socket);
    this.#handle = handle;
    if (handle === undefined) {
      this.#socket = socket;
      socket.on("data", (chunk: Buffer) => events.onRead(chunk, chunk.length));
    } else {
      this.#socket = this.#move(socket, handle);
    }
    this.#socket.on("end", () => this.destroy());
    this.#socket.on("error", () => this.destroy());
    this.#socket.on("close", () => this.#onClose());
    // One that broke before it got here may have said so already.
    if (this.#socket.destroyed) process.nextTick(() => this.#onClose());
    if (early.length > 0) process.nextTick(() => this.#events.onRead(early, early.length));
  }

  /** Writes; true when nobody reads `bytes` any more, false when it must stay as it is until `onWritten`. */
  write(bytes: Buffer): boolean {
    if (this.#closed) return true;
    const handle = this.#handle;
    if (handle === undefined || directWrites !== "works") return this.#writeStream(bytes);
    const result = handle.writeBuffer!(null, bytes);
    if (result === 0) return true;
    if (typeof result === "number") {
      this.destroy();
      return true;
    }
    const request = result as WriteRequest;
    this.#pendingWrites++;
    request.buffer = bytes; // keeps it alive
    request.oncomplete = (status) => {
      if (status < 0) this.destroy();
      this.#written();
    };
    if (request.writeStatus !== null && request.writeStatus !== undefined)
      request.oncomplete(request.writeStatus);
    return false;
  }

  #writeStream(bytes: Buffer): boolean {
    const socket = this.#socket;
    if (this.#isEncrypted) {
      // What is encrypted never leaves at once, and to ask for it with an empty write would be as much work again.
      this.#pendingWrites++;
      socket.write(bytes, this.#onStreamWritten);
      return false;
    }
    if (directWrites === "unknown" && this.#handle !== undefined) watchWrite(this.#handle);
    socket.write(bytes);
    if (socket.writableLength === 0) return true;
    // An empty write queues behind the others: its callback says that they are gone, and only slow sockets pay for it.
    this.#pendingWrites++;
    socket.write(NOTHING, this.#onStreamWritten);
    return false;
  }

  /** Reads nothing until `resumeReading`; then the peer cannot send for long. */
  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /** Sends FIN after what was written. */
  end(): void {
    if (!this.#closed) this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #written(): void {
    this.#pendingWrites--;
    if (this.#pendingWrites === 0 && !this.#closed) this.#events.onWritten();
  }

  /** Gives the handle to a new socket that reads into the shared buffer; the old one stays for those who track it. */
  #move(socket: net.Socket, handle: StreamHandle): net.Socket {
    const options = {
      handle,
      onread: {
        buffer: READ_BUFFER,
        callback: (length: number) => {
          this.#events.onRead(READ_BYTES, length);
          return true;
        },
      },
    };
    const moved = new net.Socket(options as unknown as net.SocketConstructorOpts);
    (socket as unknown as WithHandle)._handle = null;
    moved.on("close", () => socket.destroy());
    socket.on("close", () => moved.destroy());
    return moved;
  }

  #onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events.onClose();
  }
}

/** What was read from the socket before it got here. */
function drain(socket: net.Socket): Buffer {
  let early: Buffer = NOTHING;
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return early;
    early = early.length === 0 ? chunk : Buffer.concat([early, chunk]);
  }
}

function movableHandle(socket: net.Socket): StreamHandle | undefined {
  if ("encrypted" in socket || socket.destroyed || socket.writableLength > 0) return undefined;
  const handle = (socket as unknown as WithHandle)._handle;
  if (handle === null || typeof handle !== "object") return undefined;
  return typeof handle.useUserBuffer === "function" && typeof handle.writeBuffer === "function"
    ? handle
    : undefined;
}

/** Looks once at how the runtime itself calls `writeBuffer`. */
function watchWrite(handle: StreamHandle): void {
  const original = handle.writeBuffer!;
  handle.writeBuffer = function watched(this: StreamHandle, request: unknown, bytes: Buffer): unknown {
    delete handle.writeBuffer;
    const result = original.call(this, request, bytes);
    directWrites =
      request === null && (typeof result === "number" || isWriteRequest(result)) ? "works" : "unavailable";
    return result;
  };
}

function isWriteRequest(value: unknown): boolean {
  return typeof value === "object" && value !== null && "oncomplete" in value && "writeStatus" in value;
}
