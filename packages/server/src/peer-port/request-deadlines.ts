import type http from "node:http";
import type { Duplex } from "node:stream";

/**
 * Ends connections whose next request does not come, or not wholly, in time. node:http's own limits on that hold only
 * for servers that listen themselves. How long a request takes, once its headers are there, is not limited here.
 */
export class RequestDeadlines {
  readonly #timeoutMs: number;
  readonly #waiting = new WeakMap<Duplex, NodeJS.Timeout>();
  readonly #underWay = new WeakMap<Duplex, number>();

  constructor(server: http.Server, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    server.on("connection", (socket: Duplex) => {
      socket.once("close", () => this.#stop(socket));
      this.#start(socket);
    });
    server.on("request", (request, response) => this.#follow(request.socket, response));
  }

  #follow(socket: Duplex, response: http.ServerResponse): void {
    this.#stop(socket);
    this.#underWay.set(socket, (this.#underWay.get(socket) ?? 0) + 1);
    response.once("close", () => {
      const others = this.#underWay.get(socket)! - 1;
      this.#underWay.set(socket, others);
      if (others === 0 && !socket.destroyed) this.#start(socket);
    });
  }

  #start(socket: Duplex): void {
    const timer = setTimeout(() => socket.destroy(), this.#timeoutMs);
    timer.unref();
    this.#waiting.set(socket, timer);
  }

  #stop(socket: Duplex): void {
    clearTimeout(this.#waiting.get(socket));
  }
}
