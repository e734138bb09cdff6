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
  #endpoints: readonly Endpoint[];
  readonly #connect: Connect;
  #current: GrpcClient | undefined;
  /** The endpoint that it leads to. */
  #currentText = "";
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

  /** There are endpoints beside the one that is connected. */
  get hasOthers(): boolean {
    return this.#endpoints.length > 1;
  }

  /** The member at the other end cannot serve: the next call goes to another one, if there is one. */
  leave(connection: GrpcClient): void {
    if (connection !== this.#current || this.#endpoints.length === 1) return;
    this.#current = undefined;
    // What is under way on it may still end well.
    void closeWhenIdle(connection);
  }

  /** The same of the connection that there is. */
  leaveCurrent(): void {
    if (this.#current !== undefined) this.leave(this.#current);
  }

  /** The cluster has other members now. A connection to one that is no longer among them is left. */
  replaceEndpoints(endpoints: readonly Endpoint[]): void {
    if (endpoints.length === 0) return;
    this.#endpoints = endpoints;
    const current = this.#current;
    if (current === undefined || endpoints.some(({ text }) => text === this.#currentText)) return;
    this.#current = undefined;
    void closeWhenIdle(current);
  }

  close(): void {
    this.#closed = true;
    this.#current?.close();
    this.#current = undefined;
  }

  /** Goes on as long as anybody waits for it. */
  async #dial(): Promise<GrpcClient> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const found = await this.#tryAll();
      if (this.#closed || this.#waiters === 0) {
        found?.connection.close();
        throw canceled();
      }
      if (found !== undefined) {
        this.#current = found.connection;
        this.#currentText = found.endpoint.text;
        return found.connection;
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      if (this.#closed || this.#waiters === 0) throw canceled();
    }
  }

  /** The first endpoint that answers; undefined when none does. */
  async #tryAll(): Promise<Found | undefined> {
    const tries: Promise<unknown>[] = [];
    const endpoints = this.#endpoints;
    let found: Found | undefined;
    for (let i = 0; i < endpoints.length && found === undefined; i++) {
      const endpoint = endpoints[this.#next++ % endpoints.length]!;
      const attempt = this.#connect(endpoint).then(
        (connection) => {
          if (found === undefined) found = { connection, endpoint };
          else connection.close();
        },
        () => undefined,
      );
      tries.push(attempt);
      const last = i === endpoints.length - 1;
      await (last ? attempt : settledWithin(attempt, HEAD_START_MS));
    }
    if (found === undefined) await Promise.all(tries);
    return found;
  }
}

interface Found {
  readonly connection: GrpcClient;
  readonly endpoint: Endpoint;
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
