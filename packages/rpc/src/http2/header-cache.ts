import type { HeaderBlock } from "./header-block.ts";

const SLOTS = 8;
/** Longer blocks carry something that changes; comparing them would cost more than it saves. */
const LONGEST_BLOCK = 512;

interface CachedBlock {
  readonly bytes: Uint8Array;
  readonly generation: number;
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

  find(bytes: Uint8Array, start: number, length: number, generation: number): HeaderBlock | undefined {
    const entries = this.#entries;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      const known = entry.bytes;
      if (known.length !== length || entry.generation !== generation) continue;
      let j = 0;
      while (j < length && known[j] === bytes[start + j]) j++;
      if (j === length) return entry.block;
    }
    return undefined;
  }

  add(bytes: Uint8Array, start: number, length: number, generation: number, block: HeaderBlock): void {
    if (length > LONGEST_BLOCK || block.tooLarge) return;
    // A copy whatever `bytes` is: a Buffer's own `slice` would be a view of memory that is read into again.
    const entry = { bytes: Uint8Array.prototype.slice.call(bytes, start, start + length), generation, block };
    if (this.#entries.length < SLOTS) {
      this.#entries.push(entry);
    } else {
      this.#entries[this.#oldest] = entry;
      this.#oldest = (this.#oldest + 1) % SLOTS;
    }
  }
}
