import { assert } from "@quorate/storage/assert";
import type { RequestError } from "../errors.ts";

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: RequestError) => void;
}

/** Callers that wait until the configuration change they proposed has been applied, by its ID. */
export class ConfChangeWaiters {
  readonly #waiters = new Map<bigint, Waiter>();

  wait(id: bigint): Promise<void> {
    assert(!this.#waiters.has(id), "one caller waits for a change of the members");
    return new Promise((resolve, reject) => this.#waiters.set(id, { resolve, reject }));
  }

  /** Ends the wait for `id`, if anybody of this member waits for it. Callers continue once raft has gone on, too. */
  settle(id: bigint, error: RequestError | undefined): void {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) return;
    this.#waiters.delete(id);
    if (error === undefined) waiter.resolve();
    else waiter.reject(error);
  }

  failAll(error: RequestError): void {
    for (const { reject } of this.#waiters.values()) reject(error);
    this.#waiters.clear();
  }
}
