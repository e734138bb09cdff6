import { DynamicTable } from "./dynamic-table.ts";
import { headerField } from "./field.ts";
import { encodeHuffman, huffmanLength } from "./huffman.ts";
import { STATIC_FIELD_INDEX, STATIC_NAME_INDEX, STATIC_TABLE_LENGTH } from "./static-table.ts";

/** How a field that is in no table is written. */
export const INDEX_FIELD = 0;
/** For values that differ from call to call: they would only push useful entries out. */
export const DO_NOT_INDEX = 1;
/** For secrets: no intermediary may index them either. */
export const NEVER_INDEX = 2;

/** The most memory we spend on a peer's behalf, whatever table it offers. */
const MAX_TABLE_SIZE = 4096;

/**
 * An HPACK encoder (RFC 7541) that appends to an internal block. Strings are latin1: one octet a character.
 * {@link changeCount} changes when bytes encoded earlier would no longer mean the same, so callers may keep encoded
 * blocks that contain only references and unindexed literals for as long as it does not.
 */
export class HpackEncoder {
  readonly #table = new DynamicTable(MAX_TABLE_SIZE);
  /** Insertion number of each field in the table; its index follows from the count of later insertions. */
  readonly #insertionOf = new Map<string, number>();
  readonly #keys: string[] = [];
  #insertions = 0;
  #block = new Uint8Array(256);
  #length = 0;
  /** The smallest and the final size the peer set since the last block; -1 when none is pending. */
  #smallestPendingSize = -1;
  #pendingSize = -1;

  get changeCount(): number {
    return this.#table.changeCount;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. The update is announced at the start of the next block. */
  setPeerTableSize(peerSize: number): void {
    const size = Math.min(peerSize, MAX_TABLE_SIZE);
    if (size === this.#table.maxSize && this.#pendingSize < 0) return;
    this.#smallestPendingSize = this.#pendingSize < 0 ? size : Math.min(this.#smallestPendingSize, size);
    this.#pendingSize = size;
    this.#table.resize(size);
    this.#forgetEvicted();
  }

  /** Starts a block; pending size updates come first, as RFC 7541 section 4.2 demands. */
  begin(): void {
    this.#length = 0;
    if (this.#pendingSize < 0) return;
    if (this.#smallestPendingSize < this.#pendingSize) this.#integer(this.#smallestPendingSize, 5, 0x20);
    this.#integer(this.#pendingSize, 5, 0x20);
    this.#pendingSize = -1;
    // A block with a size update in it must not be sent twice.
    this.#table.changeCount++;
  }

  field(name: string, value: string, indexing: number): void {
    const key = `${name}\0${value}`;
    const staticIndex = STATIC_FIELD_INDEX.get(key);
    if (staticIndex !== undefined) {
      this.#integer(staticIndex, 7, 0x80);
      return;
    }
    if (indexing === INDEX_FIELD) {
      const insertion = this.#insertionOf.get(key);
      if (insertion !== undefined) {
        this.#integer(STATIC_TABLE_LENGTH + (this.#insertions - insertion), 7, 0x80);
        return;
      }
      const size = name.length + value.length + 32;
      // A field that takes most of the table would evict what every call needs.
      if (size * 2 <= this.#table.maxSize) {
        this.#literal(name, value, 6, 0x40);
        this.#insert(name, value, key);
        return;
      }
    }
    this.#literal(name, value, 4, indexing === NEVER_INDEX ? 0x10 : 0);
  }

  /** The finished block, borrowed until the next `begin`. */
  end(): Uint8Array {
    return this.#block.subarray(0, this.#length);
  }

  #insert(name: string, value: string, key: string): void {
    this.#table.insert(headerField(name, value));
    this.#keys.push(key);
    this.#insertionOf.set(key, this.#insertions++);
    this.#forgetEvicted();
  }

  #forgetEvicted(): void {
    while (this.#keys.length > this.#table.length) this.#insertionOf.delete(this.#keys.shift()!);
  }

  #literal(name: string, value: string, prefixBits: number, pattern: number): void {
    const nameIndex = STATIC_NAME_INDEX.get(name) ?? 0;
    this.#integer(nameIndex, prefixBits, pattern);
    if (nameIndex === 0) this.#string(name);
    this.#string(value);
  }

  #string(text: string): void {
    const packed = huffmanLength(text);
    const huffman = packed < text.length;
    const length = huffman ? packed : text.length;
    this.#integer(length, 7, huffman ? 0x80 : 0);
    this.#reserve(length);
    if (huffman) {
      this.#length = encodeHuffman(text, this.#block, this.#length);
    } else {
      for (let i = 0; i < text.length; i++) this.#block[this.#length++] = text.charCodeAt(i);
    }
  }

  #integer(value: number, prefixBits: number, pattern: number): void {
    this.#reserve(6);
    const mask = (1 << prefixBits) - 1;
    if (value < mask) {
      this.#block[this.#length++] = pattern | value;
      return;
    }
    this.#block[this.#length++] = pattern | mask;
    let rest = value - mask;
    while (rest >= 0x80) {
      this.#block[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#block[this.#length++] = rest;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#block.length) return;
    const larger = new Uint8Array(Math.max(this.#block.length * 2, this.#length + count));
    larger.set(this.#block.subarray(0, this.#length));
    this.#block = larger;
  }
}
