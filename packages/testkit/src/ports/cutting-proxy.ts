import net from "node:net";
import { listenOnFreePort } from "./index.ts";

/** Stands between a client and a member, and can cut all connections, or let no new ones through. */
export class CuttingProxy {
  readonly endpoint: string;
  /** Connections that have been let through so far. */
  accepted = 0;
  refusing = false;
  readonly #server: net.Server;
  readonly #sockets: Set<net.Socket>;

  static async to(port: number): Promise<CuttingProxy> {
    const sockets = new Set<net.Socket>();
    const server = net.createServer();
    const proxy = new CuttingProxy(server, await listenOnFreePort(server), sockets);
    server.on("connection", (socket) => {
      socket.on("error", () => socket.destroy());
      if (proxy.refusing) return socket.destroy();
      proxy.accepted++;
      const onwards = net.connect(port, "127.0.0.1");
      for (const [one, other] of [
        [socket, onwards],
        [onwards, socket],
      ] as const) {
        sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => {
          sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
      return;
    });
    return proxy;
  }

  private constructor(server: net.Server, port: number, sockets: Set<net.Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.endpoint = `127.0.0.1:${port}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  [Symbol.dispose](): void {
    this.cut();
    this.#server.close();
  }
}
