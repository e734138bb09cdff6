import type { Duplex } from "node:stream";

/** `isLast`: the client asked for nothing more on the connection. `isMalformed`: what it sent next is no HTTP. */
type OnEnd = (isLast: boolean, isMalformed: boolean) => void;

/** Who is told that a client will send nothing more: the request of its connection that is being answered. */
class ClientEnds {
  readonly #listeners = new WeakMap<Duplex, OnEnd>();
  readonly #malformed = new WeakSet<Duplex>();
  /** Requests that came behind the one that is being answered. */
  readonly #waiting = new WeakMap<Duplex, number>();

  /** `onEnd` is called at once if the client has ended already. */
  listen(socket: Duplex, onEnd: OnEnd): void {
    this.#listeners.set(socket, onEnd);
    if (this.#malformed.has(socket)) onEnd(true, true);
    if (socket.readableEnded) this.ended(socket);
  }

  forget(socket: Duplex, onEnd: OnEnd): void {
    if (this.#listeners.get(socket) === onEnd) this.#listeners.delete(socket);
  }

  ended(socket: Duplex): void {
    this.#listeners.get(socket)?.((this.#waiting.get(socket) ?? 0) === 0, false);
  }

  /** Nothing more can be read of the connection; whoever waits for the rest of a body waits in vain. */
  malformed(socket: Duplex): void {
    this.#malformed.add(socket);
    this.#listeners.get(socket)?.(true, true);
  }

  countWaiting(socket: Duplex, change: 1 | -1): void {
    this.#waiting.set(socket, (this.#waiting.get(socket) ?? 0) + change);
  }
}

/** Of all connections over HTTP/1.x. */
export const endsOfClients = new ClientEnds();
