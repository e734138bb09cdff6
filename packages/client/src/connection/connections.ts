import type { GrpcClient } from "@quorate/rpc/client";
import type { Deadline } from "./deadline.ts";
import type { Endpoint } from "./endpoint.ts";
import { canceled } from "./errors.ts";

/** How long one endpoint is waited for before the next one is tried beside it. */
const HEAD_START_MS = 300;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

export type Connect = (endpoint: Endpoint) => Promise<GrpcClient>;

/** One connection to one of several members, replaced by one to another when it is lost or its member cannot serve. */
export class Connections {
  readonly #endpoints: readonly Endpoint[];
  readonly #connect: Connect;
  #current: GrpcClient | undefined;
  #dialing: Promise<GrpcClient> | undefined;
  #waiters = 0;
  /** Of which endpoint the next try is. */
  #next = 0;
  #closed = false;

  constructor(endpoints: readonly Endpoint[], connect: Connect) {
    this.#endpoints = endpoints;
    this.#connect = connect;
  }

  /** A connection on which calls may start; one is made if need be. Tries until the deadline; rejects with what it says then. */
  async get(deadline: Deadline): Promise<GrpcClient> {
    if (this.#closed) throw canceled();
    if (this.#current !== undefined && !this.#current.unusable) return this.#current;
    this.#waiters++;
    try {
      this.#dialing ??= this.#dial().finally(() => {
        this.#dialing = undefined;
      });
      return await deadline.race(this.#dialing);
    } finally {
      this.#waiters--;
    }
  }

  /** The member at the other end cannot serve: the next call goes to another one, if there is one. */
  leave(connection: GrpcClient): void {
    if (connection !== this.#current || this.#endpoints.length === 1) return;
    this.#current = undefined;
    // What is under way on it may still end well.
    void closeWhenIdle(connection);
  }

  close(): void {
    this.#closed = true;
    this.#current?.close();
    this.#current = undefined;
  }

  /** Goes on as long as anybody waits for it. */
  async #dial(): Promise<GrpcClient> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const connection = await this.#tryAll();
      if (this.#closed || this.#waiters === 0) {
        connection?.close();
        throw canceled();
      }
      if (connection !== undefined) {
        this.#current = connection;
        return connection;
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      if (this.#closed || this.#waiters === 0) throw canceled();
    }
  }

  /** The first endpoint that answers; undefined when none does. */
  async #tryAll(): Promise<GrpcClient | undefined> {
    const tries: Promise<GrpcClient | undefined>[] = [];
    let found: GrpcClient | undefined;
    for (let i = 0; i < this.#endpoints.length && found === undefined; i++) {
      const endpoint = this.#endpoints[this.#next++ % this.#endpoints.length]!;
      const attempt = this.#connect(endpoint).then(
        (connection) => {
          if (found === undefined) found = connection;
          else connection.close();
          return connection;
        },
        () => undefined,
      );
      tries.push(attempt);
      const last = i === this.#endpoints.length - 1;
      await (last ? attempt : settledWithin(attempt, HEAD_START_MS));
    }
    if (found === undefined) await Promise.all(tries);
    return found;
  }
}

async function settledWithin(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

async function closeWhenIdle(connection: GrpcClient): Promise<void> {
  while (connection.activeCalls > 0 && !connection.unusable) {
    await new Promise((resolve) => {
      setTimeout(resolve, LONGEST_PAUSE_MS).unref();
    });
  }
  connection.close();
}
