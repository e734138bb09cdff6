import type net from "node:net";
import tls from "node:tls";
import type { Credentials } from "./certificates.ts";
import { awaitFirstRecord } from "./first-record.ts";
import type { AwaitedFlight, HandshakeTurns } from "./handshake-turns.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;

export interface HandshakeOptions {
  readonly credentials: () => Promise<Credentials>;
  readonly tls: Pick<tls.TLSSocketOptions, "ALPNProtocols" | "requestCert" | "rejectUnauthorized">;
  readonly turns: HandshakeTurns;
  /** Nobody listens to the socket's errors by then. */
  readonly onSecure: (socket: tls.TLSSocket, credentials: Credentials) => void;
  /** `debug`: nothing that anybody has to be told of. */
  readonly onFailure: (socket: net.Socket, error: string, level: "debug" | "warn") => void;
}

/**
 * The server's side of a TLS handshake, from a socket that was accepted to one that is secure, in ten seconds at most. Of
 * `onSecure` and `onFailure` one is called, once. Until a client has said hello it costs no more than its socket, and both
 * expensive parts, of the first flight and of the second, wait until a turn of the event loop has room for them.
 */
export class Handshake implements AwaitedFlight {
  readonly #options: HandshakeOptions;
  readonly #timer: NodeJS.Timeout;
  #socket: net.Socket;
  #stopListening: () => void = () => {};
  #hasSpoken = false;
  #isOver = false;

  constructor(socket: net.Socket, options: HandshakeOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#timer = setTimeout(() => {
      // A port scan or a health check by TCP is no warning's worth.
      this.#fail("TLS handshake timeout", this.#hasSpoken ? "warn" : "debug");
    }, HANDSHAKE_TIMEOUT_MS);
    this.#stopListening = awaitFirstRecord(socket, {
      onStart: () => {
        this.#hasSpoken = true;
      },
      onRecord: () => void this.#prepare().catch((error: Error) => this.#fail(error.message, "warn")),
      onEnd: () => this.#left(),
    });
  }

  async #prepare(): Promise<void> {
    const credentials = await this.#options.credentials();
    this.#options.turns.begin(() => this.#begin(credentials));
  }

  /** Must not throw: it may be called from a turn that others wait for, too. */
  #begin(credentials: Credentials): void {
    if (this.#isOver) return;
    try {
      if (this.#socket.destroyed) this.#left();
      else this.#shakeHands(credentials);
    } catch (error) {
      this.#fail((error as Error).message, "warn");
    }
  }

  #shakeHands(credentials: Credentials): void {
    const { tls: options, turns } = this.#options;
    const startedMs = performance.now();
    const socket = this.#socket;
    const secure = new tls.TLSSocket(socket, {
      isServer: true,
      secureContext: credentials.context,
      ...options,
    });
    this.#socket = secure;
    const onError = (error: Error) => {
      turns.arrived(this);
      this.#fail(reasonOf(error), "warn");
    };
    const onClose = () => this.#left();
    const onSecure = () => {
      turns.arrived(this);
      this.#end();
      this.#options.onSecure(secure, credentials);
    };
    secure.once("error", onError);
    secure.once("close", onClose);
    secure.once("end", onClose);
    secure.once("secure", onSecure);
    this.#stopListening = () => {
      secure.off("error", onError);
      secure.off("close", onClose);
      secure.off("end", onClose);
      secure.off("secure", onSecure);
    };
    answerHello(socket, secure);
    turns.spend((performance.now() - startedMs) * 1_000);
    if (!this.#isOver) turns.await(this);
  }

  hold(): void {
    const handle = handleOf(this.#socket);
    if (handle === null) return;
    handle.reading = false;
    handle.readStop();
  }

  goOn(): void {
    const handle = handleOf(this.#socket);
    if (handle === null || handle.reading) return;
    handle.reading = true;
    handle.readStart();
  }

  #left(): void {
    this.#fail("connection closed during the handshake", "debug");
  }

  #fail(error: string, level: "debug" | "warn"): void {
    if (this.#isOver) return;
    this.#end();
    this.#options.onFailure(this.#socket, error, level);
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#options.turns.left(this);
    this.#stopListening();
  }
}

/** What the runtime reads a socket by, which it shows nowhere else. */
interface ReadHandle {
  reading: boolean;
  readStart(): void;
  readStop(): void;
  /** Of TLS: as if it had been read. */
  receive(bytes: Buffer): void;
}

function handleOf(socket: net.Socket): ReadHandle | null {
  return (socket as unknown as { readonly _handle: ReadHandle | null })._handle;
}

/** Of its own accord the runtime does so, but behind whatever else the turn begins, where nobody knows what it takes. */
function answerHello(socket: net.Socket, secure: tls.TLSSocket): void {
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    handleOf(secure)?.receive(chunk);
  }
}

/** Of OpenSSL's errors the part that is for people. */
function reasonOf(error: Error & { readonly reason?: string }): string {
  return error.reason ?? error.message;
}
