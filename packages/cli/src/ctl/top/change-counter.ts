import { type Client, NO_END, prefixEnd, type Watcher } from "@quorate/client";
import { ExitCode, exitWith } from "../../command-line/exit.ts";
import type { HotPrefixes } from "./hot-prefixes.ts";

/** How often a watch is asked how far it is: it answers when it has caught up. */
const ASK_MS = 20;

/** Watches all keys with a prefix from now on, and has their changes counted. */
export class ChangeCounter {
  /** Why it does not count any more; empty while it does. */
  error = "";
  readonly #watcher: Watcher;
  /** Up to which revision all is counted. */
  #revision: bigint;
  #onProgress: () => void = () => {};

  private constructor(watcher: Watcher, revision: bigint) {
    this.#watcher = watcher;
    this.#revision = revision;
  }

  /** Throws Exit when the store does not say what its revision is. */
  static async start(client: Client, prefix: string, counts: HotPrefixes): Promise<ChangeCounter> {
    const range =
      prefix === "" ? { key: NO_END, rangeEnd: NO_END } : { key: prefix, rangeEnd: prefixEnd(prefix) };
    const { header } = await client.kv.range({ ...range, countOnly: true }).catch((error: unknown) => {
      throw exitWith(ExitCode.ERROR, error);
    });
    const revision = header?.revision ?? 0n;
    const counter = new ChangeCounter(client.watch({ ...range, startRevision: revision + 1n }), revision);
    // It tells by `error` how it ends.
    void counter.#count(counts);
    return counter;
  }

  /** Resolves when all is counted up to a revision, or nothing is any more, or after so many milliseconds. */
  async reach(revision: bigint, longestMs: number): Promise<void> {
    if (this.#revision >= revision || this.error !== "") return;
    const asking = setInterval(() => this.#watcher.requestProgress(), ASK_MS);
    const { promise, resolve } = Promise.withResolvers<void>();
    const ending = setTimeout(resolve, Math.min(longestMs, 2 ** 31 - 1));
    this.#onProgress = () => {
      if (this.#revision >= revision || this.error !== "") resolve();
    };
    await promise;
    clearInterval(asking);
    clearTimeout(ending);
  }

  close(): void {
    this.#watcher.close();
  }

  async #count(counts: HotPrefixes): Promise<void> {
    try {
      for await (const { header, events } of this.#watcher) {
        for (const event of events) counts.add(event);
        const reached = events.length === 0 ? header.revision : (events.at(-1)!.kv?.modRevision ?? 0n);
        if (reached > this.#revision) this.#revision = reached;
        this.#onProgress();
      }
    } catch (error) {
      this.error = (error as Error).message;
      this.#onProgress();
    }
  }
}
