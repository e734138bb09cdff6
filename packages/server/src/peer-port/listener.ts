import type net from "node:net";
import type { Clock } from "@quorate/storage/seams/clock";
import { ConfigError } from "../config/errors.ts";
import { type BindAddress, openUrl } from "../http/bind-addresses.ts";
import { HeldConnections } from "../http/held-connections.ts";
import { ListeningSockets } from "../http/listening-sockets.ts";
import type { Logger } from "../log/logger.ts";
import type { Certificates } from "../tls/certificates.ts";
import type { NameResolver } from "../tls/client-address.ts";
import { TlsAcceptor } from "../tls/tls-acceptor.ts";
import type { PeerServer } from "./server.ts";

/** More than the members of a cluster open in the time in which one of them starts. */
const MAX_HELD = 256;
/** A peer waits no longer for the first byte of an answer. */
const MAX_HELD_MS = 5_000;

export interface PeerListenOptions {
  readonly listenUrls: readonly string[];
  /** Whether there are certificates, so that https can be served. */
  readonly secure: boolean;
  /** What becomes of connections that come before `serve` is called: they wait for it, or are closed. */
  readonly early: "hold" | "close";
  readonly clock: Clock;
  /** Other processes may listen at the same addresses. Default false. */
  readonly reusePort?: boolean;
}

/** Who serves the connections. */
interface Service {
  readonly server: PeerServer;
  readonly acceptor: TlsAcceptor | undefined;
}

/** Sockets that take connections of other members, and the connections themselves. */
export class PeerListeners {
  /** The listen URLs, a port 0 replaced by the one that was given. */
  readonly urls: string[] = [];
  readonly #options: PeerListenOptions;
  readonly #sockets: ListeningSockets;
  readonly #held: HeldConnections;
  #service: Service | undefined;

  constructor(options: PeerListenOptions) {
    this.#options = options;
    this.#sockets = new ListeningSockets({ allowHalfOpen: false, reusePort: options.reusePort });
    this.#held = new HeldConnections({ clock: options.clock, mostHeld: MAX_HELD, forMs: MAX_HELD_MS });
  }

  /** From now on connections are served, those first that wait. */
  serve(
    server: PeerServer,
    certificates: Certificates | undefined,
    log: Logger,
    resolver?: NameResolver,
  ): void {
    const serve = (socket: net.Socket) => server.http.emit("connection", socket);
    const acceptor =
      certificates === undefined
        ? undefined
        : new TlsAcceptor({
            certificates,
            side: "peer",
            // Not h2: who negotiated that would then be spoken to in HTTP/1.1.
            protocols: ["http/1.1"],
            log,
            onSecure: serve,
            ...(resolver === undefined ? {} : { resolver }),
          });
    this.#service = { server, acceptor };
    this.#held.serveAll();
  }

  async listen(url: string): Promise<void> {
    this.urls.push(await openUrl(url, (address) => this.#bind(address)));
  }

  async #bind(address: BindAddress): Promise<number | undefined> {
    if (address.secure && !this.#options.secure) {
      throw new ConfigError(`no TLS certificate is configured for ${address.url}`);
    }
    return this.#sockets.open(address, (socket) => this.#accept(socket, address.secure));
  }

  get connectionCount(): number {
    return this.#sockets.connectionCount;
  }

  /** Takes no more connections; those that are there go on. */
  stopListening(): void {
    this.#sockets.stopListening();
  }

  /** Ends all connections. Resolves when nothing is left. */
  async close(): Promise<void> {
    const closed = this.#sockets.close();
    this.#service?.server.http.close();
    await closed;
  }

  #accept(socket: net.Socket, secure: boolean): void {
    if (this.#service !== undefined) serveSocket(this.#service, socket, secure);
    else if (this.#options.early === "hold") {
      this.#held.hold(socket, () => serveSocket(this.#service!, socket, secure));
    } else socket.destroy();
  }
}

/** `socket` is paused. */
function serveSocket({ server, acceptor }: Service, socket: net.Socket, secure: boolean): void {
  if (socket.destroyed) return;
  if (secure) acceptor!.accept(socket);
  else {
    server.http.emit("connection", socket);
    socket.resume();
  }
}

/** Throws `ConfigError` when an address cannot be had; nothing is left open then. */
export async function openPeerListeners(options: PeerListenOptions): Promise<PeerListeners> {
  const listeners = new PeerListeners(options);
  try {
    for (const url of options.listenUrls) await listeners.listen(url);
  } catch (error) {
    await listeners.close();
    throw error;
  }
  return listeners;
}
