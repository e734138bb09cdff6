import { rmSync } from "node:fs";
import net from "node:net";
import type { BindAddress } from "./bind-addresses.ts";

const TCP_KEEPALIVE_MS = 30_000;

export interface ListeningSocketsOptions {
  /** Whoever serves a connection decides what becomes of a client that has said all it has to say. */
  readonly allowHalfOpen: boolean;
  /** Other processes may listen at the same addresses. Default false. */
  readonly reusePort?: boolean | undefined;
}

export const BACKLOG = 4096;

/** Sockets that listen, and the connections that came through them. */
export class ListeningSockets {
  readonly #options: ListeningSocketsOptions;
  readonly #servers: net.Server[] = [];
  readonly #connections = new Set<net.Socket>();

  constructor(options: ListeningSocketsOptions) {
    this.#options = options;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /**
   * Listens, and hands each connection to `accept`, paused; an error ends it. Resolves with the port, if the address has
   * one; rejects when it cannot be had.
   */
  async open(
    { host, port, path }: BindAddress,
    accept: (socket: net.Socket) => void,
  ): Promise<number | undefined> {
    if (path !== undefined) rmSync(path, { force: true });
    const server = net.createServer(
      {
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: TCP_KEEPALIVE_MS,
        pauseOnConnect: true,
        allowHalfOpen: this.#options.allowHalfOpen,
      },
      (socket) => {
        this.#connections.add(socket);
        socket.on("close", () => this.#connections.delete(socket));
        socket.on("error", () => socket.destroy());
        accept(socket);
      },
    );
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      const { reusePort = false } = this.#options;
      const place = path === undefined ? { host, port, reusePort } : { path };
      server.listen({ ...place, backlog: BACKLOG }, () => {
        server.off("error", reject);
        // Such as too many open files: the next connection may succeed.
        server.on("error", () => {});
        resolve();
      });
    });
    this.#servers.push(server);
    const bound = server.address();
    return bound !== null && typeof bound !== "string" ? bound.port : undefined;
  }

  /** Takes no more connections; those that are there go on. */
  stopListening(): void {
    for (const server of this.#servers) if (server.listening) server.close();
  }

  /** Ends all connections. Resolves when nothing is left. */
  async close(): Promise<void> {
    this.stopListening();
    const closed = [...this.#connections].map(
      (socket) => new Promise<void>((resolve) => socket.once("close", () => resolve())),
    );
    for (const socket of this.#connections) socket.destroy();
    await Promise.all(closed);
  }
}
