import type { Gateway } from "./gateway/gateway.ts";

/**
 * The gateway, opened at the first request: gRPC clients do not need it, and loading it would delay the start. An
 * opening that fails costs the requests that waited for it; the next one tries again.
 */
export class LazyGateway {
  readonly #open: () => Promise<Gateway>;
  #opening: Promise<Gateway> | undefined;
  #gateway: Gateway | undefined;

  constructor(open: () => Promise<Gateway>) {
    this.#open = open;
  }

  /** The gateway, if it is open. */
  get opened(): Gateway | undefined {
    return this.#gateway;
  }

  /**
   * Runs `use` with the gateway, now or when it is open. What `use` throws or rejects with, and a failure to open the
   * gateway, go to `failed`.
   */
  use(use: (gateway: Gateway) => void | Promise<void>, failed: (error: unknown) => void): void {
    if (this.#gateway === undefined) {
      this.#whenOpen().then(use).catch(failed);
      return;
    }
    try {
      use(this.#gateway)?.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #whenOpen(): Promise<Gateway> {
    this.#opening ??= this.#openOnce().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openOnce(): Promise<Gateway> {
    this.#gateway = await this.#open();
    return this.#gateway;
  }
}
