import { type Client, Session } from "@quorate/client";
import type { Log } from "../log.ts";
import type { Prefix } from "../namespace/prefix.ts";
import { type RegisteredProxy, writeRegistration } from "./registration-value.ts";

/** Before the next try, when the proxy could not register or its lease was lost. */
const PAUSE_MS = 1_000;

export interface RegistrationOptions {
  readonly client: Client;
  readonly prefix: Prefix;
  readonly registry: string;
  readonly ttlSeconds: number;
  readonly proxy: RegisteredProxy;
  readonly log: Log;
}

/** Says where this proxy is for as long as it lives, and not much longer. */
export class Registration {
  readonly #options: RegistrationOptions;
  #session: Session | undefined;
  #closed = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    void this.#stay();
  }

  /** Takes it back. Does not reject. */
  async close(): Promise<void> {
    this.#closed = true;
    // Who cannot be reached learns it from the lease.
    await this.#session?.close().catch(() => {});
  }

  async #stay(): Promise<void> {
    const { log } = this.#options;
    while (!this.#closed) {
      try {
        this.#session = await this.#register();
        await this.#session.ended;
        if (this.#closed) return;
        log("warn", "session expired; possible network partition or server restart");
        log("warn", "creating a new session to rejoin");
      } catch (error) {
        if (this.#closed) return;
        log("warn", "failed to create a session", { error: (error as Error).message });
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async #register(): Promise<Session> {
    const { client, prefix, registry, ttlSeconds, proxy, log } = this.#options;
    const session = await Session.open(client, ttlSeconds);
    const key = prefix.key(Buffer.from(`${registry}/${proxy.url}`));
    try {
      await client.kv.put({ key, value: writeRegistration(proxy), lease: session.lease });
    } catch (error) {
      await session.close().catch(() => {});
      throw error;
    }
    log("info", "registered session with lease", { addr: proxy.url, "lease-ttl": ttlSeconds });
    return session;
  }
}
