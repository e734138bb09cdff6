import { nameOf } from "../cache/key-range.ts";

/** etcd's clients wait as long before they want a key again that others have written. */
const DECLINED_MS = 2_000;
const MOST = 16_384;

/**
 * Keys that this proxy does not try to own for a while: somebody else does, or wants to write them. To ask each time would make
 * every read a proposal, and writers wait for ever.
 */
export class DeclinedKeys {
  /** Until when, by key, on the clock of `performance.now()`; in the order in which they came. */
  readonly #until = new Map<string, number>();

  add(key: Uint8Array): void {
    const name = nameOf(key);
    this.#until.delete(name);
    this.#until.set(name, performance.now() + DECLINED_MS);
    if (this.#until.size <= MOST) return;
    const [oldest] = this.#until.keys();
    this.#until.delete(oldest!);
  }

  has(key: Uint8Array): boolean {
    const name = nameOf(key);
    const until = this.#until.get(name);
    if (until === undefined) return false;
    if (performance.now() < until) return true;
    this.#until.delete(name);
    return false;
  }
}
