import type net from "node:net";
import type { Clock, Timer } from "../seams/clock.ts";

/** More than the members of a cluster open in the time in which one of them starts. */
const MAX_HELD = 256;
/** A peer waits no longer for the first byte of an answer. */
const MAX_HELD_MS = 5_000;

interface Held {
  readonly serve: () => void;
  readonly timer: Timer;
}

/**
 * Connections that came before there was anybody to serve them. Nothing is read from them: what is sent waits in the
 * system's buffers, and its senders with it. Beyond the bounds the oldest are closed.
 */
export class HeldConnections {
  readonly #clock: Clock;
  readonly #held = new Map<net.Socket, Held>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes over a socket that was accepted paused, and calls `serve` when it can be served. */
  hold(socket: net.Socket, serve: () => void): void {
    const timer = this.#clock.setTimer(MAX_HELD_MS, () => this.#close(socket));
    this.#held.set(socket, { serve, timer });
    socket.once("close", () => this.#forget(socket));
    if (this.#held.size > MAX_HELD) this.#close(this.#held.keys().next().value!);
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
    this.#held.get(socket)?.timer.cancel();
    this.#held.delete(socket);
  }
}
