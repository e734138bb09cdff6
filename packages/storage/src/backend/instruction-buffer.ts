import type { Chunk } from "./arena.ts";
import { writeRevisionKey } from "./revision-key.ts";

/*
 * A transaction as a list of instructions in memory, in the form that the native write thread of `lmdb` executes
 * (node_modules/lmdb/src/writer.cpp): at an address divisible by 8
 *   u32 flags | u32 table | u32 key length | key | padding | u32 value length | f64 value address
 * and after the last one a zero word, in which the thread marks the end; the word before that is overwritten with
 * the transaction's id. The library's own `put` fills the same lists through several objects an entry, which costs
 * the loop 0.5 to 1 µs; filling them directly costs 0.06 µs. The version of `lmdb` is pinned for this.
 */
const PUT = 15;
const PUT_APPENDING = PUT | 0x2_0000;
const DELETE = 13;
const FAILED = 0x400_0000;
const KEY_OFFSET = 12;
/** The first instruction leaves room for the transaction's id before it. */
const FIRST = 8;

/** Bytes that an instruction can need beside its key. */
export const INSTRUCTION_BYTES = 40;

export class InstructionBuffer {
  #u8 = new Uint8Array(0);
  #view = new DataView(this.#u8.buffer);
  #u32 = new Uint32Array(0);
  #f64 = new Float64Array(0);
  #at = FIRST;
  #addressOf: (buffer: ArrayBuffer) => number;
  #address = 0;

  /** `addressOf` tells where a buffer's memory is. */
  constructor(addressOf: (buffer: ArrayBuffer) => number) {
    this.#addressOf = addressOf;
  }

  /** Empties the list and makes room for `bytes` of instructions. */
  begin(bytes: number): void {
    const needed = FIRST + bytes + INSTRUCTION_BYTES;
    if (needed > this.#u8.length || needed < this.#u8.length / 16) {
      const buffer = new ArrayBuffer((needed + 0xffff) & ~0xffff);
      this.#u8 = new Uint8Array(buffer);
      this.#view = new DataView(buffer);
      this.#u32 = new Uint32Array(buffer);
      this.#f64 = new Float64Array(buffer);
      this.#address = this.#addressOf(buffer);
    }
    this.#at = FIRST;
  }

  /** A record of table `key` behind all that are there. `length` bytes at `start` of `chunk` stay as they are until the end. */
  appendRevision(
    table: number,
    main: number,
    sub: number,
    tombstone: boolean,
    chunk: Chunk,
    start: number,
    length: number,
  ): void {
    const at = this.#at;
    const keyLength = writeRevisionKey(this.#view, at + KEY_OFFSET, main, sub, tombstone);
    this.#value(this.#head(PUT_APPENDING, table, keyLength), this.#addressIn(chunk, start), length);
  }

  deleteRevision(table: number, main: number, sub: number, tombstone: boolean): void {
    const keyLength = writeRevisionKey(this.#view, this.#at + KEY_OFFSET, main, sub, tombstone);
    this.#at = this.#head(DELETE, table, keyLength);
  }

  put(table: number, key: Uint8Array, chunk: Chunk, start: number, length: number): void {
    this.#u8.set(key, this.#at + KEY_OFFSET);
    this.#value(this.#head(PUT, table, key.length), this.#addressIn(chunk, start), length);
  }

  delete(table: number, key: Uint8Array): void {
    this.#u8.set(key, this.#at + KEY_OFFSET);
    this.#at = this.#head(DELETE, table, key.length);
  }

  /** Closes the list; the address of its first instruction. Its memory must not move or change until it is executed. */
  end(): number {
    this.#u32[this.#at >>> 2] = 0;
    return this.#address + FIRST;
  }

  /** Where the first instruction is. */
  get first(): number {
    return FIRST;
  }

  /** Behind the last instruction. */
  get endOfList(): number {
    return this.#at;
  }

  /** After the execution: whether the instruction is a put that was refused because its key was not behind all others. */
  isRefusedPut(at: number): boolean {
    const flags = this.#u32[at >>> 2]!;
    return (flags & 15) === PUT && (flags & FAILED) !== 0;
  }

  /** Where the next instruction is. */
  after(at: number): number {
    const isPut = (this.#u32[at >>> 2]! & 15) === PUT;
    return nextOffset(at, this.#u32[(at >>> 2) + 2]!) + (isPut ? 8 : 0);
  }

  #head(flags: number, table: number, keyLength: number): number {
    const at = this.#at;
    const word = at >>> 2;
    this.#u32[word] = flags;
    this.#u32[word + 1] = table;
    this.#u32[word + 2] = keyLength;
    const next = nextOffset(at, keyLength);
    // The comparison of keys may look at the bytes behind a key.
    for (let i = at + KEY_OFFSET + keyLength; i < next; i++) this.#u8[i] = 0;
    return next;
  }

  #value(at: number, address: number, length: number): void {
    this.#u32[(at >>> 2) - 1] = length;
    this.#f64[at >>> 3] = address;
    this.#at = at + 8;
  }

  #addressIn(chunk: Chunk, start: number): number {
    if (chunk.address === 0) chunk.address = this.#addressOf(chunk.bytes.buffer);
    return chunk.address + start;
  }
}

function nextOffset(at: number, keyLength: number): number {
  return (at + KEY_OFFSET + keyLength + 16) & ~7;
}
