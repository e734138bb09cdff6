import type net from "node:net";
import type { Clock, Timer } from "@quorate/storage/seams/clock";

export interface HoldOptions {
  readonly clock: Clock;
  /** Beyond so many the oldest are closed. */
  readonly mostHeld: number;
  /** So long one is held. Default: without end. */
  readonly forMs?: number;
}

interface Held {
  readonly serve: () => void;
  readonly timer: Timer | undefined;
}

/**
 * Connections that came before there was anybody to serve them. Nothing is read from them: what is sent waits in the
 * system's buffers, and its senders with it.
 */
export class HeldConnections {
  readonly #options: HoldOptions;
  readonly #held = new Map<net.Socket, Held>();

  constructor(options: HoldOptions) {
    this.#options = options;
  }

  /** Takes over a socket that was accepted paused, and calls `serve` when it can be served. */
  hold(socket: net.Socket, serve: () => void): void {
    const { clock, mostHeld, forMs } = this.#options;
    const timer = forMs === undefined ? undefined : clock.setTimer(forMs, () => this.#close(socket));
    this.#held.set(socket, { serve, timer });
    socket.once("close", () => this.#forget(socket));
    if (this.#held.size > mostHeld) this.#close(this.#held.keys().next().value!);
  }

  serveAll(): void {
    for (const [socket, { serve }] of [...this.#held]) {
      this.#forget(socket);
      serve();
    }
  }

  #close(socket: net.Socket): void {
    this.#forget(socket);
    socket.destroy();
  }

  #forget(socket: net.Socket): void {
    this.#held.get(socket)?.timer?.cancel();
    this.#held.delete(socket);
  }
}
