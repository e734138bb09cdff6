/** The few parts of protobuf that the log and snapshot files need, over plain byte arrays. */

/** Bytes of `value`'s varint; a non-negative safe integer. */
export function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 0x8_0000_0000) return 5;
  if (value < 0x400_0000_0000) return 6;
  return value < 0x2_0000_0000_0000 ? 7 : 8;
}

/** Writes a non-negative safe integer; returns the position after it. */
export function putVarint(target: Uint8Array, at: number, value: number): number {
  let rest = value;
  let position = at;
  while (rest > 0x7fff_ffff) {
    target[position++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest > 0x7f) {
    target[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[position++] = rest;
  return position;
}

/** Writes 64 bits, unsigned; returns the position after it. */
export function putVarint64(target: Uint8Array, at: number, value: bigint): number {
  let rest = BigInt.asUintN(64, value);
  let position = at;
  while (rest > 0x7fn) {
    target[position++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[position++] = Number(rest);
  return position;
}

/** Small messages that are not on the hot path: collects fields, then hands out the bytes. */
export class FieldWriter {
  #bytes = new Uint8Array(64);
  #length = 0;

  varint(field: number, value: number): this {
    this.#reserve(15);
    this.#length = putVarint(this.#bytes, this.#length, field * 8);
    this.#length = putVarint(this.#bytes, this.#length, value);
    return this;
  }

  varint64(field: number, value: bigint): this {
    this.#reserve(15);
    this.#length = putVarint(this.#bytes, this.#length, field * 8);
    this.#length = putVarint64(this.#bytes, this.#length, value);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#reserve(15 + value.length);
    this.#length = putVarint(this.#bytes, this.#length, field * 8 + 2);
    this.#length = putVarint(this.#bytes, this.#length, value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** An owned copy. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Thrown by `FieldReader` for bytes that are no message; callers turn it into an error that names the place. */
export class MalformedMessage extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "MalformedMessage";
  }
}

/**
 * Walks the fields of a message: `while (reader.next())` look at `field`, then read the value with the method for
 * its type, or `skip`. Reused from message to message with `reset`, so that reading makes no object per message.
 */
export class FieldReader {
  field = 0;
  wireType = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #position = 0;
  #end = 0;

  reset(bytes: Uint8Array, start: number, end: number): this {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
    return this;
  }

  next(): boolean {
    if (this.#position >= this.#end) return false;
    const first = this.#bytes[this.#position]!;
    if (first < 0x80) {
      this.#position++;
      this.wireType = first & 7;
      this.field = first >>> 3;
    } else {
      const tag = this.#number();
      this.wireType = tag % 8;
      this.field = Math.floor(tag / 8);
    }
    if (this.field === 0 || this.field > 0x1fff_ffff) throw new MalformedMessage("illegal field number");
    return true;
  }

  /** A non-negative integer up to 2^53 - 1; anything greater is not ours, and malformed. */
  varint(): number {
    this.#expect(0);
    return this.#number();
  }

  varint64(): bigint {
    this.#expect(0);
    const start = this.#position;
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff_ffff_ffffn) break;
        return value;
      }
    }
    this.#position = start;
    throw new MalformedMessage("varint overflows 64 bits");
  }

  /** Start of a length-delimited value; its end is `valueEnd`, and the reader stands behind it. */
  valueStart(): number {
    this.#expect(2);
    const length = this.#number();
    if (length > this.#end - this.#position) throw new MalformedMessage("field runs beyond its message");
    const start = this.#position;
    this.#position += length;
    return start;
  }

  get valueEnd(): number {
    return this.#position;
  }

  skip(): void {
    switch (this.wireType) {
      case 0:
        for (let count = 1; this.#byte() >= 0x80; count++) {
          if (count === 10) throw new MalformedMessage("varint overflows 64 bits");
        }
        return;
      case 1:
        this.#forward(8);
        return;
      case 2:
        this.valueStart();
        return;
      case 5:
        this.#forward(4);
        return;
      default:
        throw new MalformedMessage(`wire type ${this.wireType}`);
    }
  }

  #expect(wireType: number): void {
    if (this.wireType !== wireType) {
      throw new MalformedMessage(`field ${this.field} has wire type ${this.wireType}, not ${wireType}`);
    }
  }

  #forward(count: number): void {
    if (count > this.#end - this.#position) throw new MalformedMessage("unexpected end of message");
    this.#position += count;
  }

  #byte(): number {
    if (this.#position >= this.#end) throw new MalformedMessage("unexpected end of message");
    return this.#bytes[this.#position++]!;
  }

  #number(): number {
    let byte = this.#byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    // Most are small enough for integers of the machine.
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    for (let scale = 2 ** 28; scale <= 2 ** 49; scale *= 128) {
      byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
    }
    throw new MalformedMessage("number beyond 2^53");
  }
}
