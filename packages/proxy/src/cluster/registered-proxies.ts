import { type Client, EventType, withPrefix } from "@quorate/client";
import type { KeyValue } from "@quorate/wire/messages";
import type { Log } from "../log.ts";
import type { Prefix } from "../namespace/prefix.ts";
import { type RegisteredProxy, readRegistration } from "./registration-value.ts";

/** Before what is registered is read again. */
const PAUSE_MS = 1_000;

/** The proxies of this cluster that have said where they are, as their registry has them now. */
export class RegisteredProxies {
  readonly #client: Client;
  readonly #folder: Uint8Array;
  readonly #log: Log;
  readonly #proxies = new Map<string, RegisteredProxy>();
  readonly #stop = new AbortController();

  /** `registry`: the keys below it, in the namespace that `prefix` is, are theirs. */
  constructor(client: Client, prefix: Prefix, registry: string, log: Log) {
    this.#client = client;
    this.#folder = prefix.key(Buffer.from(`${registry}/`));
    this.#log = log;
    void this.#follow();
  }

  get all(): readonly RegisteredProxy[] {
    return [...this.#proxies.values()];
  }

  close(): void {
    this.#stop.abort();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const range = withPrefix(this.#folder);
        const { header, kvs } = await this.#client.kv.range({ ...range, serializable: true }, { signal });
        this.#proxies.clear();
        for (const kv of kvs) this.#put(kv);
        const startRevision = header!.revision + 1n;
        for await (const { events } of this.#client.watch({ ...range, startRevision }, { signal })) {
          for (const { type, kv } of events) {
            if (type === EventType.DELETE) this.#proxies.delete(textOf(kv!.key));
            else this.#put(kv!);
          }
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#log("warn", "failed to establish endpoint watch", { error: (error as Error).message });
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  #put({ key, value }: KeyValue): void {
    const proxy = readRegistration(textOf(value));
    if (proxy !== undefined) this.#proxies.set(textOf(key), proxy);
    else this.#log("warn", "unmarshal endpoint update failed", { key: textOf(key) });
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
