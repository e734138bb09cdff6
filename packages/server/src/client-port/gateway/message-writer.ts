import { Buffer } from "node:buffer";

const EMPTY = new Uint8Array(0);
const FIRST_CAPACITY = 256;
const VARINT = 0;
const DELIMITED = 2;
/** Shorter pieces are copied octet by octet: a view of each would cost more. */
const SHORT_PIECE_BYTES = 32;

/**
 * Writes the wire form of a message from its beginning to its end, without knowing how long what it opens will be: the
 * lengths are put between when all is written, so that nesting costs nothing however deep it is.
 */
export class MessageWriter {
  #bytes: Uint8Array = EMPTY;
  #length = 0;
  /** Of everything that was opened, in order: where its content begins, and how long it is, lengths in it included. */
  readonly #starts: number[] = [];
  readonly #sizes: number[] = [];
  /** What is open: its index in these, and the octets of lengths before it. */
  readonly #open: number[] = [];
  #lengthBytes = 0;
  #result: Uint8Array = EMPTY;
  #resultLength = 0;
  #copied = 0;
  #nextStart = 0;

  /** A number as 64 bits; what is negative has all of them. */
  varint(field: number, value: bigint): void {
    this.#tag(field, VARINT);
    this.element(value);
  }

  /** An element of a packed list, which has been opened. */
  element(value: bigint): void {
    this.#reserve(10);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  delimited(field: number, value: Uint8Array): void {
    this.#tag(field, DELIMITED);
    this.#reserve(5 + value.length);
    this.#length = writeLength(this.#bytes, this.#length, value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** Begins a message, or a packed list. */
  open(field: number): void {
    this.#tag(field, DELIMITED);
    this.#open.push(this.#starts.length, this.#lengthBytes);
    this.#starts.push(this.#length);
    this.#sizes.push(0);
  }

  /** Ends what was opened last. */
  close(): void {
    const lengthBytesBefore = this.#open.pop()!;
    const index = this.#open.pop()!;
    const size = this.#length - this.#starts[index]! + this.#lengthBytes - lengthBytesBefore;
    this.#sizes[index] = size;
    this.#lengthBytes += lengthSize(size);
  }

  /** Octets of the whole message. */
  get length(): number {
    return this.#length + this.#lengthBytes;
  }

  /** When everything is closed: puts up to `count` lengths in their places. True when the message is complete. */
  assemble(count: number): boolean {
    if (this.#starts.length === 0) {
      this.#result = this.#bytes.subarray(0, this.#length);
      return true;
    }
    if (this.#result === EMPTY) this.#result = allocate(this.length);
    const end = Math.min(this.#starts.length, this.#nextStart + count);
    for (; this.#nextStart < end; this.#nextStart++) {
      this.#copyUpTo(this.#starts[this.#nextStart]!);
      this.#resultLength = writeLength(this.#result, this.#resultLength, this.#sizes[this.#nextStart]!);
    }
    if (end < this.#starts.length) return false;
    this.#copyUpTo(this.#length);
    return true;
  }

  /** The message, once it is complete. Owned by the caller. */
  get result(): Uint8Array {
    return this.#result;
  }

  #copyUpTo(end: number): void {
    const bytes = this.#bytes;
    const from = this.#copied;
    if (end - from > SHORT_PIECE_BYTES) this.#result.set(bytes.subarray(from, end), this.#resultLength);
    else for (let i = from; i < end; i++) this.#result[this.#resultLength + i - from] = bytes[i]!;
    this.#resultLength += end - from;
    this.#copied = end;
  }

  #tag(field: number, wireType: number): void {
    this.#reserve(5);
    this.#length = writeLength(this.#bytes, this.#length, field * 8 + wireType);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const larger = allocate(Math.max(needed, this.#bytes.length * 2, FIRST_CAPACITY));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** Not zeroed, since every octet is written before it is seen; no Buffer, whose `slice` would not copy. */
function allocate(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}

/** A varint below 2^32. Returns the position after it. */
function writeLength(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

function lengthSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest >>>= 7) size++;
  return size;
}
