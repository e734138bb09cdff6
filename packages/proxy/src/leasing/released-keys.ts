import { nameOf } from "../cache/key-range.ts";

/** Those who wait until a leasing key is gone, and are told by the watch. */
export class ReleasedKeys {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** `stop` has to follow. */
  wait(key: Uint8Array): { readonly released: Promise<void>; readonly stop: () => void } {
    const name = nameOf(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    const those = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, those);
    those.add(resolve);
    const stop = () => {
      those.delete(resolve);
      if (those.size === 0 && this.#waiting.get(name) === those) this.#waiting.delete(name);
    };
    return { released: promise, stop };
  }

  tell(key: Uint8Array): void {
    for (const resolve of this.#waiting.get(nameOf(key)) ?? []) resolve();
  }
}
