import { rmSync } from "node:fs";
import net from "node:net";
import { ConfigError } from "../config/errors.ts";
import { type BindAddress, openUrl } from "../http/bind-addresses.ts";
import { HeldConnections } from "../http/held-connections.ts";
import type { Clock } from "../seams/clock.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Certificates } from "../tls/certificates.ts";
import type { NameResolver } from "../tls/client-address.ts";
import { TlsAcceptor } from "../tls/tls-acceptor.ts";
import type { PeerServer } from "./server.ts";

const TCP_KEEPALIVE_MS = 30_000;
const BACKLOG = 4096;
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
  readonly #servers: net.Server[] = [];
  readonly #sockets = new Set<net.Socket>();
  readonly #held: HeldConnections;
  #service: Service | undefined;

  constructor(options: PeerListenOptions) {
    this.#options = options;
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
    if (address.path !== undefined) rmSync(address.path, { force: true });
    const server = net.createServer(
      {
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: TCP_KEEPALIVE_MS,
        pauseOnConnect: true,
      },
      (socket) => this.#accept(socket, address.secure),
    );
    await bind(server, address);
    this.#servers.push(server);
    const bound = server.address();
    return bound !== null && typeof bound !== "string" ? bound.port : undefined;
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** Takes no more connections; those that are there go on. */
  stopListening(): void {
    for (const server of this.#servers) if (server.listening) server.close();
  }

  /** Ends all connections. Resolves when nothing is left. */
  async close(): Promise<void> {
    this.stopListening();
    const closed = [...this.#sockets].map(
      (socket) => new Promise<void>((resolve) => socket.once("close", () => resolve())),
    );
    for (const socket of this.#sockets) socket.destroy();
    this.#service?.server.http.close();
    await Promise.all(closed);
  }

  #accept(socket: net.Socket, secure: boolean): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
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

function bind(server: net.Server, address: BindAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const ready = () => {
      server.off("error", reject);
      // Such as too many open files: the next connection may succeed.
      server.on("error", () => {});
      resolve();
    };
    if (address.path === undefined) {
      server.listen({ host: address.host, port: address.port, backlog: BACKLOG }, ready);
    } else server.listen({ path: address.path, backlog: BACKLOG }, ready);
  });
}
