import net from "node:net";
import { type AcceptOptions, Acceptor } from "./acceptor.ts";

const TCP_KEEPALIVE_MS = 30_000;
const BACKLOG = 4096;

export interface ListenOptions extends AcceptOptions {
  /** TCP: host and port (0: any free port). */
  readonly host?: string;
  readonly port?: number;
  /** A unix socket instead; the caller removes a stale file first. */
  readonly path?: string;
}

/** A listening socket, and the connections that came through it. */
export class Listener {
  readonly #options: ListenOptions;
  readonly #server: net.Server;
  readonly #acceptor: Acceptor;
  readonly #sockets = new Set<net.Socket>();

  constructor(options: ListenOptions) {
    this.#options = options;
    this.#acceptor = new Acceptor(options);
    this.#server = net.createServer(
      {
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: TCP_KEEPALIVE_MS,
        // Whoever makes it secure reads from the first octet on.
        pauseOnConnect: this.#acceptor.onlySecure,
      },
      (socket) => {
        this.#sockets.add(socket);
        socket.on("close", () => this.#sockets.delete(socket));
        this.#acceptor.accept(socket);
      },
    );
  }

  /** Where it listens: an address, or the path of a unix socket. */
  get address(): net.AddressInfo | string {
    return this.#server.address() ?? "";
  }

  /** Resolves when connections are accepted; rejects when the address cannot be had. */
  listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { host, port, path } = this.#options;
    this.#server.once("error", reject);
    const listening = () => {
      this.#server.off("error", reject);
      this.#server.on("error", () => {}); // accept errors such as EMFILE: the next connection may succeed
      resolve();
    };
    if (path !== undefined) this.#server.listen({ path, backlog: BACKLOG }, listening);
    else this.#server.listen({ host: host ?? "127.0.0.1", port: port ?? 0, backlog: BACKLOG }, listening);
    return promise;
  }

  /** Accepts no more connections; those that are served go on. */
  stopListening(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Stops listening and cuts every connection that came through this listener. */
  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#server.listening) this.#server.close(() => resolve());
    else resolve();
    for (const socket of this.#sockets) socket.destroy();
    return promise;
  }
}

/** Listens and serves; resolves when connections are accepted. */
export async function serve(options: ListenOptions): Promise<Listener> {
  const listener = new Listener(options);
  await listener.listen();
  return listener;
}
