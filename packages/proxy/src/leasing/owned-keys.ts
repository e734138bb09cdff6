import { type KeyRange, nameOf, overlap } from "../cache/key-range.ts";
import type { OwnedKey } from "./owned-key.ts";
import { oneKey } from "./request-parts.ts";

const MOST_KEYS = 65_536;
const MOST_BYTES = 64 * 1024 * 1024;

/** Keys that this proxy owns, within limits. */
export class OwnedKeys {
  /** By the key; those used last come last. */
  readonly #keys = new Map<string, OwnedKey>();
  /** As each was when it was added. */
  readonly #bytesOf = new Map<string, number>();
  readonly #mostKeys: number;
  #bytes = 0;

  constructor(mostKeys: number = MOST_KEYS) {
    this.#mostKeys = mostKeys;
  }

  get size(): number {
    return this.#keys.size;
  }

  get(key: Uint8Array): OwnedKey | undefined {
    return this.#keys.get(nameOf(key));
  }

  /** The same, for a reader: it stays longer. */
  use(key: Uint8Array): OwnedKey | undefined {
    const name = nameOf(key);
    const owned = this.#keys.get(name);
    if (owned === undefined) return undefined;
    this.#keys.delete(name);
    this.#keys.set(name, owned);
    return owned;
  }

  /** Returns those that have to be given up for it: they are here no more. */
  add(owned: OwnedKey): OwnedKey[] {
    const name = nameOf(owned.key);
    this.remove(owned.key);
    this.#keys.set(name, owned);
    this.#measure(name, owned);
    const tooMany: OwnedKey[] = [];
    while (this.#keys.size > this.#mostKeys || (this.#bytes > MOST_BYTES && this.#keys.size > 0)) {
      const [oldest] = this.#keys.values();
      this.remove(oldest!.key);
      tooMany.push(oldest!);
    }
    return tooMany;
  }

  /** Its value may be of another size now. */
  changed(owned: OwnedKey): void {
    const name = nameOf(owned.key);
    if (this.#keys.get(name) === owned) this.#measure(name, owned);
  }

  remove(key: Uint8Array): void {
    const name = nameOf(key);
    this.#keys.delete(name);
    this.#bytes -= this.#bytesOf.get(name) ?? 0;
    this.#bytesOf.delete(name);
  }

  within(range: KeyRange): OwnedKey[] {
    return [...this.#keys.values()].filter(({ key }) => overlap(oneKey(key), range));
  }

  #measure(name: string, owned: OwnedKey): void {
    this.#bytes += owned.bytes - (this.#bytesOf.get(name) ?? 0);
    this.#bytesOf.set(name, owned.bytes);
  }
}
