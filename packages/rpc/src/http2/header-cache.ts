import type { HeaderBlock } from "./header-block.ts";

const SLOTS = 8;

export interface CachedBlock {
  readonly bytes: Uint8Array;
  /** Of the decoder's table when `bytes` were decoded: with any other they may mean something else. */
  readonly changeCount: number;
  readonly block: HeaderBlock;
}

/**
 * Remembers what the last few encoded header blocks of a connection meant. A gRPC client sends the same octets for every
 * call of a method once its HPACK table is warm; as long as the table has not changed they mean the same, and a block
 * that does not change the table itself can be looked up instead of decoded.
 */
export class HeaderCache {
  readonly #entries: CachedBlock[] = [];
  #oldest = 0;

  find(bytes: Uint8Array, start: number, length: number, changeCount: number): CachedBlock | undefined {
    const entries = this.#entries;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      const known = entry.bytes;
      if (known.length !== length || entry.changeCount !== changeCount) continue;
      let j = 0;
      while (j < length && known[j] === bytes[start + j]) j++;
      if (j === length) return entry;
    }
    return undefined;
  }

  /** Keeps `bytes`, which nobody may change any more. */
  add(bytes: Uint8Array, changeCount: number, block: HeaderBlock): void {
    const entry = { bytes, changeCount, block };
    if (this.#entries.length < SLOTS) {
      this.#entries.push(entry);
    } else {
      this.#entries[this.#oldest] = entry;
      this.#oldest = (this.#oldest + 1) % SLOTS;
    }
  }
}
