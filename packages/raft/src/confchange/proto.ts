import { RaftError } from "../errors.ts";

/** As much of protobuf as conf changes need; the messages between members are not encoded in this package. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const MASK_64 = 0xffff_ffff_ffff_ffffn;
const MAX_VARINT_BYTES = 10;

function malformed(): RaftError {
  return new RaftError("MALFORMED", "proto: cannot parse invalid wire-format data");
}

export class ProtoWriter {
  readonly #bytes: number[] = [];

  varint(field: number, value: bigint): void {
    this.#raw(BigInt((field << 3) | VARINT));
    this.#raw(value & MASK_64);
  }

  bytes(field: number, value: Uint8Array): void {
    this.#raw(BigInt((field << 3) | LENGTH_DELIMITED));
    this.#raw(BigInt(value.length));
    for (const byte of value) this.#bytes.push(byte);
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #raw(value: bigint): void {
    let rest = value;
    while (rest >= 0x80n) {
      this.#bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#bytes.push(Number(rest));
  }
}

/** Goes through the fields of one message: `next`, then exactly one of `uint64`, `enumeration`, `bytes`, `skip`. */
export class ProtoReader {
  readonly #data: Uint8Array;
  #at = 0;
  #field = 0;
  #wireType = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  next(): boolean {
    if (this.#at === this.#data.length) return false;
    const tag = this.uint64();
    this.#field = Number(tag >> 3n);
    this.#wireType = Number(tag & 7n);
    if (this.#field === 0) throw malformed();
    return true;
  }

  isVarint(field: number): boolean {
    return this.#field === field && this.#wireType === VARINT;
  }

  isBytes(field: number): boolean {
    return this.#field === field && this.#wireType === LENGTH_DELIMITED;
  }

  uint64(): bigint {
    let value = 0n;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.#data[this.#at++];
      if (byte === undefined) throw malformed();
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return value & MASK_64;
    }
    throw malformed();
  }

  enumeration(): number {
    return Number(BigInt.asIntN(32, this.uint64()));
  }

  /** A view into the message, not a copy. */
  bytes(): Uint8Array {
    const length = this.uint64();
    if (length > BigInt(this.#data.length - this.#at)) throw malformed();
    const start = this.#at;
    this.#at += Number(length);
    return this.#data.subarray(start, this.#at);
  }

  skip(): void {
    if (this.#wireType === VARINT) this.uint64();
    else if (this.#wireType === LENGTH_DELIMITED) this.bytes();
    else if (this.#wireType === FIXED64) this.#skipBytes(8);
    else if (this.#wireType === FIXED32) this.#skipBytes(4);
    else throw malformed();
  }

  #skipBytes(count: number): void {
    if (this.#data.length - this.#at < count) throw malformed();
    this.#at += count;
  }
}
