import type { Duplex } from "node:stream";

/** `isLast`: nothing that was asked later on the connection is still to be answered. */
type OnEnd = (isLast: boolean) => void;

/** Who is told that a client will send nothing more: the requests of its connection that are being answered. */
export class ClientEnds {
  readonly #listeners = new WeakMap<Duplex, Set<OnEnd>>();

  listen(socket: Duplex, onEnd: OnEnd): void {
    const listeners = this.#listeners.get(socket);
    if (listeners === undefined) this.#listeners.set(socket, new Set([onEnd]));
    else listeners.add(onEnd);
  }

  forget(socket: Duplex, onEnd: OnEnd): void {
    this.#listeners.get(socket)?.delete(onEnd);
  }

  ended(socket: Duplex): void {
    const listeners = [...(this.#listeners.get(socket) ?? [])];
    for (const [i, onEnd] of listeners.entries()) onEnd(i === listeners.length - 1);
  }
}

/** Of all connections over HTTP/1.x. */
export const endsOfClients = new ClientEnds();
