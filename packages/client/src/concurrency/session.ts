import type { Client } from "../client.ts";

const DEFAULT_TTL_SECONDS = 60;

/** A lease that is kept alive: what hangs on it is there as long as this process is, and not much longer. */
export class Session {
  readonly client: Client;
  readonly lease: bigint;
  /** Resolves when the lease is lost, or the session is closed; never rejects. */
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();

  /** Grants a lease of `ttlSeconds` (default 60). Rejects with a ClientError. */
  static async open(client: Client, ttlSeconds: number = DEFAULT_TTL_SECONDS): Promise<Session> {
    const { ID } = await client.lease.grant({ TTL: ttlSeconds }, { timeoutMs: Number.POSITIVE_INFINITY });
    return new Session(client, ID);
  }

  private constructor(client: Client, lease: bigint) {
    this.client = client;
    this.lease = lease;
    this.ended = this.#keepAlive();
  }

  /** Ends the session and all that hangs on its lease. */
  async close(): Promise<void> {
    this.leave();
    await this.client.lease.revoke({ ID: this.lease });
  }

  /** Ends the session, and leaves its lease to run out. */
  leave(): void {
    this.#stop.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #keepAlive(): Promise<void> {
    try {
      for await (const _ of this.client.lease.keepAlive(this.lease, this.#stop.signal));
    } catch {
      // Closed, or the cluster refuses: either way nobody keeps it any more.
    }
  }
}
